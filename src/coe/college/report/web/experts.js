// Layers × experts: how much each is worth to the domain, which were kept, and what passes changed. The map is one
// image whatever its size; a frame shows the expert that the panel beside it is about.

// Four ramps from the paper's colour, one for each state.
function ramps() {
  const paper = colour('card');
  const ramp = (name, from) => {
    const mix = d3.interpolateRgb(paper, colour(name));
    return (t) => mix(from + (1 - from) * t);
  };
  return { kept: ramp('kept', .16), removed: ramp('removed', .06), in: ramp('in', .3), out: ramp('out', .25) };
}

class ExpertMap {
  constructor(run) {
    this.run = run;
    this.tables = run.tables();
    this.table = 0;
    this.sorted = false;
    this.row = 0;
    this.expert = 0;
    this.cursor = el('div', { class: 'cursor', hidden: true });
    this.detail = el('div', { class: 'detail' });
    this.map = el('div', { class: 'map', tabindex: '0', role: 'group', 'aria-label': 'Map of layers and experts. Arrow keys move the frame.' });
    this.layerInput = el('input', { type: 'number', min: run.layers[0], max: run.layers.at(-1), value: run.layers[0] });
    this.expertInput = el('input', { type: 'number', min: 0, max: run.n_expert - 1, value: 0 });
    this.work();
  }

  work() {
    const scores = this.tables[this.table]?.scores;
    this.shares = scores ? this.run.shares(scores) : null;
    this.most = this.shares ? d3.max(this.shares, (row) => (row ? d3.max(row) : 0)) || 1 : 1;
    this.order = scores ? this.run.order(scores) : this.run.layers.map(() => d3.range(this.run.n_expert));
    this.place = this.order.map((order) => {
      const places = new Array(order.length);
      order.forEach((expert, place) => (places[expert] = place));
      return places;
    });
  }
  at(row, x) {
    return this.sorted ? this.order[row][x] : x;
  }
  xOf(row, expert) {
    return this.sorted ? this.place[row][expert] : expert;
  }

  draw(width) {
    const { run } = this;
    const nLayer = run.layers.length;
    const shade = ramps();
    const cells = new Array(nLayer * run.n_expert);
    const marks = [];
    for (let row = 0; row < nLayer; row += 1) {
      const shares = this.shares?.[row];
      for (let x = 0; x < run.n_expert; x += 1) {
        const expert = this.at(row, x);
        const state = run.state(row, expert);
        if (run.kept !== null && (state === 'in' || state === 'out')) marks.push({ x, row, state });
        // The root shows small shares, too.
        cells[row * run.n_expert + x] = shade[state](shares ? Math.sqrt(Math.max(0, shares[expert]) / this.most) : 1);
      }
    }
    const height = Math.max(150, Math.min(28, 720 / nLayer) * nLayer) + 64;
    const cell = Math.min((width - 60) / run.n_expert, (height - 64) / nLayer);
    const svg = chart(this.label(), {
      width, height, marginLeft: 44, marginBottom: 38, marginTop: 24, marginRight: 8,
      x: { domain: [-.5, run.n_expert - .5], label: this.sorted ? 'place by score, the highest first →' : 'expert →', nice: false },
      y: { domain: [nLayer - .5, -.5], label: 'layer', nice: false },
      color: { type: 'identity' },
      marks: [
        Plot.raster(cells, { width: run.n_expert, height: nLayer, x1: -.5, x2: run.n_expert - .5, y1: -.5, y2: nLayer - .5, imageRendering: 'pixelated' }),
        Plot.axisY(this.ticks(), { tickFormat: (row) => String(run.layers[row]), tickSize: 3 }),
        Plot.axisX({ tickSize: 3, ticks: Math.min(16, run.n_expert) }),
        ...['in', 'out'].map((state) => Plot.dot(marks.filter((mark) => mark.state === state), { x: 'x', y: 'row', r: Math.max(1.2, Math.min(3.5, cell / 3.2)), symbol: state === 'in' ? 'plus' : 'times', stroke: colour('ink'), strokeWidth: 1.1 })),
        this.sorted && run.n_keep ? Plot.ruleX([run.n_keep - .5], { stroke: colour('ink'), strokeDasharray: '4 3' }) : null,
      ],
    });
    this.svg = svg;
    this.map.replaceChildren(svg, this.cursor);
    requestAnimationFrame(() => this.frame());
    return this.map;
  }
  ticks() {
    const step = Math.ceil(this.run.layers.length / 31);
    return d3.range(0, this.run.layers.length, step);
  }
  label() {
    const { run } = this;
    return `Heat map of ${many(run.layers.length, 'layer')} and ${run.n_expert} experts${run.kept ? `, of which ${run.n_keep} are kept in each layer` : ''}. The table below it has the numbers of one layer.`;
  }

  // From the picture's pixels to experts and back, at whatever size it is shown.
  placeOf(event) {
    const image = this.svg.querySelector('image').getBoundingClientRect();
    const x = Math.floor(((event.clientX - image.left) / image.width) * this.run.n_expert);
    const row = Math.floor(((event.clientY - image.top) / image.height) * this.run.layers.length);
    return x >= 0 && x < this.run.n_expert && row >= 0 && row < this.run.layers.length ? [row, this.at(row, x)] : null;
  }
  frame() {
    const image = this.svg?.querySelector('image')?.getBoundingClientRect();
    if (!image || image.width === 0) return;
    const box = this.map.getBoundingClientRect();
    const wide = image.width / this.run.n_expert;
    const high = image.height / this.run.layers.length;
    const size = (length) => Math.max(length, 5) + 4;
    const middle = [image.left - box.left + (this.xOf(this.row, this.expert) + .5) * wide, image.top - box.top + (this.row + .5) * high];
    Object.assign(this.cursor.style, { left: `${middle[0] - size(wide) / 2}px`, top: `${middle[1] - size(high) / 2}px`, width: `${size(wide)}px`, height: `${size(high)}px` });
    this.cursor.hidden = false;
  }

  show(row, expert, { aloud = false } = {}) {
    this.row = row;
    this.expert = expert;
    this.layerInput.value = this.run.layers[row];
    this.expertInput.value = expert;
    this.frame();
    this.detail.replaceChildren(...this.details());
    if (aloud) say(`Layer ${this.run.layers[row]}, expert ${expert}: ${this.run.kept ? STATES[this.run.state(row, expert)] : ''} ${this.shares?.[row] ? `${percent(this.shares[row][expert], 2)} of the layer's score` : ''}`);
  }
  details() {
    const { run, row, expert } = this;
    const state = run.state(row, expert);
    const facts = [];
    const shares = this.shares?.[row];
    if (shares) {
      facts.push([`share of the layer's ${run.profile.score}`, percent(shares[expert], 2)], ['place by it', `${this.place[row][expert] + 1} of ${run.n_expert}`]);
    }
    const ranks = run.ranks(row, expert);
    const tokens = run.tokens(row);
    if (ranks && tokens > 0) {
      const chosen = d3.sum(ranks);
      facts.push(['chosen for', `${percent(chosen / tokens, 2)} of tokens`], ['average rank', chosen > 0 ? (d3.sum(ranks, (n, rank) => n * rank) / chosen).toFixed(2) : 'never chosen']);
    }
    const membership = run.stability?.membership?.[this.run.profileRow[row]];
    if (membership?.length > 0) facts.push(['kept in', `${percent(membership[expert])} of bootstrap replicates`]);
    const swaps = run.swapsOf.get(row * run.n_expert + expert) ?? [];
    const parts = [
      el('h3', { text: `Layer ${run.layers[row]}, expert ${expert}` }),
      run.kept ? el('p', { class: `state ${state}`, text: STATES[state] }) : '',
      el('dl', {}, facts.flatMap(([name, value]) => [el('dt', { text: name }), el('dd', { text: value })])),
    ];
    if (ranks && tokens > 0) parts.push(this.rankChart(ranks, tokens));
    if (swaps.length > 0) parts.push(el('ul', {}, swaps.map((swap) => el('li', { text: swapWords(run, swap, expert) }))));
    return parts;
  }
  rankChart(ranks, tokens) {
    const bars = ranks.map((n, rank) => ({ rank, share: n / tokens }));
    return chart(`Rank profile: share of tokens at each rank, ${bars.map(({ rank, share }) => `rank ${rank} ${percent(share, 2)}`).join(', ')}`, {
      width: 280, height: 130, marginLeft: 48, marginBottom: 32, marginTop: 14,
      x: { label: 'rank (0 is first)', tickFormat: 'd' }, y: { label: 'tokens', tickFormat: '.1%', grid: true, ticks: 3, nice: true },
      marks: [Plot.barY(bars, { x: 'rank', y: 'share', fill: colour('kept') }), Plot.ruleY([0])],
    });
  }

  move(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -1e6], End: [0, 1e6] };
    const step = steps[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const clamp = (value, most) => Math.max(0, Math.min(most, value));
    const row = clamp(this.row + step[0], this.run.layers.length - 1);
    const x = clamp(this.xOf(this.row, this.expert) + step[1], this.run.n_expert - 1);
    this.show(row, this.at(row, x), { aloud: true });
  }

  tableOfLayer() {
    const { run, row } = this;
    const shares = this.shares?.[row];
    const tokens = run.tokens(row);
    const columns = [{ name: 'expert' }, { name: 'state', words: true }, { name: 'share of score' }, { name: 'place' }, { name: 'tokens' }, { name: 'average rank' }];
    const rows = this.order[row].map((expert) => {
      const ranks = run.ranks(row, expert);
      const chosen = ranks ? d3.sum(ranks) : 0;
      return [String(expert), run.kept ? STATES[run.state(row, expert)] : '', shares ? percent(shares[expert], 2) : '', shares ? String(this.place[row][expert] + 1) : '', ranks && tokens > 0 ? percent(chosen / tokens, 2) : '', chosen > 0 ? (d3.sum(ranks, (n, rank) => n * rank) / chosen).toFixed(2) : ''];
    });
    return { caption: `Experts of layer ${run.layers[row]}, the highest score first`, columns, rows };
  }

  section() {
    const { run } = this;
    const sort = el('select', {}, el('option', { value: '', text: 'number' }), el('option', { value: 'score', text: 'score, in each layer' }));
    sort.addEventListener('change', () => {
      this.sorted = sort.value !== '';
      this.again();
    });
    const of = el('select', {}, this.tables.map(({ name }, i) => el('option', { value: i, text: name })));
    of.addEventListener('change', () => {
      this.table = Number(of.value);
      this.work();
      this.again();
      this.show(this.row, this.expert);
    });
    const jump = () => {
      const row = run.rowOfLayer.get(Number(this.layerInput.value));
      const expert = Number(this.expertInput.value);
      if (row !== undefined && Number.isInteger(expert) && expert >= 0 && expert < run.n_expert) this.show(row, expert, { aloud: true });
    };
    this.layerInput.addEventListener('change', jump);
    this.expertInput.addEventListener('change', jump);
    this.map.addEventListener('keydown', (event) => this.move(event));
    for (const kind of ['pointermove', 'pointerdown'])
      this.map.addEventListener(kind, (event) => {
        const place = this.placeOf(event);
        if (place) this.show(...place);
      });
    addEventListener('resize', () => this.frame());
    const keys = run.kept ? Object.entries(STATES).filter(([state]) => run.swaps.length > 0 || state === 'kept' || state === 'removed') : [['kept', 'stronger: more of the score']];
    const box = el('div', { class: 'plot' }, this.map);
    const details = el('details', {}, el('summary', { text: 'The layer of the frame: as a table' }));
    details.addEventListener('toggle', () => {
      details.querySelector('.scroll')?.remove();
      if (details.open) details.append(tableOf(this.tableOfLayer()));
    });
    const whole = el('figure', {},
      el('h3', { text: run.kept ? 'Which experts stay' : 'Which experts fire' }),
      el('p', { class: 'note', text: run.profile ? `The stronger the colour, the larger an expert's share of its layer's ${run.profile.score} on the domain's text${run.kept ? '. A plus is an expert that a pass brought in, a cross one that gave way for it' : ''}.` : 'The profile is not at hand, so all kept experts look alike.' }),
      el('div', { class: 'controls' },
        this.tables.length > 0 ? el('label', {}, 'Experts by', sort) : '',
        this.tables.length > 1 ? el('label', {}, 'Score on', of) : '',
        el('label', {}, 'Layer', this.layerInput), el('label', {}, 'Expert', this.expertInput)),
      keysOf(keys),
      el('div', { class: 'experts' }, box, this.detail), details);
    const picture = watch(whole, box, (width) => this.draw(width));
    this.again = () => picture.draw();
    this.show(0, this.order[0][0]);
    return whole;
  }
}
