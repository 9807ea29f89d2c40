#!/usr/bin/env python3
"""marks.py IN.jsonl OUT.jsonl: writes the marks of turns and thinking in other brackets, so that coe reads them as text."""

import json
import re
import sys


def rewritten(mark):
    text = mark.group(0)
    return text.translate(str.maketrans("<>|", "[]/")) if "|" in text else text


with open(sys.argv[1], encoding="utf-8") as records, open(sys.argv[2], "w", encoding="utf-8") as out:
    for line in records:
        text = re.sub(r"<\|?[a-z]+\|?>", rewritten, json.loads(line)["text"])
        out.write(json.dumps({"text": text}) + "\n")
