// The document, and what follows from it for one run.

const report = JSON.parse(document.getElementById('data').textContent);

const STATES = {
  kept: 'kept',
  removed: 'removed',
  in: 'brought in by a pass',
  out: 'given up by a pass',
};

class Run {
  constructor(data) {
    Object.assign(this, data);
    this.swapRows = data.swaps.map((row) => Object.fromEntries(data.swap_columns.map((name, i) => [name, row[i]])));
    this.rowOfLayer = new Map(this.layers.map((layer, row) => [layer, row]));
    // The profile may lack the layers of MTP blocks.
    this.profileRow = this.layers.map((layer) => (this.profile ? this.profile.layers.indexOf(layer) : -1));
    this.swapsOf = new Map();
    for (const swap of this.swapRows) {
      const row = this.rowOfLayer.get(swap.layer);
      for (const expert of [swap.in, swap.out]) {
        const key = row * this.n_expert + expert;
        if (!this.swapsOf.has(key)) this.swapsOf.set(key, []);
        this.swapsOf.get(key).push(swap);
      }
    }
  }
  keeps(row, expert) {
    return this.kept !== null && this.kept[row][expert] === '+';
  }
  state(row, expert) {
    const swaps = this.swapsOf.get(row * this.n_expert + expert) ?? [];
    if (this.kept === null) return 'kept';
    if (this.keeps(row, expert)) return swaps.some((swap) => swap.in === expert) ? 'in' : 'kept';
    return swaps.some((swap) => swap.out === expert) ? 'out' : 'removed';
  }
  passName(index) {
    return this.passes[index]?.pass ?? '';
  }
  // Tables of scores: all text, then each sub-domain.
  tables() {
    if (!this.profile) return [];
    const all = [{ name: 'all text of the profile', scores: this.profile.scores }];
    const parts = this.profile.by_domain;
    return parts ? all.concat(parts.names.map((name, i) => ({ name, scores: parts.scores[i] }))) : all;
  }
  // [layers][experts] shares of the layer's score; null where the profile says nothing.
  shares(scores) {
    return this.profileRow.map((row) => {
      if (row < 0) return null;
      const sum = d3.sum(scores[row]);
      return scores[row].map((score) => (sum > 0 ? score / sum : 0));
    });
  }
  // How often an expert was chosen at each rank.
  ranks(row, expert) {
    const at = this.profileRow[row];
    const n = this.n_expert_used;
    return at < 0 || !n ? null : this.profile.ranks[at].slice(expert * n, (expert + 1) * n);
  }
  // Tokens that ranks() counts.
  tokens(row) {
    const at = this.profileRow[row];
    return at < 0 ? 0 : this.profile.rank_tokens;
  }
  // Experts of a layer, the highest score first, ties to the lower number.
  order(scores) {
    return this.profileRow.map((row) => (row < 0 ? d3.range(this.n_expert) : d3.range(this.n_expert).sort((a, b) => scores[row][b] - scores[row][a] || a - b)));
  }
}

const runs = report.runs.map((data) => new Run(data));

// What two masks of K of E experts share by chance: their expected intersection over their expected union.
const jaccardByChance = (nKeep, nExpert) => nKeep / (2 * nExpert - nKeep);
