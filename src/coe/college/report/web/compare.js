// Several runs side by side, sweeps over K, and transfer matrices.

function runsTable() {
  const home = (run) => run.evaluation?.rows.find((row) => row.own);
  return tableOf({
    caption: 'The runs',
    columns: [{ name: 'run', words: true }, { name: 'domain', words: true }, { name: 'kept' }, { name: 'covered' }, { name: 'file' }, { name: 'at home', words: true }, { name: 'perplexity × at home' }, { name: 'KL at home' }, ...(runs.some(isHealed) ? [{ name: 'healed by', words: true }] : []), { name: 'chat', words: true }],
    rows: runs.map((run) => [run.name, run.domain, run.n_keep ? `${run.n_keep} of ${run.n_expert}` : '', run.profile?.covered ? percent(d3.mean(run.profile.covered), 1) : '', run.child_file ? bytesText(run.child_file.bytes) : '', home(run) ? verdictOf(home(run))[0] : '', home(run) ? between(home(run).perplexity_ratio) : '', home(run) ? between(home(run).kl) : '', ...(runs.some(isHealed) ? [isHealed(run) ? run.healing.method ?? 'healed' : ''] : []), run.chat ? (run.chat.child.passed ? 'answers' : 'does not answer well') : '']),
  });
}

function compareSection() {
  if (runs.length < 2) return '';
  const { overlap } = report;
  const figures = [];
  if (overlap) {
    const index = new Map(overlap.pairs.map((pair) => [`${pair.a} ${pair.b}`, pair]));
    const pairOf = (a, b) => index.get(a < b ? `${a} ${b}` : `${b} ${a}`);
    const masks = runs.filter((run) => run.kept);
    const chance = jaccardByChance(masks[0].n_keep, masks[0].n_expert);
    figures.push(matrixFigure({ title: 'How alike the masks are', note: `Jaccard index on the mean over layers; ${chance.toFixed(2)} is what chance gives. ${count(overlap.n_backbone)} experts are in every mask.`, rows: overlap.names, columns: overlap.names, at: (a, b) => (a === b ? 1 : pairOf(a, b).jaccard_mean), domain: [chance, 1], text: (value) => value.toFixed(2), label: 'mask' }));
    const names = overlap.pairs.map(({ a, b }) => `${overlap.names[a]} and ${overlap.names[b]}`);
    figures.push(matrixFigure({ title: 'The same, layer by layer', note: 'Jaccard index of each pair.', rows: names, columns: overlap.layers.map(String), at: (r, c) => overlap.pairs[r].jaccard[c], domain: [chance, 1], text: (value) => value.toFixed(2).replace(/^0/, ''), label: 'pair' }));
    figures.push(differenceFigure(masks));
  }
  return el('section', { id: 'compare', 'aria-labelledby': 'compare-title' }, el('h2', { id: 'compare-title', text: 'The runs side by side' }), runsTable(), figures);
}

// Which of two masks keeps an expert.
function differenceFigure(masks) {
  const choose = (at) => el('select', {}, masks.map((run, i) => el('option', { value: i, text: run.name, selected: i === at })));
  const [first, second] = [choose(0), choose(1)];
  const pair = () => [masks[Number(first.value)], masks[Number(second.value)]];
  const kinds = () => pair().map((run) => `only ${run.name}`);
  const whole = figure({
    title: 'Two masks on one map',
    note: 'Experts by number. Plum is kept by both, blue by the first alone, orange by the second alone; what neither keeps is pale.',
    before: [el('div', { class: 'controls' }, el('label', {}, 'First', first), el('label', {}, 'Second', second))],
    draw: (width) => {
      const [a, b] = pair();
      const paper = colour('card');
      const shades = { both: colour('both'), a: colour('kept'), b: colour('out'), none: d3.interpolateRgb(paper, colour('removed'))(.12) };
      const cells = [];
      for (let row = 0; row < a.layers.length; row += 1)
        for (let e = 0; e < a.n_expert; e += 1) cells.push(shades[a.keeps(row, e) ? (b.keeps(row, e) ? 'both' : 'a') : b.keeps(row, e) ? 'b' : 'none']);
      const nLayer = a.layers.length;
      return chart(`Experts kept by ${a.name} and ${b.name}`, { width, height: Math.max(160, Math.min(14, 640 / nLayer) * nLayer) + 46, x: { domain: [-.5, a.n_expert - .5], label: 'expert →', nice: false }, y: { domain: [nLayer - .5, -.5], label: 'layer', nice: false }, color: { type: 'identity' }, marks: [Plot.raster(cells, { width: a.n_expert, height: nLayer, x1: -.5, x2: a.n_expert - .5, y1: -.5, y2: nLayer - .5, imageRendering: 'pixelated' }), Plot.axisY(d3.range(0, nLayer, Math.ceil(nLayer / 31)), { tickFormat: (row) => String(a.layers[row]), tickSize: 3 })] });
    },
    table: () => {
      const [a, b] = pair();
      return { caption: `Experts kept by ${a.name} and ${b.name}`, columns: [{ name: 'layer' }, { name: 'both' }, ...kinds().map((name) => ({ name }))], rows: a.layers.map((layer, row) => {
        const n = { both: 0, a: 0, b: 0 };
        for (let e = 0; e < a.n_expert; e += 1) if (a.keeps(row, e) || b.keeps(row, e)) n[a.keeps(row, e) ? (b.keeps(row, e) ? 'both' : 'a') : 'b'] += 1;
        return [String(layer), String(n.both), String(n.a), String(n.b)];
      }) };
    },
  });
  for (const select of [first, second]) select.addEventListener('change', () => redraw());
  return whole;
}

function sweepSection(sweep, at) {
  const { points } = sweep;
  const measured = points.filter((point) => point.kl_mean !== undefined);
  const withBytes = points.some((point) => point.bytes_file);
  const figures = [figure({
    title: 'Coverage over K',
    draw: (width) => chart('Coverage of masks over K', { width, height: 240, x: { label: 'experts kept (K) →' }, y: { label: 'covered', tickFormat: '.0%', grid: true }, marks: [Plot.areaY(points, { x: 'n_keep', y1: 'coverage_lowest', y2: 'coverage', fill: colour('kept'), fillOpacity: .15 }), Plot.lineY(points, { x: 'n_keep', y: 'coverage', stroke: colour('kept'), marker: 'dot' })] }),
    note: 'The mean over layers; the band reaches down to the worst layer.',
    table: () => ({ caption: 'Coverage over K', columns: [{ name: 'K' }, { name: 'covered' }, { name: 'worst layer' }, { name: 'file' }], rows: points.map((p) => [String(p.n_keep), percent(p.coverage, 1), percent(p.coverage_lowest, 1), p.bytes_file ? bytesText(p.bytes_file) : '']) }),
  })];
  if (measured.length > 0) {
    const x = withBytes ? 'bytes_file' : 'n_keep';
    figures.push(figure({
      title: withBytes ? 'What a file of that size costs' : 'What a K costs',
      note: 'KL divergence to the parent, 95 % intervals; each point says its K.',
      draw: (width) => chart('KL divergence over size', { width, height: 240, marginTop: 40, marginRight: 30, x: withBytes ? { label: 'size of the file →', tickFormat: (v) => bytesText(v), ticks: 5 } : { label: 'experts kept (K) →' }, y: { label: 'KL to the parent', grid: true, zero: true }, marks: [Plot.ruleX(measured, { x, y1: 'kl_lower', y2: 'kl_upper', stroke: colour('kept'), strokeWidth: 2 }), Plot.lineY(measured, { x, y: 'kl_mean', stroke: colour('kept'), marker: 'dot' }), Plot.text(measured, { x, y: 'kl_upper', text: (d) => String(d.n_keep), dy: -8, fill: colour('ink') })] }),
      table: () => ({ caption: 'Cost over K', columns: [{ name: 'K' }, { name: 'file' }, { name: 'KL' }, { name: 'perplexity' }, { name: "parent's" }], rows: measured.map((p) => [String(p.n_keep), p.bytes_file ? bytesText(p.bytes_file) : '', between([p.kl_mean, p.kl_lower, p.kl_upper]), number(p.perplexity), number(p.parent_perplexity)]) }),
    }));
  }
  const id = `sweep-${at + 1}`;
  const advice = sweep.advice?.n_keep ? `To start from: K = ${sweep.advice.n_keep}, by ${sweep.advice.by}.` : '';
  return el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title`, text: `Sweep over K, by ${sweep.score}` }), el('p', { text: advice }), el('div', { class: 'pair' }, figures));
}

const TRANSFER_METRICS = {
  y: ['Accuracy kept', 'share of the parent\'s top-1 accuracy', [.5, 1]],
  kl_mean: ['KL to the parent', 'nats a token, 0 is the parent', [0, 1]],
  perplexity_ratio: ['Perplexity against the parent\'s', '1 is the parent', [1, 3]],
};

function transferSection(transfer, at) {
  const id = `transfer-${at + 1}`;
  const counts = [...new Set(transfer.rows.map((row) => row.n_keep))];
  const figures = counts.flatMap((nKeep) => Object.entries(TRANSFER_METRICS).map(([metric, [title, unit, domain]]) => {
    const rows = transfer.rows.filter((row) => row.metric === metric && row.n_keep === nKeep);
    if (rows.length === 0) return '';
    const subjects = [...new Set(rows.map((row) => row.subject))];
    const domains = [...new Set(rows.map((row) => row.domain))];
    const cell = new Map(rows.map((row) => [`${row.subject}\n${row.domain}`, row]));
    const value = (r, c) => cell.get(`${subjects[r]}\n${domains[c]}`)?.value ?? null;
    const values = rows.map((row) => row.value).filter((v) => v !== null);
    const scale = metric === 'y' ? [Math.min(domain[0], d3.min(values)), 1] : [domain[0], Math.max(domain[1], d3.quantile(values, .9))];
    return matrixFigure({ title: `${title}, K = ${nKeep}`, note: `Rows are specialists, columns the text that they are tried on: ${unit}.`, rows: subjects, columns: domains, at: value, domain: scale, text: (v) => v.toFixed(2), label: 'specialist', scheme: metric === 'y' ? 'blues' : 'oranges' });
  }));
  return el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title`, text: 'What specialists keep of each other\'s text' }), el('div', { class: 'pair' }, figures));
}
