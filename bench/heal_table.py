#!/usr/bin/env python3
"""What healing makes up for, on the bundled model: docs/method.md, section 8, "Healing".

For each domain and K it makes the reference's recipe mask, a recon mask, and children cut and healed
in each way, all as files, and measures them on the held-out text of every domain. Protocol: fit on
records with i mod 8 != 3 (coe heal takes the validation records out itself), records cut to 400
tokens, KL to the parent as a ratio to the recipe's, paired bootstrap over records.

  bench/heal_table.py --coe build/coe --model models/gemma4-tiny-moe-q4_k_m.gguf \\
      --corpora CORPORA --held-out HELDOUT -o OUT [--keep 64,32] [--methods gain,ridge,adam]

CORPORA and HELDOUT are folders of DOMAIN.jsonl. What is in OUT already is not made again. Processes
that each make one domain (--domains) may share OUT; a last one without it makes the table.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import time

DOMAINS = ["web", "python", "systems", "prose", "reasoning"]
HOME_THREE = ["web", "python", "systems"]
CUT_TOKENS = "400"


def run(command):
    """Runs a command, and returns its seconds."""
    start = time.monotonic()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return time.monotonic() - start


def split_corpus(folder, out):
    """Records with i mod 8 != 3 of each domain: profiles and tables see no validation record."""
    for domain in DOMAINS:
        lines = (folder / f"{domain}.jsonl").read_text().splitlines()
        kept = [line for i, line in enumerate(lines) if i % 8 != 3]
        (out / f"{domain}.profiled.jsonl").write_text("\n".join(kept) + "\n")


class Bench:
    def __init__(self, options):
        self.options = options
        self.out = pathlib.Path(options.output)
        self.out.mkdir(parents=True, exist_ok=True)
        self.corpora = pathlib.Path(options.corpora)
        self.held_out = pathlib.Path(options.held_out)
        self.model = ["-m", options.model]
        self.engine = options.engine.split()

    def coe(self, output, *words):
        """Runs coe, which makes `output`, unless it is there, and keeps how long that took."""
        if output.exists():
            return output
        unfinished = output.with_name(f"{os.getpid()}.{output.name}")
        seconds = run([self.options.coe, *words, "-o", unfinished, "-q"])
        unfinished.rename(output)
        output.with_name(output.name + ".seconds").write_text(f"{seconds:.2f}\n")
        return output

    def seconds(self):
        return {file.name.removesuffix(".seconds"): float(file.read_text())
                for file in sorted(self.out.glob("*.seconds"))}

    def text(self, domain):
        return self.out / f"{domain}.profiled.jsonl"

    def profile(self, domain):
        file = self.out / f"{domain}.profile.gguf"
        return self.coe(file, "profile", *self.model, *self.engine, "-f", self.text(domain))

    def recipe(self, domain, keep):
        """util, whitelist of the domain's and the reasoning profile, CoT pass, cap 3."""
        file = self.out / f"{domain}-{keep}.recipe.json"
        rank = "2.0" if keep == 64 else "1.0"
        words = ["mask", "-p", self.profile(domain), "-k", keep]
        for profile in dict.fromkeys([domain, "reasoning"]):
            words += ["--whitelist", self.profile(profile)]
        words += ["--whitelist-rank", rank, "--cot", self.profile("reasoning"), "--cot-cap", "3"]
        return self.coe(file, *words)

    def recon(self, domain, keep):
        table = self.out / f"{domain}.recon.gguf"
        self.coe(table, "recon", *self.model, *self.engine, "-f", self.text(domain), "--tokens",
                 self.options.recon_tokens)
        file = self.out / f"{domain}-{keep}.recon.json"
        return self.coe(file, "mask", "-p", self.profile(domain), "--score-table", table, "-k", keep)

    def child(self, domain, keep, way):
        file = self.out / f"{domain}-{keep}.{way}.gguf"
        if way in ("recipe", "recon"):
            mask = self.recipe(domain, keep) if way == "recipe" else self.recon(domain, keep)
            return self.coe(file, "prune", *self.model, "--mask", mask, "--no-verify")
        method, _, steps = way.partition("@")
        words = ["heal", *self.model, *self.engine, "--mask", self.recon(domain, keep), "-f",
                 self.corpora / f"{domain}.jsonl", "--method", method, "--tokens",
                 self.options.tokens, "--state", self.out / f"{domain}-{keep}.state"]
        if steps:
            words += ["--steps", steps]
        return self.coe(file, *words)

    def measured(self, domain, keep, way):
        """{domain of the text: [(tokens, kl) of each record]}"""
        file = self.out / f"{domain}-{keep}.{way}.eval.json"
        if not file.exists():
            child = self.child(domain, keep, way)
            only_home = way == "recipe" or self.options.home_only
            texts = [domain] if only_home else DOMAINS
            cache = self.out / f"{domain}-{'home' if only_home else 'all'}.logits"
            words = [self.options.coe, "eval", "-m", child, *self.engine, "--parent", self.options.model,
                     "--parent-cache", cache, "--cache-tail", "0",
                     "--max-tokens", CUT_TOKENS, "--per-record", "--json"]
            for text in texts:
                words += ["-f", self.held_out / f"{text}.jsonl"]
            done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(done.stderr)
            file.write_text(done.stdout)
            if not self.options.keep_files:
                child.unlink()
        rows = json.loads(file.read_text())["results"][0]["domains"]
        return {row["name"]: [(r["n_token"], r["kl"]) for r in row["records"]] for row in rows}


def mean_kl(records, picks=None):
    chosen = records if picks is None else [records[i] for i in picks]
    return sum(kl for _, kl in chosen) / sum(n for n, _ in chosen)


def geometric_mean(values):
    product = 1.0
    for value in values:
        product *= value
    return product ** (1.0 / len(values))


def interval(statistic, sizes, n_draw=4000, seed=1):
    """95 % of a statistic over records drawn anew; `sizes`: records of each text."""
    rng = random.Random(seed)
    draws = sorted(statistic([[rng.randrange(n) for _ in range(n)] for n in sizes])
                   for _ in range(n_draw))
    return draws[int(.025 * n_draw)], draws[int(.975 * n_draw)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coe", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--keep", default="64,32")
    parser.add_argument("--ways", default="recipe,recon,gain,ridge,adam@300")
    parser.add_argument("--tokens", default="65536")
    parser.add_argument("--recon-tokens", default="16000")
    parser.add_argument("--engine", default="", help="options of the engine, e.g. '-ngl -1'")
    parser.add_argument("--keep-files", action="store_true")
    parser.add_argument("--home-only", action="store_true",
                        help="measure each child on its own domain's text only")
    parser.add_argument("--domains", default=",".join(DOMAINS))
    options = parser.parse_args()
    bench = Bench(options)
    split_corpus(bench.corpora, bench.out)
    ways = options.ways.split(",")
    domains = options.domains.split(",")
    three = [d for d in HOME_THREE if d in domains] or domains
    table = {}
    for keep in options.keep.split(","):
        measured = {(d, w): bench.measured(d, int(keep), w) for w in ways for d in domains}
        rows = {}
        for way in ways:
            row = {}
            for domain in domains:
                own, base = measured[domain, way][domain], measured[domain, ways[0]][domain]
                low, high = interval(
                    lambda picks: mean_kl(own, picks[0]) / mean_kl(base, picks[0]), [len(own)])
                row[domain] = [mean_kl(own) / mean_kl(base), low, high, mean_kl(own)]
            sizes = [len(measured[d, way][d]) for d in three]
            low, high = interval(
                lambda picks: geometric_mean([
                    mean_kl(measured[d, way][d], p) / mean_kl(measured[d, ways[0]][d], p)
                    for d, p in zip(three, picks)]), sizes)
            row["mean of three"] = [geometric_mean([row[d][0] for d in three]), low, high]
            # Out of domain, as a ratio to the bare recon child.
            if "recon" in ways and way != "recipe" and not options.home_only:
                row["abroad"] = {
                    d: geometric_mean([mean_kl(measured[d, way][t]) /
                                       mean_kl(measured[d, "recon"][t])
                                       for t in DOMAINS if t != d]) for d in domains}
            rows[way] = row
        table[keep] = rows
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    document = {"table": table, "seconds": bench.seconds(), "peak_kb_of_a_child_process": peak}
    (bench.out / "table.json").write_text(json.dumps(document, indent=1) + "\n")
    for keep, rows in table.items():
        print(f"K = {keep}: KL ÷ the recipe's")
        for way, row in rows.items():
            cells = "  ".join(f"{row[d][0]:.3f} [{row[d][1]:.2f}, {row[d][2]:.2f}]"
                              for d in domains)
            mean = row["mean of three"]
            print(f"  {way:<10} {cells}   {mean[0]:.3f} [{mean[1]:.2f}, {mean[2]:.2f}]   abroad " +
                  " ".join(f"{row['abroad'][d]:.2f}" for d in domains if "abroad" in row),
                  flush=True)


if __name__ == "__main__":
    main()
