// The log of swaps: which expert came in for which, in which pass, and why.

// `of`: the expert that is looked at.
function swapWords(run, swap, of) {
  const other = of === swap.in ? `for expert ${swap.out}` : `to expert ${swap.in}`;
  const places = swap.in_ordinal ? `, place ${swap.in_ordinal} there against ${swap.out_ordinal} here` : '';
  return `${of === swap.in ? 'came in' : 'gave way'} ${other} by ${run.passName(swap.pass)}${swap.domain ? ` (${swap.domain})` : ''}${places}`;
}

const SWAP_COLUMNS = [
  ['layer', 'layer'], ['pass', 'pass'], ['in', 'in'], ['out', 'out'], ['in_ordinal', 'place of in'], ['out_ordinal', 'place of out'],
  ['in_avg_rank', 'average rank of in'], ['out_avg_rank', 'average rank of out'], ['in_tier', 'tier of in'], ['out_tier', 'tier of out'],
  ['in_score', 'score of in'], ['out_score', 'score of out'], ['domain', 'text'],
];
// More rows are shown when they are asked for, so that a page of 61 layers opens at once.
const SWAPS_AT_ONCE = 200;

function swapTable(run) {
  const columns = SWAP_COLUMNS.filter(([key]) => key !== 'domain' || run.swapRows.some((swap) => swap.domain));
  const body = el('tbody');
  const shown = el('p', { class: 'soft', role: 'status' });
  const more = el('button', { type: 'button', hidden: true });
  const pass = el('select', {}, el('option', { value: '', text: 'all' }), [...new Set(run.swapRows.map((swap) => swap.pass))].map((index) => el('option', { value: index, text: `${index + 1} ${run.passName(index)}` })));
  const layer = el('select', {}, el('option', { value: '', text: 'all' }), run.layers.map((value) => el('option', { value, text: value })));
  const expert = el('input', { type: 'search', inputmode: 'numeric', size: 6, placeholder: 'any' });
  let sorted = { key: 'layer', up: true };
  let limit = SWAPS_AT_ONCE;

  const value = (swap, key) => (key === 'pass' ? `${swap.pass + 1} ${run.passName(swap.pass)}` : swap[key]);
  const words = (key) => key === 'pass' || key === 'domain';
  const fill = () => {
    const wanted = expert.value.trim();
    const rows = run.swapRows.filter((swap) => (pass.value === '' || swap.pass === Number(pass.value)) && (layer.value === '' || swap.layer === Number(layer.value)) && (wanted === '' || String(swap.in) === wanted || String(swap.out) === wanted));
    // What stands equal keeps the order in which the passes made it.
    const compare = (a, b) => d3.ascending(value(a, sorted.key), value(b, sorted.key));
    rows.sort((a, b) => (sorted.up ? compare(a, b) : compare(b, a)));
    body.replaceChildren(...rows.slice(0, limit).map((swap) => el('tr', {}, columns.map(([key]) => el('td', { class: words(key) ? 'words' : null, text: typeof value(swap, key) === 'number' ? number(value(swap, key)) : value(swap, key) ?? '' })))));
    shown.textContent = `${many(Math.min(limit, rows.length), 'swap')} of ${count(run.swapRows.length)}`;
    more.hidden = rows.length <= limit;
    more.textContent = `Show all ${count(rows.length)}`;
  };
  const heads = columns.map(([key, name]) => {
    const head = el('th', { scope: 'col', class: words(key) ? 'words' : null, 'aria-sort': key === sorted.key ? 'ascending' : 'none' });
    head.append(el('button', { type: 'button', text: name, onclick: () => {
      sorted = { key, up: sorted.key === key ? !sorted.up : true };
      for (const other of heads) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', sorted.up ? 'ascending' : 'descending');
      fill();
    } }));
    return head;
  });
  for (const control of [pass, layer, expert]) control.addEventListener('input', () => {
    limit = SWAPS_AT_ONCE;
    fill();
  });
  more.addEventListener('click', () => {
    limit = Infinity;
    fill();
  });
  fill();
  return el('figure', { id: 'swap-table' },
    el('h3', { text: 'Every swap' }),
    el('p', { class: 'note', text: 'Places are by score among all experts of the layer: of what came in on the text of the pass, of what gave way on the domain. Tiers go by average rank: 4 is nearly always first, 1 fills up.' }),
    el('div', { class: 'controls' }, el('label', {}, 'Pass', pass), el('label', {}, 'Layer', layer), el('label', {}, 'Expert', expert), shown, more),
    el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Swaps' }, el('table', {}, el('thead', {}, el('tr', {}, heads)), body)));
}

function passTable(run) {
  const rows = run.passes.map((pass, i) => [`${i + 1} ${pass.pass}`, pass.words.replace(/^[^:]*: /, ''), count(run.swapRows.filter((swap) => swap.pass === i).length), pass.coverage_before === undefined ? '' : percent(pass.coverage_before, 1), pass.coverage === undefined ? '' : percent(pass.coverage, 1)]);
  return tableOf({ caption: 'Passes, in the order in which they were made', columns: [{ name: 'pass', words: true }, { name: 'what it did', words: true }, { name: 'swaps' }, { name: 'covered before' }, { name: 'covered after' }], rows });
}

function swapSection(run) {
  if (run.passes.length === 0) return '';
  const byLayer = d3.rollups(run.swapRows, (rows) => rows.length, (swap) => swap.pass, (swap) => swap.layer).flatMap(([pass, layers]) => layers.map(([layer, n]) => ({ pass: `${pass + 1} ${run.passName(pass)}`, layer: String(layer), n })));
  return el('section', { id: 'passes', 'aria-labelledby': 'passes-title' },
    el('h2', { id: 'passes-title', text: 'What the passes changed' }),
    passTable(run),
    run.swapRows.length > 0
      ? [figure({
          title: 'Swaps by layer',
          draw: (width) => chart('Swaps of each pass by layer', { width, height: 200, x: { label: 'layer', domain: run.layers.map(String), tickFormat: everyNth(run.layers) }, y: { label: 'swaps', grid: true, tickFormat: 'd', ticks: wholeTicks(byLayer) }, color: { legend: false, scheme: 'observable10' }, marks: [Plot.barY(byLayer, { x: 'layer', y: 'n', fill: 'pass' }), Plot.ruleY([0])] }),
          table: () => ({ caption: 'Swaps by pass and layer', columns: [{ name: 'pass', words: true }, { name: 'layer' }, { name: 'swaps' }], rows: byLayer.map(({ pass, layer, n }) => [pass, layer, String(n)]) }),
          keys: [...new Set(byLayer.map(({ pass }) => pass))].map((pass, i) => [d3.schemeObservable10[i % 10], pass]),
        }), swapTable(run)]
      : el('p', { class: 'soft', text: 'No pass swapped an expert.' }));
}

// Some whole numbers up to what the layer of most swaps has: a swap is one or none.
const wholeTicks = (byLayer) => {
  const sums = d3.rollup(byLayer, (rows) => d3.sum(rows, ({ n }) => n), ({ layer }) => layer);
  return d3.ticks(0, d3.max(sums.values()), 4).filter(Number.isInteger);
};

// Labels of an axis of layers that has room for about thirty.
const everyNth = (values) => {
  const step = Math.ceil(values.length / 30);
  return (value, i) => (i % step === 0 ? value : '');
};
