#!/usr/bin/env python3
"""clang-tidy over what a configured build folder compiles of src/, tools/, bench/ and fuzz/.

  scripts/tidy.py build          without the checks that take half a minute a file: the path-sensitive analyzer, and
                                 parameters that could be references
  scripts/tidy.py build full     with them, and over the tests too

A file that was clean is not read again until its preprocessed text, its flags, the checks or clang-tidy change.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLOW = "-clang-analyzer-*,-performance-unnecessary-value-param"


def run(*command, **options):
    return subprocess.run(command, capture_output=True, **options)


def check(entry, tidy, state, clean):
    """Returns what there is to say of the file: nothing when it is clean."""
    # -C: a NOLINT is a comment.
    preprocess = re.sub(r" -o \S+ -c ", " -E -C ", entry["command"])
    text = run("sh", "-c", preprocess, cwd=entry["directory"], check=True).stdout
    # The same in every clone of the project.
    seen = (state + preprocess.encode() + text).replace(str(ROOT).encode(), b".")
    key = clean / hashlib.sha256(seen).hexdigest()
    if key.exists():
        return ""
    result = run(*tidy, entry["file"])
    if result.returncode == 0:
        key.touch()
        return ""
    # clang-tidy counts on stderr the warnings that it keeps to itself.
    rest = [line for line in result.stderr.decode().splitlines() if "generated." not in line and "Suppressed" not in line]
    return "\n".join([result.stdout.decode().rstrip(), *rest])


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    full = sys.argv[2:] == ["full"]
    os.chdir(ROOT)
    # Warnings are the compiler's to find (the presets build with -Werror); clang's, of other flags and of the insides of
    # libstdc++, are not findings.
    tidy = ["clang-tidy-19", "-p", build, "--quiet", "--checks=" + ("" if full else SLOW), "--extra-arg=-Wno-error"]
    version = run("clang-tidy-19", "--version", check=True).stdout
    state = version + Path(".clang-tidy").read_bytes() + " ".join(tidy).encode()
    clean = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coe" / "tidy"
    clean.mkdir(parents=True, exist_ok=True)

    rooms = "src|tools|bench|fuzz" + ("|tests" if full else "")
    # A room's sources may reach the compiler in units that include them (COE_UNITY).
    wanted = re.compile(re.escape(str(ROOT)) + rf"/({rooms}|{re.escape(build)}/src/coe)/.*\.cc$")
    commands = {e["file"]: e for e in json.loads(Path(build, "compile_commands.json").read_text())}
    entries = [commands[f] for f in sorted(commands) if wanted.match(f)]
    if not entries:
        sys.exit(f"tidy: {build} compiles nothing of {rooms}; configure it first: cmake --preset release")
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for findings in pool.map(lambda e: check(e, tidy, state, clean), entries):
            if findings:
                failed += 1
                print(findings, flush=True)
    print(f"tidy: {len(entries)} files, {failed} with findings")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
