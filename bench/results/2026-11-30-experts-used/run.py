#!/usr/bin/env python3
"""Fewer experts used, bare and healed, on the bundled model: quality and speed in one table.

  bench/results/2026-11-30-experts-used/run.py --coe build/coe \\
      --model models/gemma4-tiny-moe-q4_k_m.gguf --corpora CORPORA --held-out HELDOUT -o OUT

CORPORA and HELDOUT are folders of DOMAIN.jsonl. Fit text: records with i mod 8 != 3 (coe heal takes
the validation records out itself). Held-out records are cut to 400 tokens. What is in OUT already is
not made again. Ratios are of the mean KL to that of the cut that uses as many experts as the parent,
with a bootstrap over records that draws the same ones for both.
"""

import argparse
import json
import pathlib
import random
import subprocess

DOMAINS = ["web", "python", "systems"]
USED = [8, 6, 4]  # the first is the parent's own


def run(words, output=None):
    """Runs a command unless its output is there, and returns what it printed."""
    if output is not None and output.exists():
        return ""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, options):
        self.options = options
        self.out = pathlib.Path(options.output)
        self.out.mkdir(parents=True, exist_ok=True)
        self.coe = options.coe
        self.model = ["-m", options.model]

    def mask(self, domain):
        text = self.out / f"{domain}.profiled.jsonl"
        lines = (pathlib.Path(self.options.corpora) / f"{domain}.jsonl").read_text().splitlines()
        text.write_text("\n".join(line for i, line in enumerate(lines) if i % 8 != 3) + "\n")
        profile, table = self.out / f"{domain}.profile.gguf", self.out / f"{domain}.recon.gguf"
        mask = self.out / f"{domain}.mask.json"
        run([self.coe, "profile", *self.model, "-f", text, "-o", profile, "-q"], profile)
        run([self.coe, "recon", *self.model, "-f", text, "--tokens", "16000", "-o", table, "-q"],
            table)
        run([self.coe, "mask", "-p", profile, "--score-table", table, "-k", self.options.keep, "-o",
             mask, "-q"], mask)
        return mask

    def child(self, domain, whole, used, healed):
        kind = "whole" if whole else self.options.keep
        child = self.out / f"{domain}-{kind}-{used}{'-healed' if healed else ''}.gguf"
        cut = [] if whole else ["--mask", self.mask(domain)]
        if used != USED[0]:
            cut += ["--experts-used", used]
        if healed:
            text = pathlib.Path(self.options.corpora) / f"{domain}.jsonl"
            cut += ["-f", text, "--method", "ridge", "--tokens", self.options.tokens]
        run([self.coe, "heal" if healed else "prune", *self.model, *cut, "-o", child, "-q"], child)
        return child

    def measured(self, domain, whole, used, healed):
        """The row of `coe eval`: its figures and those of each record."""
        child = self.child(domain, whole, used, healed)
        file = child.with_suffix(".eval.json")
        if not file.exists():
            text = pathlib.Path(self.options.held_out) / f"{domain}.jsonl"
            file.write_text(run([self.coe, "eval", "-m", child, "--parent", self.options.model,
                                 "--parent-cache", self.out / f"{domain}.logits", "--cache-tail",
                                 "0", "--max-tokens", "400", "--per-record", "--json", "-f", text]))
        return json.loads(file.read_text())["results"][0]["domains"][0]

    def speed(self, name, models):
        file = self.out / f"{name}.speed.json"
        if not file.exists():
            file.write_text(run([self.coe, "bench", "speed", "-m", models[0], *models[1:],
                                 "--rounds", "15", "--json", "-q"]))
        return json.loads(file.read_text())["rows"]


def mean_kl(records, picks):
    return sum(records[i]["kl"] for i in picks) / sum(records[i]["n_token"] for i in picks)


def ratio(row, base, n_draw=4000, seed=1):
    """Of the mean KL, with 95 % of it over records drawn anew."""
    own, other = row["records"], base["records"]
    everyone = range(len(own))
    rng = random.Random(seed)
    draws = sorted(mean_kl(own, picks) / mean_kl(other, picks)
                   for picks in ([rng.choice(everyone) for _ in everyone] for _ in range(n_draw)))
    value = mean_kl(own, everyone) / mean_kl(other, everyone)
    return [value, draws[int(.025 * n_draw)], draws[int(.975 * n_draw)]]


def shown(values, digits, scale=1.0):
    value, low, high = (scale * v for v in values)
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coe", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--keep", default="64")
    parser.add_argument("--tokens", default="32768")
    options = parser.parse_args()
    bench = Bench(options)
    ways = [(whole, used, healed) for whole in (True, False) for used in USED
            for healed in (False, True) if not (whole and used == USED[0])]
    rows = {(domain, *way): bench.measured(domain, *way) for domain in DOMAINS for way in ways}
    print("| experts kept | used | | " + " | ".join(f"KL {d} | top-1 {d}, %" for d in DOMAINS) + " |")
    print("|" + "---|" * (3 + 2 * len(DOMAINS)))
    table = []
    for whole, used, healed in ways:
        cells = []
        for domain in DOMAINS:
            row = rows[domain, whole, used, healed]
            figures = {key: [row[name][part] for part in ("value", "lower", "upper")]
                       for key, name in (("kl", "kl_interval"), ("top1", "top1_interval"))}
            if not whole:
                figures["ratio"] = ratio(row, rows[domain, False, USED[0], False])
            table.append({"domain": domain, "whole": whole, "used": used, "healed": healed,
                          **figures})
            cells += [shown(figures["kl"], 3), shown(figures["top1"], 1, 100)]
        kept = "all" if whole else options.keep
        print(f"| {kept} | {used} | {'healed' if healed else 'bare'} | " + " | ".join(cells) + " |")
    print("\nKL ÷ that of the bare cut that uses", USED[0])
    for whole, used, healed in ways:
        if not whole:
            print(f"| {used} | {'healed' if healed else 'bare'} | " + " | ".join(
                shown(line["ratio"], 2) for line in table
                if (line["whole"], line["used"], line["healed"]) == (whole, used, healed)) + " |")
    print()
    speeds = {}
    for name, whole in (("whole", True), (options.keep, False)):
        models = [bench.child(DOMAINS[0], whole, used, False)
                  if not (whole and used == USED[0]) else options.model for used in USED]
        speeds[name] = bench.speed(name, models)
        for row in speeds[name]:
            print(name, row["metric"], row["subject"], shown(
                [row["value"], row["ci_low"], row["ci_high"]], 3))
    (bench.out / "table.json").write_text(json.dumps({"quality": table, "speed": speeds}, indent=1))


if __name__ == "__main__":
    main()
