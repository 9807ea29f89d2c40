#!/usr/bin/env python3
"""Moves the rooms of src/coe and tests into wings (docs/decisions/0007-the-house.md): one mechanical commit, after which this
script and check_includes_wings.py go.

  wings.py [--check] [--room NAME=PATH]… [REPOSITORY]      (default: the current folder)

Reads the tree as it is. Nothing is written before everything is known; a room without a wing, a circle of wings or a build
file of a form that it does not know stops it with a message. Run it on a clean checkout, then configure, build, commit.

  --check            says what would move and which arrows there are between wings, and changes nothing
  --room NAME=PATH   puts a room that this script does not know (or has elsewhere) to src/coe/PATH, e.g. journal=base/journal
"""
import pathlib
import posixpath
import re
import subprocess
import sys

# A room's folder has its module's name, but for llama. The room that gives a wing its name lies in the wing's folder itself,
# so that no name is said twice (mask/mask) and what is included most keeps its path.
WINGS = {
    "base": ("base", "stats", "draw", "picture", "process", "journal", "lines", "isolated"),
    "corpus": ("corpus",),
    "model": ("gguf", "moe"),
    "engine": ("engine", "engine_llama"),
    "profile": ("profile", "routing", "cluster"),
    "ask": ("ask", "answer", "endpoint", "generate"),
    "mask": ("mask", "masked", "score", "recon", "recipe", "compare"),
    "child": ("surgery", "verify"),
    "measure": ("eval", "tune", "transfer", "choice", "footprint", "webgen", "browser"),
    "specialize": ("specialize",),
    "cli": ("cli",),
}
ABOUT = {
    "base": "what everything else stands on: results and errors, files, hashing, statistics, pictures, processes, journals",
    "corpus": "text: from specs and files to sub-domains, splits, leaks",
    "model": "what a file holds: the format (gguf), the experts in it (moe)",
    "engine": "the one seam to inference, and llama.cpp behind it",
    "profile": "what routers choose: statistics (routing), their collection, ranks that share it (cluster)",
    "ask": "questions and answers: whoever answers (answer, endpoint), many of them (ask), corpora made of them (generate)",
    "mask": "which experts stay: scores, reconstruction, passes, recipes, comparisons",
    "child": "the cut file (surgery) and the proof (verify)",
    "measure": "what a mask or a child costs: text, questions, memory and speed, web pages",
    "specialize": "the main job",
    "cli": "arguments, rendering, exit codes",
}
PATHS = {"engine_llama": "engine/llama"}

TEXT = {".h", ".cc", ".cmake", ".py", ".sh", ".md", ".txt", ".yml", ".toml", ".supp", ".in"}
# Histories and other people's text stay as they were written.
LEAVE = ("bench/results/", "testdata/", "web/", "CHANGELOG.md", "docs/decisions/0007", "models/", "demo/sources")


def die(message):
    sys.exit(f"wings: {message}")


def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout


args = sys.argv[1:]
only_check = "--check" in args
args = [a for a in args if a != "--check"]
while "--room" in args:
    at = args.index("--room")
    name, _, path = args[at + 1].partition("=")
    PATHS[name] = path
    for wing in WINGS:
        WINGS[wing] = tuple(r for r in WINGS[wing] if r != name)
    WINGS[path.split("/")[0]] += (name,)
    del args[at:at + 2]
ROOT = pathlib.Path(args[0] if args else ".").resolve()
import os
os.chdir(ROOT)
if git("status", "--porcelain", "--untracked-files=no").strip() and not only_check:
    die("the checkout has changes that are not committed")

FILES = [f for f in git("ls-files").splitlines() if pathlib.Path(f).is_file()]
KNOWN = set(FILES)
FOLDERS = {posixpath.dirname(f) for f in FILES}
for folder in list(FOLDERS):
    while folder:
        folder = posixpath.dirname(folder)
        FOLDERS.add(folder)

# --- what there is, and where it goes -----------------------------------------------------------------------------------
rooms = sorted({f.split("/")[2] for f in FILES if f.startswith("src/coe/") and f.count("/") > 2})
wing_of = {room: wing for wing, names in WINGS.items() for room in names}
unknown = [r for r in rooms if r not in wing_of]
if unknown:
    die(f"no wing for {', '.join(unknown)}; say --room {unknown[0]}=base/{unknown[0]}")
if "engine" in rooms and any(f.startswith("src/coe/engine/llama/") for f in FILES):
    die("the tree has wings already")
path_of = {r: PATHS.get(r, r if r == wing_of[r] else f"{wing_of[r]}/{r}") for r in rooms}
wings = [w for w in WINGS if any(wing_of[r] == w for r in rooms)]
test_rooms = [r for r in rooms if any(f.startswith(f"tests/{r}/") for f in FILES)]


def moved(path):
    """Where a file or folder of today stands afterwards."""
    for root in ("src/coe", "tests"):
        parts = path.split("/")
        skip = root.count("/") + 1
        if path.startswith(root + "/") and len(parts) > skip and parts[skip] in path_of:
            return "/".join([root, path_of[parts[skip]], *parts[skip + 1:]])
    return path


targets = [moved(f) for f in FILES]
clash = sorted({t for t in targets if targets.count(t) > 1}) if len(set(targets)) != len(targets) else []
if clash:
    die(f"two files would be {clash[0]}")


def read(path):
    return pathlib.Path(path).read_text(encoding="utf-8")


# --- arrows between wings -----------------------------------------------------------------------------------------------
deps = {}
for room in rooms:
    build_file = f"src/coe/{room}/CMakeLists.txt"
    if build_file not in KNOWN:
        die(f"{build_file} is missing")
    for module, body in re.findall(r"coe_module\(\s*(\w+)(.*?)\)", read(build_file), re.S):
        found = re.search(r"\bDEPS\s+(.*?)(?=\b[A-Z]{4,}\b|\Z)", body, re.S)
        deps[module] = set(found.group(1).split()) if found else set()
arrows = {(wing_of[a], wing_of[b]) for a, bs in deps.items() for b in bs if a in wing_of and b in wing_of}
arrows = {(a, b) for a, b in arrows if a != b}


def circle(wing, seen):
    if wing in seen:
        return [*seen[seen.index(wing):], wing]
    for a, b in sorted(arrows):
        if a == wing:
            found = circle(b, [*seen, wing])
            if found:
                return found
    return None


for wing in wings:
    found = circle(wing, [])
    if found:
        for a, b in zip(found, found[1:]):
            made_by = [f"{m} -> {d}" for m in deps for d in deps[m] if wing_of.get(m) == a and wing_of.get(d) == b]
            print(f"  {a} -> {b}: {', '.join(sorted(made_by))}", file=sys.stderr)
        die(f"wings go round in a circle: {' -> '.join(found)}")

print(f"{len(rooms)} rooms, {len(wings)} wings, {sum(len(d - {m}) for m, d in deps.items())} arrows between rooms, "
      f"{len(arrows)} between wings, no circle")
for wing in wings:
    inside = [f"{r} ({path_of[r]})" for r in rooms if wing_of[r] == wing]
    to = sorted(b for a, b in arrows if a == wing)
    print(f"  {wing:<11} {', '.join(inside)}\n{'':<13} -> {', '.join(to) or 'nothing'}")
if only_check:
    sys.exit(0)

# --- new texts ----------------------------------------------------------------------------------------------------------
new = {}  # by the path of today


def text_of(path):
    return new.get(path, None) or read(path)


ROOM = "|".join(sorted(rooms, key=len, reverse=True))


def rewrite(path, text):
    """Names of places, in code, build files, scripts and prose."""
    in_tests = path.startswith("tests/")

    def place(root):
        # What stands there may be a file, a folder, or be made up: only rooms count.
        return lambda m: f"{m.group(1)}{path_of[m.group(2)]}{m.group(3)}"

    text = re.sub(rf"(?<![\w.-])(src/coe/)({ROOM})(?![\w.-])(/?)", place("src/coe"), text)
    text = re.sub(rf"(?<![\w./-])(coe/)({ROOM})(/)", place("src/coe"), text)
    text = re.sub(rf"(?<![\w.-])(tests/)({ROOM})(/)", place("tests"), text)

    def bare(m):
        name = m.group(0)
        room, rest = m.group(1), m.group(2)
        if f"src/coe/{name}" in KNOWN or (in_tests and f"tests/{name}" in KNOWN) or any(
                f"src/coe/{name}.{end}" in KNOWN for end in ("h", "cc")) or f"src/coe/{name}" in FOLDERS:
            return f"{path_of[room]}/{rest}"
        return name

    text = re.sub(rf"(?<![\w./-])({ROOM})/(\w[\w-]*(?:/\w[\w-]*)*(?:\.\w+)?)", bare, text)
    if path.endswith(".md"):
        # `endpoint/` as a folder.
        text = re.sub(rf"`({ROOM})/`", lambda m: f"`{path_of[m.group(1)]}/`", text)
    return text


def relative_sources(path, text):
    """Files that a build file names, as seen from its new place."""
    here, there = posixpath.dirname(path), posixpath.dirname(moved(path))

    def token(m):
        full = posixpath.normpath(posixpath.join(here, m.group(0)))
        return posixpath.relpath(moved(full), there) if full in KNOWN else m.group(0)

    return re.sub(r"(?<![\w./{}$-])[\w./-]+\.(?:cc|h|hpp|py|in)\b", token, text)


def subdirectories(names, indent=""):
    if len(names) == 1:
        return f"{indent}add_subdirectory({names[0]})\n"
    line, lines = f"{indent}foreach(room", []
    for name in names:
        if len(line) + 1 + len(name) > 98:
            lines.append(line)
            line = f"{indent}       "
        line += f" {name}"
    return "\n".join([*lines, line + ")", f"{indent}  add_subdirectory(${{room}})", f"{indent}endforeach()"]) + "\n"


def wing_files(root, of_rooms, optional):
    """Build files of wings, and the list in root's own. `optional`: rooms that are built with the engine only."""
    top = f"{root}/CMakeLists.txt"
    if top not in KNOWN:
        die(f"{top} is missing")
    with_build = [r for r in of_rooms if f"{root}/{r}/CMakeLists.txt" in KNOWN]
    if not with_build:
        return
    text = new.get(top) or read(top)
    listed = set()
    loops = [m for m in re.finditer(r"foreach\((\w+)\s+([\w\s]+?)\)\s*add_subdirectory\(\$\{\1\}\)\s*endforeach\(\)\n?", text)
             if set(m.group(2).split()) & set(with_build)]
    if len(loops) != 1:
        die(f"{top}: one foreach over rooms was expected, {len(loops)} found")
    loop = loops[0]
    others = [n for n in loop.group(2).split() if n not in with_build]
    listed |= set(loop.group(2).split())
    here = [w for w in wings if any(wing_of[r] == w for r in with_build)]
    text = text[:loop.start()] + subdirectories([*here, *others]).replace("room", "wing") + text[loop.end():]
    for room in with_build:
        guarded = rf"if\(COE_ENGINE\)\s*add_subdirectory\({room}\)\s*endif\(\)\n?"
        if re.search(guarded, text):
            text = re.sub(guarded, "", text)
            if room not in optional:
                die(f"{top}: {room} is built with the engine only, which was not known here")
            listed.add(room)
        elif room not in here or room not in listed:
            text, n = re.subn(rf"^add_subdirectory\({room}\)\n", "", text, flags=re.M)
            if n:
                listed.add(room)
    lost = [r for r in with_build if r not in listed]
    if lost:
        die(f"{top}: does not add {', '.join(lost)}")
    new[top] = text
    for wing in here:
        inner = [path_of[r].split("/")[1] for r in with_build if wing_of[r] == wing and path_of[r] != wing and r not in optional]
        guarded = [path_of[r].split("/")[1] for r in with_build if wing_of[r] == wing and r in optional]
        added = subdirectories(inner) if inner else ""
        if guarded:
            added += "if(COE_ENGINE)\n" + "".join(subdirectories([g], "  ") for g in guarded) + "endif()\n"
        if wing in with_build and path_of.get(wing) == wing:
            path = f"{root}/{wing}/CMakeLists.txt"
            new[path] = (new.get(path) or read(path)).rstrip("\n") + "\n" + (added and "\n" + added)
        elif added:
            created[f"{root}/{wing}/CMakeLists.txt"] = (f"# This wing has {ABOUT[wing]}.\n" if root == "src/coe" else "") + added


created = {}
for path in FILES:
    if path.startswith(LEAVE) or not (pathlib.Path(path).suffix in TEXT or path in (".ci/run", ".clang-tidy")):
        continue
    before = read(path)
    text = rewrite(path, before)
    if path.endswith("CMakeLists.txt"):
        text = relative_sources(path, text)
    if text != before:
        new[path] = text
wing_files("src/coe", rooms, {"engine_llama"})
wing_files("tests", test_rooms, {"engine_llama"})

# --- the include check --------------------------------------------------------------------------------------------------
CHECK = "scripts/check_includes.py"
PATCH = pathlib.Path(__file__).with_name("check_includes_wings.py")


def patch_check(text):
    """Modules are found by their folders; wings are held to have no circle."""
    old = text
    # A module's folder is where its coe_module() stands.
    text, n = re.subn(r'(?m)^root = .* / "src" / "coe"\n', lambda m: m.group(0) + '''
# A room's folder is where its coe_module() stands; rooms of a wing stand in the wing's folder.
folders = {}
for build in sorted(root.rglob("CMakeLists.txt")):
    for name in re.findall(r"^coe_module\\(\\s*(\\w+)", build.read_text(), re.MULTILINE):
        folders[build.parent] = name


def room_of(path):
    """The module whose folder is the innermost around the path; None for what belongs to no module."""
    while path != root and path not in folders:
        path = path.parent
    return folders.get(path)


''', text)
    if n != 1:
        die(f"{CHECK}: where `root` is set was not found")
    return text


if CHECK in KNOWN:
    new[CHECK] = patch_check(text_of(CHECK))
    exec(PATCH.read_text())  # defines finish_check(text)
    new[CHECK] = finish_check(new[CHECK])

# Sources that are compiled together are included by their path below src/, which was the module's name.
MODULE = "cmake/coe_module.cmake"
if MODULE in KNOWN:
    text = text_of(MODULE)
    n_before = text.count("coe/${name}/")
    if n_before:
        text = text.replace("coe/${name}/", "${folder}/")
        text, n = re.subn(r"(?m)^(function\(coe_units [^\n]*\n)",
                          r"\1  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})\n", text)
        if n != 1:
            die(f"{MODULE}: coe_units() was not found, but paths are made of module names")
        new[MODULE] = text

# --- a word about it ----------------------------------------------------------------------------------------------------
ARCH = "docs/architecture.md"
if ARCH in KNOWN:
    text = text_of(ARCH)
    table = ["", "The rooms stand in wings, each a folder of `src/coe/`, and tests follow the same tree. Arrows between wings have no circle,",
             "which `arch.includes` checks. The room that gives a wing its name lies in the wing's folder itself",
             "([why](decisions/0007-the-house.md)).", "", "| wing | rooms | what it is about |", "|---|---|---|"]
    for wing in wings:
        inside = [r for r in rooms if wing_of[r] == wing]
        table.append(f"| `{wing}/` | {', '.join(inside)} | {ABOUT[wing]} |")
    mark = re.search(r"^## Layers\n.*?^```\n.*?^```\n", text, re.S | re.M)
    if not mark:
        die(f"{ARCH}: the block under \"Layers\" was not found")
    new[ARCH] = text[:mark.end()] + "\n".join(table) + "\n" + text[mark.end():]

HOUSE = "docs/decisions/0007-the-house.md"
if HOUSE in KNOWN:
    text, n = re.subn(r"\(\d+ on the day of the decision\)", f"({len(arrows)} on the day of the decision)", read(HOUSE))
    if n != 1:
        die(f"{HOUSE}: the number of arrows was not found")
    new[HOUSE] = text

# --- do it --------------------------------------------------------------------------------------------------------------
n_moved = 0
for path, text in new.items():
    pathlib.Path(path).write_text(text, encoding="utf-8")
for path in FILES:
    to = moved(path)
    if to != path:
        pathlib.Path(to).parent.mkdir(parents=True, exist_ok=True)
        git("mv", path, to)
        n_moved += 1
for path, text in created.items():
    pathlib.Path(path).write_text(text, encoding="utf-8")
    git("add", path)
code = [moved(p) for p in new if p.endswith((".h", ".cc"))]
for at in range(0, len(code), 100):
    subprocess.run(["clang-format-19", "-i", *code[at:at + 100]], check=True)
for folder in sorted(FOLDERS, key=len, reverse=True):  # folders that are left empty
    if folder.startswith(("src/coe/", "tests/")) and pathlib.Path(folder).is_dir() and not any(pathlib.Path(folder).iterdir()):
        pathlib.Path(folder).rmdir()
git("add", "-A", "src", "tests", "docs", "scripts", "cmake", "fuzz", "bench", "HACKING.md", "README.md", "CMakeLists.txt")
print(f"{n_moved} files moved, {len(new)} rewritten, {len(created)} made; now configure, build, ctest -R arch.includes, commit")
