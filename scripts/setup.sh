#!/usr/bin/env bash
# Installs what building coe needs on Debian 12 or Ubuntu, if it is not there. Quick when everything is.
#   scripts/setup.sh          build, tests and demo
#   scripts/setup.sh checks   also the tools of .ci/run (clang 19: format, tidy, fuzzers; Open MPI)
set -euo pipefail

packages=(git ca-certificates g++ cmake ninja-build pkg-config ccache unzip python3
  libfmt-dev nlohmann-json3-dev libexpected-dev libcli11-dev libtomlplusplus-dev libxxhash-dev
  libre2-dev libutf8proc-dev libcurl4-openssl-dev libcpp-httplib-dev
  libgtest-dev libgmock-dev librapidcheck-dev)
if [ "${1:-}" = checks ]; then
  packages+=(clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev shellcheck libopenmpi-dev openmpi-bin)
fi
# npm may come from elsewhere than the distribution; its package pulls in hundreds of others.
command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: needs root to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
