#!/usr/bin/env python3
"""Asks models of a running college with thinking on and off, and counts what comes.

  bench/thinking_rates.py URL QUESTIONS.jsonl MODEL...        the college has `think = true`

QUESTIONS.jsonl has a `question` a line. Each model is asked all of them twice, greedily, at most 256 tokens an answer.
A row a model and switch: answers whose first token is thinking, that hold thinking at all, that are empty, that the
server gives up because their marks of turns and thinking are in no order that its parser knows, and that loop (cut off while their end says one thing of 30 bytes or more three times in a row), each with its Wilson interval at 95 %.
Prints a table, and rows as JSON lines on standard error.
"""

import json
import math
import sys
import urllib.request

N_TOKEN = 256


def ask(url, model, question, think):
    body = {"model": model, "stream": True, "max_tokens": N_TOKEN, "temperature": 0,
            "messages": [{"role": "user", "content": question}],
            "chat_template_kwargs": {"enable_thinking": think}}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    first, thinking, content, end = None, "", "", None
    with urllib.request.urlopen(request, timeout=600) as reply:
        for line in reply:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            event = json.loads(line[6:])
            if "error" in event:
                if "does not match the expected" not in event["error"]["message"]:
                    raise RuntimeError(event["error"]["message"])
                return first, thinking, content, "malformed"
            for choice in event.get("choices", []):
                delta = choice.get("delta", {})
                if delta.get("reasoning_content"):
                    thinking += delta["reasoning_content"]
                    first = first or "thinking"
                if delta.get("content"):
                    content += delta["content"]
                    first = first or "answer"
                end = choice.get("finish_reason") or end
    return first, thinking, content, end


def loops(text, end):
    if end != "length":
        return False
    data = text.encode()
    return any(data[-size:] == data[-2 * size:-size] == data[-3 * size:-2 * size]
               for size in range(10, len(data) // 3 + 1) if 3 * size >= 30)


def wilson(n, of):
    z = 1.96
    share, spread = n / of, z * math.sqrt(n / of * (1 - n / of) / of + z * z / (4 * of * of))
    middle = share + z * z / (2 * of)
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)


def main():
    url, questions = sys.argv[1].rstrip("/"), [json.loads(line)["question"] for line in open(sys.argv[2])]
    print(f"{len(questions)} questions, at most {N_TOKEN} tokens an answer")
    print("| model | thinking | first token is thinking | thinks | empty | malformed | loops |\n|---|---|---|---|---|---|---|")
    for model in sys.argv[3:]:
        for think in (False, True):
            counts = dict.fromkeys(("first", "thinks", "empty", "malformed", "loops"), 0)
            for question in questions:
                first, thinking, content, end = ask(url, model, question, think)
                counts["first"] += first == "thinking"
                counts["thinks"] += bool(thinking.strip())
                counts["empty"] += not content.strip()
                counts["malformed"] += end == "malformed"
                counts["loops"] += loops(thinking + content, end)
            cells = []
            for name, n in counts.items():
                low, high = wilson(n, len(questions))
                cells.append(f"{n} [{100 * max(0, low):.0f}, {100 * high:.0f} %]")
                print(json.dumps({"model": model, "think": think, "metric": name, "n": len(questions),
                                  "value": n / len(questions), "ci_low": low, "ci_high": high}), file=sys.stderr)
            print(f"| {model} | {'on' if think else 'off'} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
