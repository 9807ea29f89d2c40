#!/usr/bin/env python3
"""Counts what is long and what stands twice in the C++ of a tree: count.py TREE [TREE...].

A function is a block whose header has a parenthesis and which lies in nothing but namespaces and types; its length runs from
the first line of its header to its last brace. What stands twice are runs of at least RUN lines (without blank lines, comments,
includes and lone braces) that are equal, indentation aside, to a run somewhere else in src/coe.
"""

import collections
import pathlib
import re
import sys

RUN = 6
TOKENS = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*(?:.|\n)*?\*/')


def bare(text):
    """The code without comments and literals; lines stay where they are."""
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "", text)
    return TOKENS.sub(lambda m: "\n" * m.group().count("\n") or " ", text)


def functions(text):
    """(first line, last line) of each function."""
    stack, found, start = [], [], 0
    code = re.sub(r"^[ \t]*#.*", "", bare(text), flags=re.M)
    for at, c in enumerate(code):
        if c == "{":
            header = code[start:at].strip()
            first = code.count("\n", 0, at - len(code[start:at].lstrip())) + 1
            if re.match(r"(inline )?namespace\b|extern\b", header) or header == "" and not stack:
                kind = "scope"
            elif re.match(r"(template\s*<.*>\s*)?(class|struct|union|enum)\b(?!.*\)\s*(const|noexcept)?$)", header, re.S):
                kind = "scope"
            else:
                kind = "function" if "(" in header else "other"
            outside = all(k == "scope" for k, _ in stack)
            stack.append((kind if outside else "inner", first))
            if kind == "scope" and outside:
                start = at + 1
        elif c == "}" and stack:
            kind, first = stack.pop()
            if kind == "function":
                found.append((first, code.count("\n", 0, at) + 1))
            if all(k == "scope" for k, _ in stack):
                start = at + 1
        elif c == ";" and all(k == "scope" for k, _ in stack):
            start = at + 1
    return found


def lines_that_count(text):
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if re.search(r"\w", line) and not line.startswith(("//", "#include", "using ", "namespace ", "}  //")):
            yield number, line


def repeated_lines(files):
    """The number of lines that are in a run which stands elsewhere, too."""
    runs = collections.defaultdict(list)
    for name, text in files.items():
        lines = list(lines_that_count(text))
        for i in range(len(lines) - RUN + 1):
            window = lines[i : i + RUN]
            runs["\n".join(line for _, line in window)].append((name, [number for number, _ in window]))
    return {(name, n) for places in runs.values() if len(places) > 1 for name, numbers in places for n in numbers}


def main():
    for tree in sys.argv[1:]:
        root = pathlib.Path(tree) / "src/coe"
        files = {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.suffix in (".h", ".cc")}
        lengths = [
            (last - first + 1, name, first) for name, text in files.items() for first, last in functions(text)
        ]
        n_line = {name: text.count("\n") for name, text in files.items()}
        print(f"{tree}: {len(files)} files, {sum(n_line.values())} lines")
        print(f"  in cli/: {sum(n for name, n in n_line.items() if name.startswith('cli/'))} lines")
        print(f"  functions: {len(lengths)}, over 60 lines: {sum(n > 60 for n, _, _ in lengths)}, "
              f"over 40: {sum(n > 40 for n, _, _ in lengths)}")
        for length, name, first in sorted(lengths, reverse=True)[:5]:
            print(f"    {length} {name}:{first}")
        repeated = repeated_lines(files)
        print(f"  lines in runs of {RUN} or more that stand elsewhere, too: {len(repeated)}")
        for name, n in collections.Counter(name for name, _ in repeated).most_common(5):
            print(f"    {n} {name}")


if __name__ == "__main__":
    main()
