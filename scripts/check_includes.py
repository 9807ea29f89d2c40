#!/usr/bin/env python3
"""Holds every #include "coe/<module>/…" under src/coe/<module>/ to the module's declared DEPS, and llama.h and ggml.h to
engine_llama. src/coe/main.cc belongs to no module and may include any. Usage: check_includes.py SOURCE_DIR module=dep,dep …"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]) / "src" / "coe"
deps = {}
for word in sys.argv[2:]:
    name, _, listed = word.partition("=")
    deps[name] = {name, *filter(None, listed.split(","))}

bad = []
order = {}


def depth(name, seen=()):
    if name in seen:
        bad.append(f"module cycle: {' -> '.join([*seen, name])}")
        return 0
    return 1 + max((depth(d, (*seen, name)) for d in deps.get(name, set()) - {name}), default=0)


for name in deps:
    depth(name)
n_include = 0
for path in sorted(root.rglob("*.[hc]*")):
    module = path.relative_to(root).parts[0]
    if module == "engine_llama" and module not in deps:
        continue  # built with COE_ENGINE=OFF: its DEPS are not declared
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(root.parent.parent)}:{number}"
        engine = re.match(r'\s*#\s*include\s*[<"](llama|ggml|gguf)[-\w]*\.h[>"]', line)
        if engine and module != "engine_llama":
            bad.append(f"{where}: only engine_llama may include the engine's headers")
        found = re.match(r'\s*#\s*include\s*"coe/(\w+)/', line)
        if not found:
            continue
        n_include += 1
        target = found.group(1)
        if module != "main.cc" and target not in deps.get(module, set()):
            bad.append(f"{where}: module {module} does not declare {target} in its DEPS")
if n_include == 0:
    bad.append("no include was found: is the source folder right?")
print("\n".join(bad) if bad else f"{n_include} includes, {len(deps)} modules: ok")
sys.exit(1 if bad else 0)
