#!/usr/bin/env python3
"""Asks a running college one question of each domain, and prints who answered and why.

  scripts/ask_college.py SERVE.json QUESTIONS.json PROCESS

SERVE.json is what `coe serve --json` prints once it listens; PROCESS is its number.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def wait_for(path, process):
    """Returns the document, once it is whole."""
    for _ in range(1200):
        try:
            return json.loads(Path(path).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            os.kill(process, 0)  # an error when the server has ended
            time.sleep(0.1)
    sys.exit(f"ask_college: {path}: the server does not say where it listens")


def ask(url, model, question):
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=600) as reply:
            choice = json.loads(reply.headers["x-coe-choice"])
            return choice, json.load(reply)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        sys.exit(f"ask_college: {json.load(error)['error']['message']}")


def main():
    served = wait_for(sys.argv[1], int(sys.argv[3]))
    for domain, question in json.loads(Path(sys.argv[2]).read_text()).items():
        choice, answer = ask(served["url"], served["college"], question)
        scores = ", ".join(f"{name} {score:.2f}" for name, score in
                           sorted(choice["scores"].items(), key=lambda item: -item[1]) if score >= 0.01)
        why = f"unsure: {scores}" if choice["unsure"] else scores
        print(f"\n[{domain}] {question}")
        print(f"  {choice['chosen']} answers ({why}; {choice['ms']:.1f} ms to choose)")
        print("  " + " ".join(answer.split())[:160])


if __name__ == "__main__":
    main()
