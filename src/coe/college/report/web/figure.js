// A picture with its title, a sentence, and the same numbers as a table. It is drawn when it comes into view, or is
// printed, and again when its width or the colours change.

const figures = new Set();

// The value of one of the page's colours as it is now: charts do not know light-dark().
const colours = new Map();
function colour(name) {
  if (!colours.has(name)) {
    const probe = el('span', { style: `color: var(--${name})` });
    document.body.append(probe);
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
}

function watch(figure, box, draw) {
  const entry = { figure, box, drawn: false, width: 0 };
  entry.draw = () => {
    entry.drawn = true;
    entry.width = box.clientWidth;
    // What is measured while it is drawn is measured without what was drawn before.
    box.replaceChildren(draw(Math.max(280, entry.width)));
  };
  figures.add(entry);
  seen.observe(figure);
  return entry;
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    for (const entry of figures) if (entry.figure === target && !entry.drawn) entry.draw();
  }
}, { rootMargin: '300px' });

function redraw({ all = false, resized = false } = {}) {
  if (!resized) colours.clear();
  for (const entry of figures) {
    if (!entry.figure.isConnected) figures.delete(entry);
    else if (resized ? entry.drawn && entry.width !== entry.box.clientWidth : all || entry.drawn) entry.draw();
  }
}

let resizing = 0;
addEventListener('resize', () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => redraw({ resized: true }), 150);
});
addEventListener('beforeprint', () => {
  for (const entry of figures) if (!entry.drawn) entry.draw();
});

// `draw(width)` returns an element. `table()` returns what tableOf() takes. `keys` are [colour, words].
function figure({ title, note, draw, table, keys = [], before = [] }) {
  const box = el('div', { class: 'plot' });
  const details = el('details', {}, el('summary', { text: `${title}: as a table` }));
  details.addEventListener('toggle', () => {
    if (details.open && details.childElementCount === 1) details.append(tableOf(table()));
  });
  const whole = el('figure', {}, el('h3', { text: title }), note ? el('p', { class: 'note', text: note }) : '', ...before, keysOf(keys), box, details);
  watch(whole, box, draw);
  return whole;
}

function keysOf(keys) {
  return keys.length === 0 ? '' : el('ul', { class: 'keys' }, keys.map(([name, words]) => el('li', {}, el('span', { class: 'swatch', style: `background: ${name.startsWith('#') ? name : `var(--${name})`}` }), words)));
}

// A chart of Observable Plot as a picture with a name.
function chart(label, options) {
  // Words below an axis stand clear of its numbers.
  const room = options.x?.label ? { marginBottom: 40 } : {};
  const svg = Plot.plot({ ...room, style: { background: 'transparent', color: 'inherit', fontFamily: 'inherit' }, ...options });
  svg.setAttribute('role', 'img');
  // Its parts are no things of their own to a screen reader, and groups may not have names.
  for (const part of svg.querySelectorAll('[aria-label]')) part.removeAttribute('aria-label');
  svg.setAttribute('aria-label', label);
  return svg;
}
