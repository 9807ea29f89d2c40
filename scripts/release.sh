#!/usr/bin/env bash
# Builds, tests and signs a release: a Debian package, a tarball of the installation, and their checksums, in dist/.
#   scripts/release.sh                 all of it
#   scripts/release.sh --no-tests      without the tests, for a look
# COE_SIGNING_KEY names the key of gpg that signs the checksums; without one they are not signed, which is said.
# The binary runs on any x86-64 processor with AVX2, where a build of yours uses all that its own has.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=yes
case "${1:-}" in
  '') ;;
  --no-tests) tests= ;;
  *) echo "usage: scripts/release.sh [--no-tests]" >&2; exit 2 ;;
esac
[ -z "$(git status --porcelain)" ] || { echo "release: the tree has changes that are not committed" >&2; exit 1; }

scripts/setup.sh
command -v dpkg-shlibdeps >/dev/null || { echo "release: needs the package dpkg-dev" >&2; exit 1; }
cmake --preset portable --log-level=NOTICE
if [ -n "$tests" ]; then
  scripts/setup.sh web
  scripts/build.sh build-portable
  scripts/fetch-demo-sources.sh >/dev/null
  ctest --test-dir build-portable --output-on-failure --no-tests=error -j "$(nproc)"
else
  scripts/build.sh build-portable coe
fi

rm -rf dist
mkdir dist
(cd build-portable && cpack -B "$PWD/packages" >/dev/null)
cp build-portable/packages/*.deb build-portable/packages/*.tar.gz dist/
git archive --format=tar.gz --prefix="coe-source/" -o "dist/coe-source.tar.gz" HEAD
(cd dist && sha256sum -- *.deb *.tar.gz >SHA256SUMS)
if [ -n "${COE_SIGNING_KEY:-}" ]; then
  gpg --batch --yes --local-user "$COE_SIGNING_KEY" --armor --detach-sign dist/SHA256SUMS
else
  echo "release: SHA256SUMS is not signed: COE_SIGNING_KEY names no key" >&2
fi
ls -l dist
