#!/usr/bin/env python3
"""Runs a guide as its reader does: every block of commands, in order, in one new folder, and holds what they print to
the block of output that follows.

  run_guide.py GUIDE.md COE SOURCE [INPUTS]

A block ```sh is run by one bash with `set -eu`. The folder is the reader's home and holds copies of what is in INPUTS
(inputs.py), or else SOURCE's models, docs and src under their names; coe is on the PATH. In a block of output `…`
stands for anything within a line, and a line of it alone for any lines. Output is what both streams say.

What cannot run or be compared says why in a comment on the line before it, which a reader does not see:

  <!-- not run: needs a GPU -->              before a block of commands
  <!-- not compared: another run's -->       before a block of output

Such blocks are counted. Any other block, and a mark without a reason or a block, is an error, and so is a block of a
shell's language by another name than sh. Files that are only shown (json, toml, …) are passed over.
Ends with 1 at the first difference, naming the line of the guide.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import typing

FENCE = re.compile(r"^```(\w*)$")
MARK = re.compile(r"^<!-- not (run|compared)(?:: *(.*?))? *-->$")
SHELLS = {"bash", "shell", "console", "zsh", "terminal", "text"}
LIMIT = 420


class Block(typing.NamedTuple):
    language: str
    first: int  # line of the guide
    lines: list
    mark: str  # "run", "compared" or none
    reason: str


class Wrong(Exception):
    pass


def blocks(text):
    """All fenced blocks. Raises Wrong where a fence or a mark is none that a reader of this file would see."""
    found, opened, mark = [], None, ("", "")
    for number, line in enumerate(text.split("\n"), 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened = Block(fence.group(1), number + 1, [], *mark)
            mark = ("", "")
            continue
        if opened is not None:
            if fence and not fence.group(1):
                found.append(opened)
                opened = None
            else:
                opened.lines.append(line)
            continue
        if mark[0]:
            raise Wrong(f"line {number}: no block follows the mark")
        if line.lstrip(" >").startswith(("```", "~~~")):
            raise Wrong(f"line {number}: a fence that is not ```LANGUAGE at the start of its line")
        if line.lstrip().startswith("<!-- not "):
            said = MARK.match(line)
            if not said or not said.group(2):
                raise Wrong(f"line {number}: a mark is `<!-- not run: WHY -->` or `<!-- not compared: WHY -->`")
            mark = (said.group(1), said.group(2))
    if opened is not None:
        raise Wrong(f"line {opened.first - 1}: the block has no end")
    return found


def check(found):
    """Each block is run, compared, marked, or only shown."""
    before = None
    for block in found:
        if block.language in SHELLS:
            raise Wrong(f"line {block.first}: commands are ```sh, what is printed has no language")
        if block.mark == "run" and block.language != "sh":
            raise Wrong(f"line {block.first}: marked as not run, and no block of commands")
        if block.mark == "compared" and block.language:
            raise Wrong(f"line {block.first}: marked as not compared, and no block of output")
        follows = before is not None and before.language == "sh" and before.mark == ""
        if not block.language and block.mark == "" and not follows:
            raise Wrong(f"line {block.first}: output of nothing that was run; mark it as not compared")
        before = block


def pattern(line):
    return re.compile("^" + ".*".join(re.escape(part) for part in line.rstrip().split("…")) + "$")


def difference(expected, first, actual):
    """What line of the guide is not in the output; None where all are, in order."""
    at, gap = 0, False
    for offset, line in enumerate(expected):
        if line.strip() == "…":
            gap = True
            continue
        while at < len(actual):
            matches = pattern(line).match(actual[at].rstrip())
            at += 1
            if matches:
                break
            if not gap:
                return f"line {first + offset}: expected `{line}`, got `{actual[at - 1]}`"
        else:
            return f"line {first + offset}: expected `{line}`, and there was no more output"
        gap = False
    if not gap and at < len(actual) and any(rest.strip() for rest in actual[at:]):
        return f"line {first + len(expected)}: more was printed: `{actual[at]}`"
    return None


def run(block, after, folder, coe):
    environment = {**os.environ, "PATH": f"{coe.parent}:{os.environ['PATH']}", "HOME": str(folder),
                   "XDG_CACHE_HOME": f"{folder}/.cache", "COE_NO_PROGRESS": "1"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(block.lines)], cwd=folder, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=LIMIT)
    # How far work is, is not what a reader compares.
    actual = [line for line in done.stdout.rstrip("\n").split("\n")
              if not re.match(r"^\S[^:]*: \d+( MB)? of \d+ \w+ *$", line)]
    if done.returncode != 0:
        raise Wrong(f"line {block.first}: ended with {done.returncode}:\n" + "\n".join(actual))
    if after is not None and not after.language and after.mark == "":
        wrong = difference(after.lines, after.first, actual)
        if wrong:
            raise Wrong(f"{wrong}\nall of it:\n" + "\n".join(actual))


def main():
    guide, coe, source = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    inputs = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
    try:
        found = blocks(guide.read_text())
        check(found)
        with tempfile.TemporaryDirectory() as made:
            folder = pathlib.Path(made) / "work"
            if inputs:
                shutil.copytree(inputs, folder, symlinks=True)
            else:
                folder.mkdir()
                for name in ("models", "docs", "src"):
                    os.symlink(source / name, folder / name)
            for block, after in zip(found, found[1:] + [None]):
                if block.language == "sh" and block.mark == "":
                    run(block, after, folder, coe)
    except Wrong as wrong:
        print(f"{guide.name}: {wrong}")
        return 1
    n_run = sum(block.language == "sh" and block.mark == "" for block in found)
    print(f"{guide.name}: {n_run} blocks ran as it says")
    for block in found:
        if block.mark:
            print(f"  line {block.first}: not {block.mark}: {block.reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
