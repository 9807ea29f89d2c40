// Layers, sub-domains, held-out text, stability, sizes, and the benches' results.

function coverageSection(run) {
  const { profile } = run;
  if (!profile) return '';
  const layers = profile.layers;
  const figures = [];
  if (profile.covered || profile.entropy) {
    const lines = [];
    if (profile.covered) layers.forEach((layer, i) => lines.push({ layer, value: profile.covered[i], what: 'covered by the mask' }));
    if (profile.entropy) layers.forEach((layer, i) => lines.push({ layer, value: profile.entropy[i], what: 'entropy of routing' }));
    figures.push(figure({
      title: 'Layer by layer',
      note: `What the kept experts hold of each layer's ${profile.score}, and how evenly the layer routes: 1 is all experts alike, so a mask costs most there.`,
      draw: (width) => chart('Coverage and entropy of each layer', { width, height: 240, x: { label: 'layer →' }, y: { label: 'share', domain: [Math.min(.5, d3.min(lines, (d) => d.value)), 1], tickFormat: '.0%', grid: true }, marks: [Plot.lineY(lines.filter((d) => d.what !== 'entropy of routing'), { x: 'layer', y: 'value', stroke: colour('kept'), marker: 'dot' }), Plot.lineY(lines.filter((d) => d.what === 'entropy of routing'), { x: 'layer', y: 'value', stroke: colour('out'), strokeDasharray: '4 3' })] }),
      keys: [profile.covered ? ['kept', 'covered by the mask'] : null, profile.entropy ? ['out', 'entropy of routing (dashed)'] : null].filter(Boolean),
      table: () => ({ caption: 'Coverage and entropy by layer', columns: [{ name: 'layer' }, { name: 'covered' }, { name: 'entropy' }], rows: layers.map((layer, i) => [String(layer), profile.covered ? percent(profile.covered[i], 1) : '', profile.entropy ? number(profile.entropy[i]) : '']) }),
    }));
  }
  if (profile.coverage) figures.push(coverageCurve(run));
  return el('section', { id: 'coverage', 'aria-labelledby': 'coverage-title' }, el('h2', { id: 'coverage-title', text: 'How many experts are enough' }), el('div', { class: 'pair' }, figures));
}

function coverageCurve(run) {
  const { coverage, layers } = run.profile;
  const points = layers.flatMap((layer, l) => coverage.n_keeps.map((k, i) => ({ layer, k, share: coverage.layers[l][i] })));
  const mean = coverage.n_keeps.map((k, i) => ({ k, share: d3.mean(coverage.layers, (row) => row[i]) }));
  const shares = ['80 %', '90 %', '95 %'];
  return figure({
    title: 'Coverage over K',
    note: `What the best K experts of a layer hold: a pale line a layer, their mean in bold, an even spread dashed.${run.n_keep ? ` The upright is K = ${run.n_keep}.` : ''}`,
    draw: (width) => chart('Coverage over the number of kept experts', { width, height: 260, x: { label: 'experts kept (K) →', domain: [0, run.n_expert] }, y: { label: 'covered', tickFormat: '.0%', domain: [0, 1], grid: true }, marks: [
      Plot.line([{ k: 0, share: 0 }, { k: run.n_expert, share: 1 }], { x: 'k', y: 'share', stroke: colour('soft'), strokeDasharray: '4 3' }),
      Plot.line(points, { x: 'k', y: 'share', z: 'layer', stroke: colour('kept'), strokeOpacity: .22, strokeWidth: 1 }),
      Plot.line(mean, { x: 'k', y: 'share', stroke: colour('kept'), strokeWidth: 2.5 }),
      run.n_keep ? Plot.ruleX([run.n_keep], { stroke: colour('ink') }) : null] }),
    table: () => ({ caption: 'The smallest K that covers so much of a layer', columns: [{ name: 'layer' }, ...shares.map((name) => ({ name }))], rows: layers.map((layer, l) => [String(layer), ...coverage.enough[l].map((k) => (k > 0 ? String(k) : 'none'))]) }),
  });
}

function domainSection(run) {
  const { profile } = run;
  if (!profile) return '';
  const list = tableOf({ caption: 'The text of the profile', columns: [{ name: 'sub-domain', words: true }, { name: 'weight' }, { name: 'samples' }, { name: 'tokens' }], rows: profile.domains.map((domain) => [domain.name, number(domain.weight), count(domain.n_sample), count(domain.n_token)]) });
  const figures = [];
  if (profile.overlap) {
    const { names, jaccard } = profile.overlap;
    const chance = jaccardByChance(run.n_keep ?? Math.floor(run.n_expert / 2), run.n_expert);
    figures.push(matrixFigure({
      title: 'How alike sub-domains route',
      note: `Jaccard index of the best ${run.n_keep ?? Math.floor(run.n_expert / 2)} experts of two sub-domains, on the mean over layers. Chance would give ${chance.toFixed(2)}.`,
      rows: names, columns: names, at: (r, c) => jaccard[r][c], domain: [chance, 1], label: 'sub-domain', text: (value) => value.toFixed(2),
    }));
  }
  return el('section', { id: 'domains', 'aria-labelledby': 'domains-title' }, el('h2', { id: 'domains-title', text: 'The text and its sub-domains' }), list, figures);
}

// A matrix with its values as text. `at(r, c)` may be null.
function matrixFigure({ title, note, rows, columns, at, domain, text, label, scheme = 'blues', keys, before = [] }) {
  const cells = rows.flatMap((row, r) => columns.map((column, c) => ({ row, column, value: at(r, c) }))).filter((cell) => cell.value !== null);
  const left = Math.min(180, 24 + 7.2 * d3.max(rows, (row) => row.length));
  return figure({
    title, note, keys, before,
    draw: (width) => {
      const shade = d3.scaleLinear(domain, [0, 1]).clamp(true);
      const paper = colour('card');
      const mix = d3.interpolateRgb(paper, scheme === 'blues' ? colour('kept') : colour('out'));
      const fill = (value) => mix(.06 + .94 * shade(value));
      // Text has the colour that stands out more from its cell.
      const ink = (value) => (contrast(fill(value), '#ffffff') > contrast(fill(value), '#000000') ? '#ffffff' : '#000000');
      const wide = Math.min(width, left + 84 * columns.length + 16);
      const longest = 7.2 * d3.max(columns, (column) => column.length);
      const slanted = longest > (wide - left) / columns.length;
      const above = slanted ? 22 + .57 * longest : 30;
      return chart(title, {
        width: wide, height: 26 * rows.length + above + 8, marginLeft: left, marginTop: above, marginBottom: 8, marginRight: slanted ? 40 : 12,
        x: { axis: 'top', label: null, domain: columns, tickSize: 0, tickRotate: slanted ? -35 : 0 }, y: { label: null, domain: rows, tickSize: 0 },
        color: { type: 'identity' },
        marks: [Plot.cell(cells, { x: 'column', y: 'row', fill: (d) => fill(d.value), inset: 1 }), wide - left > 36 * columns.length ? Plot.text(cells, { x: 'column', y: 'row', text: (d) => text(d.value), fill: (d) => ink(d.value) }) : null],
      });
    },
    table: () => ({ caption: title, columns: [{ name: label, words: true }, ...columns.map((name) => ({ name }))], rows: rows.map((row, r) => [row, ...columns.map((_, c) => (at(r, c) === null ? '' : text(at(r, c))))]) }),
  });
}

function luminance(value) {
  const { r, g, b } = d3.rgb(value);
  const [x, y, z] = [r, g, b].map((v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4));
  return .2126 * x + .7152 * y + .0722 * z;
}
function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + .05) / (low + .05);
}

function evaluationSection(run) {
  const { evaluation } = run;
  if (!evaluation) return '';
  const rows = evaluation.rows.map((row) => ({ ...row, label: row.own ? `${row.name} (home)` : row.name }));
  const random = rows.flatMap((row) => row.random_kl.map((kl) => ({ label: row.label, kl })));
  const most = d3.max([...rows.map((row) => row.kl[2]), ...random.map((d) => d.kl)]);
  const picture = figure({
    title: 'Distance to the parent on held-out text',
    note: `Kullback-Leibler divergence in nats a token, 95 % intervals over records; 0 is the parent. Below ${evaluation.keeps_kl} a text is kept, above ${evaluation.loses_kl} it is lost (dashed).${evaluation.n_random > 0 ? ' Crosses are random experts of the same number.' : ''}`,
    keys: [['kept', 'the specialist at home'], ['removed', 'the specialist abroad'], ...(evaluation.n_random > 0 ? [['out', 'random experts (×)']] : [])],
    draw: (width) => chart('KL divergence to the parent by sub-domain', {
      width, height: 30 * rows.length + 70, marginLeft: Math.min(180, 24 + 7.2 * d3.max(rows, (row) => row.label.length)), marginRight: 20,
      x: { label: 'KL divergence to the parent →', domain: [0, most * 1.03], grid: true }, y: { label: null, domain: rows.map((row) => row.label) },
      marks: [
        Plot.ruleX([evaluation.keeps_kl, evaluation.loses_kl].filter((kl) => kl < most), { stroke: colour('soft'), strokeDasharray: '3 3' }),
        Plot.ruleY(rows, { x1: (d) => d.kl[1], x2: (d) => d.kl[2], y: 'label', stroke: (d) => colour(d.own ? 'kept' : 'removed'), strokeWidth: 3 }),
        Plot.dot(rows, { x: (d) => d.kl[0], y: 'label', r: 5, fill: (d) => colour(d.own ? 'kept' : 'removed') }),
        Plot.dot(random, { x: 'kl', y: 'label', symbol: 'times', r: 5, stroke: colour('out'), strokeWidth: 2 }),
      ],
      color: { type: 'identity' },
    }),
    table: () => ({ caption: 'KL divergence of random experts, by seed', columns: [{ name: 'text', words: true }, ...d3.range(evaluation.n_random).map((seed) => ({ name: `seed ${seed + 1}` }))], rows: rows.map((row) => [row.label, ...row.random_kl.map((kl) => number(kl))]) }),
  });
  return el('section', { id: 'kept', 'aria-labelledby': 'kept-title' },
    el('h2', { id: 'kept-title', text: 'What it keeps and loses' }),
    picture,
    tableOf({ caption: 'On held-out text: value [95 % interval]', columns: [{ name: 'text', words: true }, { name: 'verdict', words: true }, { name: 'records' }, { name: 'tokens' }, { name: 'perplexity ×' }, { name: 'KL' }, { name: 'same first choice' }, { name: 'KL of random' }], rows: rows.map((row) => [row.label, verdictOf(row)[0], count(row.n_record), count(row.n_token), between(row.perplexity_ratio), between(row.kl), percent(row.same_first[0], 1), d3.extent(row.random_kl).filter((kl, i, [low]) => kl !== undefined && (i === 0 || kl !== low)).map((kl) => number(kl)).join(' to ')]) }),
    run.choice ? tableOf({ caption: 'Scores that were tried on validation text', columns: [{ name: 'score', words: true }, { name: 'KL' }], rows: run.choice.map(({ score, kl_mean }) => [score, number(kl_mean)]) }) : '');
}

function stabilitySection(run) {
  const { stability } = run;
  if (!stability || stability.points.length === 0) return '';
  const { points } = stability;
  const figures = [figure({
    title: 'Does the mask hold still while the text grows?',
    note: `Jaccard index of the mask of ${stability.n_keep} with the one at half the tokens, and the lower bound of 95 % by the bootstrap. At .95 the text is enough.`,
    keys: [['kept', 'mean over layers'], ['out', 'lower bound (dashed)']],
    draw: (width) => chart('Stability of the mask over tokens', { width, height: 260, x: { type: 'log', label: 'tokens →' }, y: { label: 'Jaccard index', grid: true, domain: [Math.min(.8, d3.min(points, (d) => d.jaccard_lower ?? d.jaccard)), 1] }, marks: [
      Plot.ruleY([.95], { stroke: colour('soft'), strokeDasharray: '3 3' }),
      Plot.lineY(points, { x: 'n_token', y: 'jaccard', stroke: colour('kept'), marker: 'dot' }),
      Plot.lineY(points.filter((d) => d.jaccard_lower !== null), { x: 'n_token', y: 'jaccard_lower', stroke: colour('out'), strokeDasharray: '4 3' })] }),
    table: () => ({ caption: 'Stability over tokens', columns: [{ name: 'tokens' }, { name: 'samples' }, { name: 'Jaccard' }, { name: 'lower bound' }, { name: 'entropy' }], rows: points.map((d) => [count(d.n_token), count(d.n_sample), number(d.jaccard), number(d.jaccard_lower), number(d.entropy)]) }),
  })];
  const { membership } = stability;
  if (membership.some((row) => row.length > 0)) {
    const nExpert = membership[0].length;
    const sorted = membership.map((row) => [...row].sort(d3.descending));
    figures.push(figure({
      title: 'Which experts are sure of their place',
      note: 'Share of bootstrap replicates that keep an expert, in each layer the surest first. A sharp edge at K is a settled mask, a soft one is chance.',
      draw: (width) => {
        const mix = d3.interpolateRgb(colour('card'), colour('kept'));
        return chart('Share of bootstrap replicates that keep each expert', { width, height: Math.max(160, Math.min(14, 500 / sorted.length) * sorted.length) + 46, x: { domain: [0, nExpert], label: 'experts, the surest first →' }, y: { domain: [sorted.length - .5, -.5], label: 'layer', nice: false }, color: { type: 'identity' }, marks: [Plot.raster(sorted.flat().map(mix), { width: nExpert, height: sorted.length, x1: 0, x2: nExpert, y1: -.5, y2: sorted.length - .5, imageRendering: 'pixelated' }), Plot.axisY(d3.range(0, sorted.length, Math.ceil(sorted.length / 20)), { tickFormat: (row) => String(run.profile?.layers[row] ?? row) }), Plot.ruleX([stability.n_keep], { stroke: colour('ink') })] });
      },
      table: () => ({ caption: 'Experts that between 5 and 95 % of replicates keep', columns: [{ name: 'layer' }, { name: 'experts in doubt' }], rows: membership.map((row, l) => [String(run.profile?.layers[l] ?? l), String(row.filter((share) => share > .05 && share < .95).length)]) }),
    }));
  }
  return el('section', { id: 'stability', 'aria-labelledby': 'stability-title' }, el('h2', { id: 'stability-title', text: 'Was the text enough' }), el('div', { class: 'pair' }, figures));
}

const MEMORY_PARTS = { weights: 'weights', kv_cache: 'KV cache', compute: 'compute', other: 'other' };

function sizeSection(run) {
  const files = [['parent', run.parent_file], ['specialist', run.child_file]].filter(([, file]) => file);
  if (files.length === 0) return '';
  const parts = files.flatMap(([name, file]) => Object.entries(file.parts).map(([part, bytes]) => ({ name, part, bytes })));
  const figures = [barsFigure({ title: 'The file, by what is in it', rows: parts, y: 'name', z: 'part', order: files.map(([name]) => name), columns: ['file', 'part'] })];
  if (run.memory) {
    const { contexts, child, parent, engine } = run.memory;
    const rows = contexts.flatMap((context, i) => [['parent', parent?.[i]], ['specialist', child[i]]].filter(([, memory]) => memory).flatMap(([name, memory]) => Object.entries(MEMORY_PARTS).map(([key, part]) => ({ name, fy: `${count(context)} tokens`, part, bytes: memory[key] }))));
    figures.push(barsFigure({ title: 'Memory, by context', note: `Predicted by ${engine}, all devices together.`, rows, y: 'name', z: 'part', fy: 'fy', order: parent ? ['parent', 'specialist'] : ['specialist'], columns: ['model', 'context', 'part'] }));
  }
  return el('section', { id: 'sizes', 'aria-labelledby': 'sizes-title' }, el('h2', { id: 'sizes-title', text: 'Size and memory' }), el('div', { class: 'pair' }, figures));
}

function barsFigure({ title, note, rows, y, z, fy, order, columns }) {
  const parts = [...new Set(rows.map((row) => row[z]))];
  const colourOf = (part) => d3.schemeObservable10[parts.indexOf(part) % 10];
  const groups = fy ? [...new Set(rows.map((row) => row[fy]))] : [];
  return figure({
    title, note, keys: parts.map((part) => [colourOf(part), part]),
    draw: (width) => chart(title, { width, height: (fy ? groups.length : 1) * (26 * order.length + 14) + 62, marginLeft: 76, marginRight: fy ? 106 : 28, x: { label: 'bytes →', tickFormat: (v) => bytesText(v), grid: true, ticks: Math.max(3, Math.floor(width / 130)) }, y: { label: null, domain: order }, fy: fy ? { label: null, domain: groups } : undefined, color: { type: 'identity' }, marks: [Plot.barX(rows, Plot.stackX({ x: 'bytes', y, z, fy, fill: (row) => colourOf(row[z]), order: parts }))] }),
    table: () => ({ caption: title, columns: [...columns.map((name) => ({ name, words: true })), { name: 'bytes' }], rows: rows.map((row) => [row[y], ...(fy ? [row[fy]] : []), row[z], count(row.bytes)]) }),
  });
}

function provenanceSection(run) {
  const facts = [
    ['parent', run.parent.name], ['its digest', run.parent.digest], ['architecture', run.architecture], ['mask', run.mask_digest],
    ['text of the profile', run.profile?.corpus], ['profiled with', run.profile?.engine], ['held-out text', run.evaluation?.corpus], ['evaluated with', run.evaluation?.engine], ['healed by', run.healing?.child_settings], ['text of the healing', run.healing?.text_digest],
    ['made by', `coe ${report.version}`], ['command of this report', report.command_line],
  ].filter(([, value]) => value);
  return el('section', { id: 'provenance', 'aria-labelledby': 'provenance-title' }, el('h2', { id: 'provenance-title', text: 'Where it comes from' }), el('dl', { class: 'facts' }, facts.flatMap(([name, value]) => [el('dt', { text: name }), el('dd', {}, el('code', { text: value }))])));
}
