#!/usr/bin/env python3
"""Works scores and masks out from routing profiles, independently of coe.

Shares no code with the C++ side: its own GGUF reader, formulas and passes written from the method's text (what that leaves
open, from docs/formats/keep-mask.md), slow and straight. Standard library only.

  reference.py PROFILE -k 64 --score util                      prints the mask, {"0": [ids], ...}
  reference.py PROFILE -k 64 --score util --scores-out S.json  also writes the scores by layer
  reference.py PROFILE -k 64 --score util --compare MASK.json  exit 1 where the mask differs
  reference.py PROFILE -k 64 --score util --whitelist P … --cot P … --swaps-out S.json
                                                               the other passes; writes each swap

Exit codes: 0 done, 1 the mask or the profile's own sums are wrong, 2 usage or unreadable input.
"""

import argparse
import array
import copy
import json
import struct
import sys

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
TENSOR_CODES = {27: "q", 28: "d"}  # I64, F64: array module codes


class BadFile(Exception):
    pass


class Cursor:
    """Reads little-endian values off a byte string, front to back."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, n):
        if n < 0 or self.at + n > len(self.data):
            raise BadFile(f"file ends at byte {len(self.data)}, {self.at + n} needed")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def string(self):
        return self.take(self.number("Q")).decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            element, count = self.number("I"), self.number("Q")
            return [self.value(element) for _ in range(count)]
        if kind not in SCALARS:
            raise BadFile(f"unknown value type {kind}")
        return self.number(SCALARS[kind])


def read_gguf(path):
    """Returns (keys, tensors): name -> value, and name -> (ne, array of numbers)."""
    with open(path, "rb") as f:
        cursor = Cursor(f.read())
    if cursor.take(4) != b"GGUF" or cursor.number("I") != 3:
        raise BadFile("no GGUF file of version 3")
    n_tensor, n_key = cursor.number("Q"), cursor.number("Q")
    keys = {}
    for _ in range(n_key):
        name = cursor.string()
        keys[name] = cursor.value(cursor.number("I"))
    infos = []
    for _ in range(n_tensor):
        name = cursor.string()
        ne = [cursor.number("Q") for _ in range(cursor.number("I"))]
        infos.append((name, ne, cursor.number("I"), cursor.number("Q")))
    alignment = keys.get("general.alignment", 32)
    start = -(-cursor.at // alignment) * alignment
    tensors = {}
    for name, ne, kind, offset in infos:
        if kind not in TENSOR_CODES:
            raise BadFile(f"tensor {name} has type {kind}")
        count = 1
        for n in ne:
            count *= n
        cursor.at = start + offset
        numbers = array.array(TENSOR_CODES[kind])
        numbers.frombytes(cursor.take(count * 8))
        if sys.byteorder == "big":
            numbers.byteswap()
        tensors[name] = (ne, numbers)
    return keys, tensors


ROLES = ("prompt", "thinking", "closing", "answer")


def base_name(name):
    """`web` of `web/answer`: roles of a chat are one sub-domain."""
    head, slash, role = name.rpartition("/")
    return head if slash and role in ROLES else name


class Profile:
    """A routing profile; `chosen` are the sub-domains that are looked at, those whose name ends in `suffix`."""

    def __init__(self, path, suffix=""):
        keys, tensors = read_gguf(path)
        if keys.get("general.type") != "coe-routing-profile":
            raise BadFile("not a routing profile")
        self.layers = keys["coe.profile.layers"]
        self.n_expert = keys["coe.profile.n_expert"]
        self.n_used = keys["coe.profile.n_expert_used"]
        self.n_group = keys["coe.profile.n_expert_group"]
        self.domains = keys["coe.profile.domains"]
        self.weights = keys["coe.profile.weights"]
        self.tensors = tensors
        self.look_at([d for d, name in enumerate(self.domains) if name.endswith(suffix)])

    def look_at(self, chosen):
        self.chosen = chosen
        self.n_tokens = sum(self.domain(d, "n_tokens")[0] for d in chosen)
        self.n_samples = sum(self.domain(d, "n_samples")[0] for d in chosen)
        return self

    def parts(self):
        """One profile for each sub-domain, with its weight."""
        names = []
        for d in self.chosen:
            if base_name(self.domains[d]) not in names:
                names.append(base_name(self.domains[d]))
        found = []
        for name in names:
            mine = [d for d in self.chosen if base_name(self.domains[d]) == name]
            found.append((copy.copy(self).look_at(mine), self.weights[mine[0]]))
        return found

    def has_weights(self):
        return any(weight != 1.0 for weight in self.weights)

    def domain(self, d, name):
        return self.tensors[f"domain.{d}.{name}"][1]

    def total(self, name):
        """The accumulator over the chosen sub-domains, in the file's order: expert after expert."""
        if f"domain.0.{name}" not in self.tensors:
            raise BadFile(f"the profile has no {name}")
        sums = None
        for d in self.chosen:
            numbers = self.domain(d, name)
            sums = list(numbers) if sums is None else [a + b for a, b in zip(sums, numbers)]
        return sums


def check_histograms(profile):
    """Sum over experts and ranks = N * R at every layer of every sub-domain; returns the failures."""
    problems = []
    size = profile.n_expert * profile.n_used
    for d, name in enumerate(profile.domains):
        histograms = profile.domain(d, "histograms")
        expected = profile.domain(d, "n_tokens")[0] * profile.n_used
        for row, layer in enumerate(profile.layers):
            found = sum(histograms[row * size : (row + 1) * size])
            if found != expected:
                problems.append(f"sub-domain {name}, layer {layer}: {found} choices, not {expected}")
    return problems


def add_up(values):
    """Plain addition from left to right: since Python 3.12 sum() corrects its rounding."""
    total = 0.0
    for value in values:
        total += value
    return total


def compute_score(profile, score, aggregate):
    """Rows of scores, [layer][expert]. docs/method.md, section 2.2."""
    if aggregate == "sample":
        return score_of_samples(profile, score)
    if aggregate == "token" or len(profile.parts()) == 1:
        return score_of_tokens(profile, score)
    total = add_up(weight for _, weight in profile.parts())
    blend = [[0.0] * profile.n_expert for _ in profile.layers]
    for part, weight in profile.parts():
        for into, row in zip(blend, score_of_tokens(part, score)):
            mass = add_up(row)
            for expert, value in enumerate(row):
                into[expert] += weight / total * (value / mass)
    return blend


def score_of_samples(profile, score):
    n, r, e = profile.n_samples, profile.n_used, profile.n_expert
    freq, mean = profile.total("freq_by_sample"), profile.total("weight_mean_by_sample")

    def one(flat):
        ranks = range(flat * r, flat * r + r)
        if score == "freq":
            return add_up(freq[i] / n for i in ranks)
        if score == "util":
            return add_up(freq[i] / n * (mean[i] / n) for i in ranks)
        raise BadFile(f"{score} has no sums by sample")

    return [[one(row * e + expert) for expert in range(e)] for row in range(len(profile.layers))]


def score_of_tokens(profile, score):
    """Section 3: every token counts the same."""
    n, r = profile.n_tokens, profile.n_used
    if n == 0:
        raise BadFile("the profile has no tokens")
    histograms = profile.total("histograms")
    needed = {
        "util": "weight_sum",
        "decisive": "decisive",
        "ean": "output_norm",
        "msan": "output_square",
        "reap": "gated_norm",
        "reap_sum": "gated_norm",
        "share": "output_share",
    }
    sums = profile.total(needed[score]) if score in needed else None

    def one(flat):
        ranks = range(flat * r, flat * r + r)
        if score == "util":
            return add_up((histograms[i] / n) * (sums[i] / max(histograms[i], 1)) for i in ranks)
        if score == "freq":
            return sum(histograms[i] for i in ranks) / n
        if score == "rank":
            return sum((r - k) * histograms[i] for k, i in enumerate(ranks)) / (r * (r + 1) / 2)
        if score == "decisive":
            return add_up(sums[i] / n for i in ranks)
        if score in ("ean", "msan", "reap"):
            routed = sum(histograms[i] for i in ranks)
            return sums[flat] / routed if routed else 0.0
        return sums[flat] / n  # reap_sum, share

    e = profile.n_expert
    return [[one(row * e + expert) for expert in range(e)] for row in range(len(profile.layers))]


def top_k(row, n_keep, n_group):
    """Ids of the best n_keep, the same number in each group; ties go to the lower id."""
    n_group = max(n_group, 1)
    if not 0 < n_keep <= len(row) or n_keep % n_group or len(row) % n_group:
        raise BadFile(f"cannot keep {n_keep} of {len(row)} experts in {n_group} groups")
    size = len(row) // n_group
    kept = []
    for first in range(0, len(row), size):
        order = sorted(range(first, first + size), key=lambda expert: (-row[expert], expert))
        kept += order[: n_keep // n_group]
    return sorted(kept)


class Tables:
    """What the passes look at, each [layer][expert]."""

    def __init__(self, profile, score, aggregate="token"):
        self.score = compute_score(profile, score, aggregate)
        histograms, r, e = profile.total("histograms"), profile.n_used, profile.n_expert
        averaged = self.averaged(profile, aggregate)
        self.first, self.chosen, self.avg_rank = [], [], []
        for row in range(len(profile.layers)):
            ranks = [histograms[(row * e + x) * r : (row * e + x + 1) * r] for x in range(e)]
            self.first.append([h[0] for h in ranks])
            self.chosen.append([sum(h) for h in ranks])
            self.avg_rank.append([])
            for x in range(e):
                mass = rank = 0
                for h, scale in averaged:
                    mine = h[(row * e + x) * r : (row * e + x + 1) * r]
                    mass += scale * (sum(mine) if aggregate != "sample" else add_up(mine))
                    rank += scale * sum(k * n for k, n in enumerate(mine))
                self.avg_rank[-1].append(rank / mass if mass else r)

    @staticmethod
    def averaged(profile, aggregate):
        """What average ranks are taken over, and the factor of each."""
        if aggregate == "sample":
            return [(profile.domain(d, "freq_by_sample"), 1) for d in profile.chosen]
        if aggregate == "token" or len(profile.parts()) == 1:
            return [(profile.total("histograms"), 1)]
        total = add_up(weight for _, weight in profile.parts())
        return [(part.total("histograms"), weight / total / part.n_tokens) for part, weight in profile.parts()]


def tier(avg_rank):
    return 4 if avg_rank < 2 else 3 if avg_rank < 4 else 2 if avg_rank < 6 else 1


def places(scores):
    """1-based position of each expert by score; ties go to the lower id."""
    order = sorted(range(len(scores)), key=lambda expert: (-scores[expert], expert))
    return {expert: position for position, expert in enumerate(order, 1)}


class Layer:
    """A layer's mask on its way through the passes."""

    def __init__(self, number, score, avg_rank, n_keep, n_group):
        self.number, self.score, self.avg_rank = number, score, avg_rank
        self.n_group, self.quota = max(n_group, 1), n_keep // max(n_group, 1)
        self.kept = set(top_k(score, n_keep, n_group))
        self.safe = set()
        self.place = places(score)
        self.swaps = []

    def group(self, expert):
        return expert // (len(self.score) // self.n_group)

    def evictable(self, group):
        """First to go first."""
        free = [e for e in self.kept - self.safe if self.group(e) == group and tier(self.avg_rank[e]) < 4]
        return sorted(free, key=lambda e: (tier(self.avg_rank[e]), self.score[e], e))

    def swap(self, name, incoming, outgoing):
        self.kept.remove(outgoing)
        self.kept.add(incoming)
        self.safe.add(incoming)
        self.swaps.append([name, self.number, incoming, outgoing])

    def whitelist(self, row, profiles):
        listed = {
            e
            for e in range(len(self.score))
            for p in profiles
            if p.avg_rank[row][e] <= 2.0 and p.first[row][e] >= 10
        }
        for group in range(self.n_group):
            mine = {e for e in listed if self.group(e) == group}
            if len(mine) > self.quota:
                raise BadFile(f"layer {self.number}: {len(mine)} whitelisted experts for {self.quota} places")
            others = [e for e in range(len(self.score)) if self.group(e) == group and e not in mine]
            others.sort(key=lambda e: self.place[e])
            wanted = mine | set(others[: self.quota - len(mine)])
            now = {e for e in self.kept if self.group(e) == group}
            incoming = sorted(wanted - now, key=lambda e: self.place[e])
            outgoing = sorted(now - wanted, key=lambda e: -self.place[e])
            for one, other in zip(incoming, outgoing):
                self.swap("whitelist", one, other)
        self.safe |= listed

    def beats(self, candidate, member, tables, row):
        theirs, ours = places(tables.score[row])[candidate], self.place[member]
        return theirs < ours or (theirs == ours and tables.avg_rank[row][candidate] < self.avg_rank[member])

    def plan(self, row, tables, cap, skip):
        """The exchanges that the arbitrage would make."""
        place = places(tables.score[row])
        candidates = [e for e in place if e not in self.kept and tables.chosen[row][e] > 0]
        candidates.sort(key=lambda e: place[e])
        queues = {group: self.evictable(group) for group in range(self.n_group)}
        done = []
        for candidate in candidates[skip:]:
            queue = queues[self.group(candidate)]
            if len(done) == cap or not queue:
                continue
            member = queue.pop(0)
            if self.beats(candidate, member, tables, row):
                done.append((candidate, member))
            else:
                queue.clear()
        return done

    def arbitrate(self, name, row, tables, cap, skip=0, cold=None):
        plan = self.plan(row, tables, cap, skip)
        if cold is not None:
            there = {candidate for candidate, _ in self.plan(row, cold, cap, skip)}
            plan = [(c, m) for c, m in plan if c in there and self.beats(c, m, cold, row)]
        for candidate, member in plan:
            self.swap(name, candidate, member)

    def place_all(self, name, wanted, cap):
        """Brings in what it can of a list; what is in already is safe."""
        if cap == 0:
            return
        self.safe |= self.kept & set(wanted)
        n = 0
        for expert in wanted:
            if expert in self.kept or n == cap:
                continue
            queue = self.evictable(self.group(expert))
            if queue:
                self.swap(name, expert, queue[0])
                n += 1

    def closure(self, row, one, two, cap, lift):
        shares = []
        for p in (one, two):
            total = sum(p.chosen[row])
            shares.append([n / total for n in p.chosen[row]])
        fires = [
            e
            for e in range(len(self.score))
            if all(p.chosen[row][e] * len(self.score) > lift * sum(p.chosen[row]) for p in (one, two))
        ]
        fires.sort(key=lambda e: (-min(shares[0][e], shares[1][e]), e))
        self.place_all("closure", fires, cap)


def with_cap(text):
    path, _, cap = text.rpartition(":")
    return path, int(cap)


def run_passes(args, profile, rows):
    """Layers after all passes that were asked for."""
    ranks = Tables(profile, args.score, args.aggregate).avg_rank
    layers = [
        Layer(number, row, rank, args.k, profile.n_group) for number, row, rank in zip(profile.layers, rows, ranks)
    ]

    def other(path):
        """Tables of another profile: averaged as the domain is, by sub-domain only where these have weights."""
        profile = Profile(path)
        alike = args.aggregate != "subdomain" or profile.has_weights()
        return Tables(profile, args.score, args.aggregate if alike else "token")

    by_sample = "sample" if args.aggregate == "sample" else "token"
    listed = [Tables(part, "util", by_sample) for path in args.whitelist for part, _ in Profile(path).parts()]
    cot = other(args.cot) if args.cot else None
    cold = other(args.cot_t06) if args.cot_t06 else None
    closing = [Tables(Profile(path, "/closing"), "util") for path in args.closure]
    structural = []
    if args.structural:
        with open(args.structural, encoding="utf-8") as f:
            structural = json.load(f)
    protect = [(other(path), cap) for path, cap in map(with_cap, args.protect)]
    for row, layer in enumerate(layers):
        if listed:
            layer.whitelist(row, listed)
        if cot:
            layer.arbitrate("cot", row, cot, args.cot_cap, args.cot_skip, cold)
        if closing:
            layer.closure(row, *closing, args.closure_cap, args.closure_lift)
        layer.place_all("structural", [e for number, e in structural if number == layer.number], args.structural_cap)
        for tables, cap in protect:
            layer.arbitrate("protect", row, tables, cap)
    return layers


def read_mask(path):
    """Both forms: native (its "layers") and the plain one."""
    with open(path, encoding="utf-8") as f:
        root = json.load(f)
    return {int(layer): ids for layer, ids in root.get("layers", root).items()}


def describe_difference(layer, row, ours, theirs):
    kept = [row[e] for e in ours]
    lost = [row[e] for e in range(len(row)) if e not in set(ours)]
    gap = f"{min(kept) - max(lost):.3g}" if kept and lost else "none"
    mine = {e: row[e] for e in ours if e not in theirs}
    other = {e: row[e] if 0 <= e < len(row) else None for e in theirs if e not in ours}
    return (
        f"layer {layer}: the mask lacks {mine} and has {other} instead "
        f"(score gap at the boundary: {gap}; ids sorted: {theirs == sorted(theirs)})"
    )


def compare(profile, rows, masks, theirs):
    """Lines that say where the mask is not what we computed."""
    lines = []
    for layer in sorted(set(theirs) - set(masks)):
        lines.append(f"layer {layer}: in the mask but not in the profile")
    for layer, row in zip(profile.layers, rows):
        if layer not in theirs:
            lines.append(f"layer {layer}: not in the mask")
        elif theirs[layer] != masks[layer]:
            lines.append(describe_difference(layer, row, masks[layer], theirs[layer]))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("profile")
    parser.add_argument("-k", type=int, required=True, help="experts to keep in each layer")
    parser.add_argument(
        "--score",
        required=True,
        choices=["util", "freq", "rank", "ean", "msan", "reap", "reap_sum", "decisive", "share"],
    )
    parser.add_argument("--aggregate", default="token", choices=["token", "sample", "subdomain"])
    parser.add_argument("--whitelist", nargs="+", default=[], metavar="PROFILE")
    parser.add_argument("--cot", metavar="PROFILE")
    parser.add_argument("--cot-cap", type=int, default=3)
    parser.add_argument("--cot-skip", type=int, default=0)
    parser.add_argument("--cot-t06", metavar="PROFILE")
    parser.add_argument("--closure", nargs=2, default=[], metavar="PROFILE")
    parser.add_argument("--closure-cap", type=int, default=3)
    parser.add_argument("--closure-lift", type=float, default=1.0)
    parser.add_argument("--structural", metavar="FILE.json")
    parser.add_argument("--structural-cap", type=int, default=3)
    parser.add_argument("--protect", nargs="+", default=[], metavar="PROFILE:CAP", help="in the order of coe's digests")
    parser.add_argument("--swaps-out", metavar="FILE.json")
    parser.add_argument("--scores-out", metavar="FILE.json")
    parser.add_argument("--compare", metavar="MASK.json")
    args = parser.parse_args()

    try:
        profile = Profile(args.profile)
        rows = compute_score(profile, args.score, args.aggregate)
        layers = run_passes(args, profile, rows)
        masks = {layer.number: sorted(layer.kept) for layer in layers}
        theirs = read_mask(args.compare) if args.compare else None
    except (BadFile, OSError, KeyError, ValueError, AttributeError, struct.error) as error:
        print(f"reference.py: {type(error).__name__}: {error}", file=sys.stderr)
        return 2

    if args.scores_out:
        with open(args.scores_out, "w", encoding="utf-8") as f:
            json.dump(dict(zip(map(str, profile.layers), rows)), f)
    if args.swaps_out:
        with open(args.swaps_out, "w", encoding="utf-8") as f:
            json.dump([swap for layer in layers for swap in layer.swaps], f)
    problems = check_histograms(profile)
    if theirs is None:
        print(json.dumps({str(layer): ids for layer, ids in masks.items()}))
    else:
        problems += compare(profile, rows, masks, theirs)
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
