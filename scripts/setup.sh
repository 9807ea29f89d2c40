#!/usr/bin/env bash
# Installs what building coe needs on Debian 12 or Ubuntu, if it is not there. Quick when everything is.
#   scripts/setup.sh          build, tests and demo
#   scripts/setup.sh web      also what `coe bench web` and tests in a browser need (a headless Chromium, bubblewrap,
#                             Node.js, the web toolchain, a driver of Chromium and clients)
#   scripts/setup.sh checks   also the tools of .ci/run (clang 19: format, tidy, fuzzers; Open MPI)
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(git ca-certificates g++ cmake ninja-build pkg-config ccache unzip python3
  libfmt-dev nlohmann-json3-dev libexpected-dev libcli11-dev libtomlplusplus-dev libxxhash-dev
  libre2-dev libutf8proc-dev libpng-dev libedit-dev libopenblas-dev libzstd-dev zlib1g-dev libcurl4-openssl-dev libmicrohttpd-dev libssl-dev libcpp-httplib-dev
  libgtest-dev libgmock-dev librapidcheck-dev)
if [ "${1:-}" = checks ]; then
  packages+=(clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev shellcheck libopenmpi-dev openmpi-bin)
fi
if [ "${1:-}" = web ]; then
  packages+=(bubblewrap fonts-dejavu-core)
  command -v node >/dev/null || packages+=(nodejs)
  # Ubuntu has no Chromium but as a snap, which starts in no sandbox of ours: pages are not tried there.
  shell=$(apt-cache policy chromium-headless-shell 2>/dev/null || true)
  if [ -z "$shell" ] && [ "$(id -u)" -eq 0 ]; then  # no package lists yet
    apt-get update -qq
    shell=$(apt-cache policy chromium-headless-shell)
  fi
  if [[ $shell == *"Candidate: "[0-9]* ]]; then
    packages+=(chromium-headless-shell)
  else
    echo "setup: no package chromium-headless-shell: tests of the web suite will be skipped" >&2
  fi
fi
# npm may come from elsewhere than the distribution; its package pulls in hundreds of others.
command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
install_packages() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: needs root to install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
[ ${#missing[@]} -eq 0 ] || install_packages

# Installs what the package-lock.json of a folder pins, and again when that has changed.
install_locked() {
  local folder=$1 what=$2
  ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.coe-lock.json" || return 0
  echo "setup: installing $what" >&2
  npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error >/dev/null
  cp "$folder/package-lock.json" "$folder/node_modules/.coe-lock.json"
}
if [ "${1:-}" = web ]; then
  install_locked web/toolchain "the web toolchain"
  install_locked tests/college/page "what tests of the college's page take from npm"
fi
