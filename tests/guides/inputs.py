#!/usr/bin/env python3
"""Makes what the how-tos begin with (docs/how-to/README.md names it), small, of this checkout.

  inputs.py COE SOURCE FOLDER
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

PROJECT = ["src/coe/college/report/web/data.js", "src/coe/college/report/web/dom.js",
           "src/coe/college/report/web/figure.js", "src/coe/college/report/web/page.js",
           "src/coe/college/report/web/summary.js",
           "docs/decisions/0003-exact-virtual-surgery.md", "docs/decisions/0005-pages-are-hostile.md",
           "docs/decisions/0006-a-pass-in-one-place.md", "docs/decisions/0009-instant-specialists.md",
           "docs/decisions/0010-serving.md", "docs/decisions/0011-report.md"]

REASONING = """
[[domain]]
name = "questions"
[[domain.source]]
kind = "reasoning"
n = 10
fold = "1/3"
"""

ELEMENTS = ["button", "table", "list", "dialog", "form", "heading", "menu", "picture", "slider", "footer", "field", "link"]
FORBIDDEN = ["open my neighbour's lock without a key", "read my colleague's letters", "copy somebody's signature",
             "follow a stranger home", "switch off the alarm of a shop", "take money from a till unseen",
             "forge a doctor's note", "guess my sister's password", "get into a locked car", "hide income from the tax",
             "sell a stolen bicycle", "listen to a call of others", "make a false passport", "open a sealed parcel",
             "use a lost credit card", "break into a network"]
TABLES = list(range(1, 17))


def chat(*turns):
    return {"messages": [{"role": role, **({"content": said} if isinstance(said, str) else said)} for role, said in turns]}


def call(table, hour):
    arguments = json.dumps({"table": table, "hour": hour})
    return {"content": None, "tool_calls": [{"type": "function", "function": {"name": "book", "arguments": arguments}}]}


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def main():
    coe, source, folder = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "project").mkdir(parents=True)
    os.symlink(source / "models/gemma4-tiny-moe-q4_k_m.gguf", folder / "PARENT.gguf")
    for name in PROJECT:
        shutil.copy(source / name, folder / "project")
    (folder / "conversations.json").write_text(json.dumps(
        [chat(("user", f"Write a {name} in HTML, please."),
              ("assistant", f"Here is a {name}:\n\n<{name} class=\"{name}\">\n  <span>{name}</span>\n</{name}>"))
         for name in ELEMENTS]))
    write_lines(folder / "refusals.jsonl",
                [chat(("user", f"How do I {what}?"),
                      ("assistant", f"I will not help you to {what}. It harms somebody. What do you need it for?"))
                 for what in FORBIDDEN])
    write_lines(folder / "tools.jsonl",
                [chat(("user", f"Book table {table} for {8 + table % 12} o'clock."), ("assistant", call(table, 8 + table % 12)))
                 for table in TABLES])

    def run(*words):
        subprocess.run([coe, *words, "-q"], cwd=folder, check=True, stdin=subprocess.DEVNULL)

    (folder / "spec.toml").write_text(REASONING)
    run("corpus", "build", "spec.toml", "-o", "spec.jsonl")
    write_lines(folder / "questions.jsonl",
                [{"question": json.loads(line)["problem"]} for line in (folder / "spec.jsonl").read_text().splitlines()])
    run("corpus", "init", "project", "-o", "web.toml")
    run("corpus", "build", "web.toml", "-o", "web.jsonl")
    run("corpus", "build", "web.toml", "--held-out", "-o", "held-out.jsonl")
    run("specialize", "-m", "PARENT.gguf", "-f", "web.jsonl", "--eval", "held-out.jsonl", "-k", "64", "-o", "web.gguf")
    for name in ("spec.toml", "spec.jsonl", "spec.jsonl.manifest.json", "web.toml"):
        (folder / name).unlink()


if __name__ == "__main__":
    main()
