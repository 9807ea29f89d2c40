#!/usr/bin/env python3
"""Says how two folders of golden.sh differ, file by file: diffs.py BEFORE AFTER.

Equal files are counted by kind. Of JSON and of GGUF files it is named which members, keys and tensors differ, of text the first
lines. A list's places are told as []: `swaps[].in` is that member of any swap.
"""

import collections
import difflib
import json
import pathlib
import re
import sys

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Gguf:
    """Keys as raw bytes, tensors as (type, shape, bytes up to the next one)."""

    def __init__(self, data):
        self.data, self.at = data, 8
        n_tensor, n_key = self.number(), self.number()
        self.keys, infos = {}, []
        for _ in range(n_key):
            name, start = self.string(), self.at
            self.value(self.number(4))
            self.keys[name] = data[start : self.at]
        for _ in range(n_tensor):
            name = self.string()
            shape = [self.number() for _ in range(self.number(4))]
            infos.append((name, shape, self.number(4), self.number()))
        start = -(-self.at // 32) * 32
        ends = sorted(offset for *_, offset in infos) + [len(data) - start]
        self.tensors = {
            name: (kind, shape, data[start + offset : start + ends[ends.index(offset) + 1]].rstrip(b"\0"))
            for name, shape, kind, offset in infos
        }

    def number(self, size=8):
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "little")

    def string(self):
        size = self.number()
        self.at += size
        return self.data[self.at - size : self.at].decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            self.string()
        elif kind == 9:
            element = self.number(4)
            for _ in range(self.number()):
                self.value(element)
        else:
            self.at += SIZES[kind]


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i}]")
    else:
        yield path, value


def by_name(names):
    return collections.Counter(re.sub(r"\[\d+\]", "[]", re.sub(r"(layers)\.\d+", r"\1.N", n)) for n in names)


def json_diff(before, after):
    old, new = dict(leaves(before)), dict(leaves(after))
    for title, names in (
        ("only before", old.keys() - new.keys()),
        ("only after", new.keys() - old.keys()),
    ):
        for name, n in sorted(by_name(names).items()):
            yield f"{title}: {name} ({n})"
    other = [n for n in old.keys() & new.keys() if old[n] != new[n]]
    for name, n in sorted(by_name(other).items()):
        first = next(o for o in sorted(other) if by_name([o]) == {name: 1})
        yield f"{name} ({n}): {str(old[first])[:90]!r} -> {str(new[first])[:90]!r}"


def gguf_diff(before, after):
    old, new = Gguf(before), Gguf(after)
    for what in ("keys", "tensors"):
        one, two = getattr(old, what), getattr(new, what)
        yield from (f"{what}, only before: {n}" for n in sorted(one.keys() - two.keys()))
        yield from (f"{what}, only after: {n}" for n in sorted(two.keys() - one.keys()))
        for name in (n for n in one if n in two and one[n] != two[n]):
            here, there = (x if what == "keys" else x[2] for x in (one[name], two[name]))
            yield f"{what}: {name}: {here[-90:]!r} -> {there[-90:]!r}"


def text_diff(before, after):
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line[:230] for line in lines if not line.startswith(("---", "+++", "@@"))]


def document(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def differences(before, after):
    if before[:4] == after[:4] == b"GGUF":
        return list(gguf_diff(before, after))
    old, new = before.decode("utf-8", "replace"), after.decode("utf-8", "replace")
    if isinstance(document(old), dict) and isinstance(document(new), dict):
        return list(json_diff(document(old), document(new))) or ["the same members, written otherwise"]
    return text_diff(old, new)


def main():
    before, after = map(pathlib.Path, sys.argv[1:])
    names = sorted({str(p.relative_to(d)) for d in (before, after) for p in d.rglob("*") if p.is_file()})
    names = [n for n in names if not n.startswith(("bin/", "tree/"))]
    equal = []
    for name in names:
        if not (before / name).exists() or not (after / name).exists():
            print(f"{name}: only in {before if (before / name).exists() else after}")
            continue
        old, new = (before / name).read_bytes(), (after / name).read_bytes()
        if old == new:
            equal.append(name)
            continue
        print(f"{name}: {len(old)} -> {len(new)} bytes")
        for line in differences(old, new)[:30]:
            print(f"    {line}")
    print(f"equal ({len(equal)} of {len(names)}): {' '.join(equal)}")


if __name__ == "__main__":
    main()
