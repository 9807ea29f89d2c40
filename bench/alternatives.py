#!/usr/bin/env python3
"""What a user would take instead of a specialist at the same memory: the whole parent at a lower
quantisation. Every file is held to the parent on held-out text of each domain, with the same tokens.

  bench/alternatives.py --coe build/coe --quantize llama-quantize --parent PARENT.gguf \\
      --types Q3_K_M,Q2_K --files web-64=web.gguf --held-out HELDOUT -o OUT

HELDOUT is a folder of DOMAIN.jsonl. `llama-quantize` is llama.cpp's. The types need no importance
matrix, or one is given with --imatrix. What is in OUT already is not made again.
"""

import argparse
import json
import pathlib
import random
import subprocess

N_DRAW = 2000


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          errors="replace")
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def quantised(options, kind, out):
    file = out / f"parent-{kind}.gguf"
    if not file.exists():
        words = [options.quantize, "--allow-requantize"]
        if options.imatrix:
            words += ["--imatrix", options.imatrix]
        unfinished = file.with_suffix(".unfinished")
        run(*words, options.parent, unfinished, kind)
        unfinished.rename(file)
    return file


def measured(options, name, file, out):
    kept = out / f"{name}.eval.json"
    if not kept.exists():
        words = [options.coe, "eval", "-m", file, "--parent", options.parent, "--parent-cache",
                 out / "parent.logits", "--cache-tail", "0", "--max-tokens", options.max_tokens,
                 "--per-record", "--json"]
        for text in sorted(pathlib.Path(options.held_out).glob("*.jsonl")):
            words += ["-f", text]
        kept.write_text(run(*words))
    return json.loads(kept.read_text())["results"][0]["domains"]


def kl_interval(records):
    """Mean KL a token, and 95 % of it over records drawn anew."""
    def mean(picks):
        return sum(r["kl"] for r in picks) / sum(r["n_token"] for r in picks)
    rng = random.Random(1)
    draws = sorted(mean(rng.choices(records, k=len(records))) for _ in range(N_DRAW))
    return mean(records), draws[int(.025 * N_DRAW)], draws[int(.975 * N_DRAW)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coe", required=True)
    parser.add_argument("--quantize", required=True)
    parser.add_argument("--imatrix", help="importance matrix for the types that need one")
    parser.add_argument("--parent", required=True)
    parser.add_argument("--types", default="Q3_K_M,Q3_K_S,Q2_K")
    parser.add_argument("--files", default="", help="specialists, NAME=FILE,…")
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--max-tokens", default="400")
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    out = pathlib.Path(options.output)
    out.mkdir(parents=True, exist_ok=True)
    files = {f"parent at {kind}": quantised(options, kind, out)
             for kind in options.types.split(",") if kind}
    files |= dict(item.split("=", 1) for item in options.files.split(",") if item)
    rows = {"parent": {"bytes": pathlib.Path(options.parent).stat().st_size, "domains": {}}}
    for name, file in files.items():
        domains = {}
        for domain in measured(options, name.replace(" ", "-"), file, out):
            value, low, high = kl_interval(domain["records"])
            domains[domain["name"]] = {"kl": value, "ci_low": low, "ci_high": high,
                                       "top1": domain["top1_agreement"],
                                       "perplexity": domain["perplexity"]}
        rows[name] = {"bytes": pathlib.Path(file).stat().st_size, "domains": domains}
    (out / "alternatives.json").write_text(json.dumps(rows, indent=1) + "\n")
    names = list(next(row["domains"] for row in rows.values() if row["domains"]))
    print("| | MB | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names))
    for name, row in rows.items():
        cells = [f"{d['kl']:.3f} [{d['ci_low']:.2f}, {d['ci_high']:.2f}], {100 * d['top1']:.0f} %"
                 for d in row["domains"].values()] or ["0, 100 %"] * len(names)
        print(f"| {name} | {row['bytes'] / 1e6:.1f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
