// What healing gave: the healed file beside the parent under its mask, which is what the cut alone gives.

const isHealed = (run) => run.healing !== null && run.healing.healed;
const comparedRows = (run) => (run.evaluation?.rows ?? []).filter((row) => row.cut);

// "KL 0.41 [0.38, 0.44] → 0.32 [0.3, 0.34], ×0.78 [0.75, 0.81]"
const healedWords = (row) => `KL ${between(row.cut.kl)} → ${between(row.kl)}, ×${between(row.cut.kl_ratio)}`;

// By the interval of the ratio, which is paired over records.
function gainTone(row) {
  const [, low, high] = row.cut.kl_ratio;
  return high < 1 ? 'good' : low > 1 ? 'bad' : 'warn';
}

function healingTile(run) {
  if (run.healing === null) return null;
  if (!run.healing.healed) return tile('Healing', 'not healed', 'warn', el('p', { text: 'It would make up for less than 1 % of what the layers lost, so the specialist is only cut.' }));
  const rows = comparedRows(run);
  const own = rows.find((row) => row.own);
  const abroad = rows.filter((row) => !row.own).sort((a, b) => d3.ascending(a.cut.kl_ratio[0], b.cut.kl_ratio[0]));
  // Of many texts the two between which the others lie.
  const shown = abroad.length > 3 ? [abroad[0], abroad.at(-1)] : abroad;
  const by = run.healing.method ? `By ${run.healing.method}, on ${many(run.healing.n_token_fit, 'token')}.` : `By ${run.healing.child_settings}.`;
  const big = own ? `KL ${number(own.cut.kl[0])} →\u00a0${number(own.kl[0])}` : run.healing.after === undefined ? 'healed' : `${percent(run.healing.after)} of the loss is left`;
  return tile('Healing', big, own ? gainTone(own) : null,
    own ? el('p', { text: `At home, only cut and healed: ${healedWords(own)}` }) : '',
    shown.map((row) => el('p', { text: `${row.name}: ${healedWords(row)}` })),
    abroad.length > shown.length ? el('p', { class: 'soft', text: `${many(abroad.length - shown.length, 'other text')} between these.` }) : '',
    el('p', { class: 'soft', text: by }));
}

function healingLead(run) {
  const { healing } = run;
  if (healing.method === undefined) return `It was healed by ${healing.child_settings}. What that gave each layer is not known here.`;
  const left = healing.layers.filter((layer) => layer.kept === 'nothing');
  const layers = !healing.healed ? 'As that is less than 1 %, the specialist is only cut.' : left.length === 0 ? `All ${many(healing.layers.length, 'layer')} were bettered.` : `${count(healing.layers.length - left.length)} of ${many(healing.layers.length, 'layer')} were bettered; left as they were: ${left.map((layer) => layer.layer).join(', ')}.`;
  return `By ${healing.method}: ${many(healing.n_token_fit, 'token')} to fit on (${number(healing.n_token_fit / healing.n_ff)} a hidden unit), ${many(healing.n_token_validation, 'token')} to decide by. On these it made up for ${percent(1 - healing.after, 1)} of what the layers lost. ${layers}`;
}

function healedLayersFigure(run) {
  const layers = run.healing.layers.map((layer) => ({ ...layer, name: String(layer.layer), healed: layer.error * layer.after }));
  return figure({
    title: 'What each layer loses, cut and healed',
    note: 'Share of a layer\'s output that is missing, on text that the fit did not see. Layers that healing did not better have one point.',
    keys: [['out', 'only cut'], ['kept', 'healed']],
    draw: (width) => chart('Loss of each layer, cut and healed', {
      width, height: 240, x: { type: 'point', label: 'layer', domain: layers.map((d) => d.name), tickFormat: everyNth(layers.map((d) => d.name)) }, y: { label: 'missing', tickFormat: '.2~%', ticks: 5, grid: true, zero: true }, color: { type: 'identity' },
      marks: [
        Plot.ruleX(layers, { x: 'name', y1: 'healed', y2: 'error', stroke: colour('removed'), strokeWidth: 2 }),
        Plot.dot(layers, { x: 'name', y: 'error', r: 4, fill: colour('out') }),
        Plot.dot(layers, { x: 'name', y: 'healed', r: 4, fill: colour('kept') }),
      ],
    }),
    table: () => ({ caption: 'Healing by layer', columns: [{ name: 'layer' }, { name: 'missing when cut' }, { name: 'when healed' }, { name: 'made up for' }, { name: "factor of the experts' norm" }, { name: 'by', words: true }], rows: layers.map((d) => [d.name, percent(d.error, 2), percent(d.healed, 2), percent(1 - d.after, 1), number(d.gain, 4), d.kept]) }),
  });
}

function healedTextsFigure(run) {
  const rows = comparedRows(run).map((row) => ({ ...row, label: row.own ? `${row.name} (home)` : row.name }));
  const points = rows.flatMap((row) => [{ label: row.label, kl: row.cut.kl, shade: 'out', dy: -5 }, { label: row.label, kl: row.kl, shade: 'kept', dy: 5 }]);
  return figure({
    title: 'Distance to the parent, cut and healed',
    note: 'Kullback-Leibler divergence in nats a token on held-out text, 95 % intervals over records. Both are of the same records, so that the ratio in the table says more than whether the intervals overlap.',
    keys: [['out', 'only cut'], ['kept', 'healed']],
    draw: (width) => chart('KL divergence to the parent, cut and healed', {
      width, height: 36 * rows.length + 70, marginLeft: Math.min(180, 24 + 7.2 * d3.max(rows, (row) => row.label.length)), marginRight: 20,
      x: { label: 'KL divergence to the parent →', domain: [0, 1.03 * d3.max(points, (d) => d.kl[2])], grid: true }, y: { label: null, domain: rows.map((row) => row.label) }, color: { type: 'identity' },
      marks: ['out', 'kept'].flatMap((shade) => {
        const own = points.filter((d) => d.shade === shade);
        const { dy } = own[0];
        return [Plot.ruleY(own, { x1: (d) => d.kl[1], x2: (d) => d.kl[2], y: 'label', dy, stroke: colour(shade), strokeWidth: 3 }), Plot.dot(own, { x: (d) => d.kl[0], y: 'label', dy, r: 5, fill: colour(shade) })];
      }),
    }),
    table: () => ({ caption: 'KL to the parent: value [95 % interval]', columns: [{ name: 'text', words: true }, { name: 'only cut' }, { name: 'healed' }, { name: 'healed ÷ cut' }], rows: rows.map((row) => [row.label, between(row.cut.kl), between(row.kl), between(row.cut.kl_ratio)]) }),
  });
}

function healingSection(run) {
  if (run.healing === null) return '';
  return el('section', { id: 'healing', 'aria-labelledby': 'healing-title' },
    el('h2', { id: 'healing-title', text: 'What healing gave' }),
    el('p', { text: healingLead(run) }),
    el('div', { class: 'pair' },
      run.healing.layers.length > 0 ? healedLayersFigure(run) : '',
      comparedRows(run).length > 0 ? healedTextsFigure(run) : ''));
}
