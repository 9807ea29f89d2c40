#!/usr/bin/env python3
"""Holds every #include "coe/…" of a room to the DEPS that its CMakeLists.txt declares, and llama.h and ggml.h to engine_llama;
the wings to arrows without a circle; every source to be without <regex>; and the table of dependencies in
docs/architecture.md to the same DEPS. src/coe/main.cc belongs to no module and may include any.
Usage: check_includes.py [--write] SOURCE_DIR module=dep,dep …
--write: brings the table up to date instead"""
import pathlib
import re
import sys

words = sys.argv[1:]
write = words[0] == "--write"
if write:
    words.pop(0)
source = pathlib.Path(words[0])
root = source / "src" / "coe"

# A room's folder is where its coe_module() stands; rooms of a wing stand in the wing's folder.
folders = {}
for build in sorted(root.rglob("CMakeLists.txt")):
    for name in re.findall(r"^coe_module\(\s*(\w+)", build.read_text(), re.MULTILINE):
        folders[build.parent] = name


def room_of(path):
    """The module whose folder is the innermost around the path; None for what belongs to no module."""
    while path != root and path not in folders:
        path = path.parent
    return folders.get(path)


deps = {}
for word in words[1:]:
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
    module = room_of(path.parent)
    if module == "engine_llama" and module not in deps:
        continue  # built with COE_ENGINE=OFF: its DEPS are not declared
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(root.parent.parent)}:{number}"
        engine = re.match(r'\s*#\s*include\s*[<"](llama|ggml|gguf)[-\w]*\.h[>"]', line)
        if engine and module != "engine_llama":
            bad.append(f"{where}: only engine_llama may include the engine's headers")
        found = re.match(r'\s*#\s*include\s*"(coe/[^"]+)"', line)
        if not found:
            continue
        n_include += 1
        target = room_of((root.parent / found.group(1)).parent)
        if module is not None and target not in deps.get(module, set()):
            bad.append(f"{where}: module {module} does not declare {target} in its DEPS")

# GCC 12 warns falsely of its insides under the sanitizers, where warnings are errors.
for folder in ("src", "tests", "fuzz", "bench", "tools"):
    for path in sorted((source / folder).rglob("*.[hc]*")):
        if re.search(r"(?m)^\s*#\s*include\s*<regex>", path.read_text()):
            bad.append(f"{path.relative_to(source)}: <regex>: use RE2, or tests/corpus/pattern.h")

# The table: what a module stands on comes before it. A build without the engine declares no engine_llama; what the
# document says of it stays.
document = source / "docs" / "architecture.md"
text = document.read_text()
table = re.search(r"(?m)^\| module \| depends on \(besides base\) \|\n\|---\|---\|\n((?:\|.*\n)*)", text)
if table is None:
    bad.append(f"{document}: has no table `| module | depends on (besides base) |`")
else:
    rows = [
        f"| {name} | {', '.join(sorted(deps[name] - {name, 'base'}))} |".replace("|  |", "| |")
        for name in sorted(deps, key=lambda name: (depth(name), name))
        if name != "base"
    ]
    found = table.group(1).splitlines()
    if "engine_llama" not in deps:
        found = [row for row in found if not row.startswith("| engine_llama |")]
    if write:
        if "engine_llama" not in deps:
            sys.exit("--write needs a build with the engine")
        document.write_text(text[: table.start(1)] + "".join(row + "\n" for row in rows) + text[table.end(1) :])
    elif found != rows:
        wrong = sorted(set(rows) ^ set(found)) or ["the order of the rows"]
        bad.append(f"{document.relative_to(source)}: the table of dependencies is not what CMake says:")
        bad += [f"  {'-' if row in found else '+'} {row}" for row in wrong]
        bad.append("  run: cmake --build build --target architecture_table")
wing_of = {name: folder.relative_to(root).parts[0] for folder, name in folders.items()}
arrows = {(wing_of[a], wing_of[b]) for a in deps for b in deps[a] if wing_of[a] != wing_of[b]}
left = set(arrows)
while left:
    # Arrows to wings that point nowhere any more are no part of a circle.
    sources = {a for a, _ in left}
    rest = {(a, b) for a, b in left if b in sources}
    if rest == left:
        bad.append("wings point at each other in a circle: " + ", ".join(f"{a} -> {b}" for a, b in sorted(left)))
        break
    left = rest
if n_include == 0:
    bad.append("no include was found: is the source folder right?")
n_wing = len(set(wing_of.values()))
summary = f"{n_include} includes, {len(deps)} modules, {len(arrows)} arrows between {n_wing} wings: ok"
print("\n".join(bad) if bad else summary)
sys.exit(1 if bad else 0)
