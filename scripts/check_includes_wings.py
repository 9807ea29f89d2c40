# Second half of the patch of scripts/check_includes.py; see wings.py.
def finish_check(text):
    def once(pattern, replacement, what, flags=re.M):
        nonlocal text
        text, n = re.subn(pattern, lambda m: m.expand(replacement) if isinstance(replacement, str) else replacement(m), text, flags=flags)
        if n != 1:
            die(f"{CHECK}: {what} was not found ({n} places)")

    once(r'^(\s*)module = path\.relative_to\(root\)\.parts\[0\]\n', r'\1module = room_of(path.parent)\n', "the module of a file")
    once(r'#\\s\*include\\s\*"coe/\(\\w\+\)/', r'#\\s*include\\s*"(coe/[^"]+)"', "the pattern of an include")
    once(r'^(\s*)target = found\.group\(1\)\n', r'\1target = room_of((root.parent / found.group(1)).parent)\n', "the included module")
    text = text.replace('module != "main.cc"', 'module is not None').replace('module != "cli" and target', 'module is not None and target')
    # Wings: the first folder of a room's path.
    once(r'^(if n_include == 0:\n)', r'''wing_of = {name: folder.relative_to(root).parts[0] for folder, name in folders.items()}
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
\1''', "the last check")
    once(r'\{len\(deps\)\} modules: ok', r'{len(deps)} modules, {len(arrows)} arrows between {len(set(wing_of.values()))} wings: ok', "the last line")
    once(r'under src/coe/<module>/', r"in a module's folder under src/coe/", "its description")
    return text
