// Elements, numbers in words, and what is said to screen readers. Text of the document is set as text, never as markup.

function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'text') element.textContent = value;
    else if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''));
  return element;
}

const say = (words) => (document.getElementById('said').textContent = words);

// As coe prints sizes: powers of ten.
function bytesText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3).replace(/\.0+$/, '')}\u00a0${units[unit]}`;
}
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}\u00a0%`;
const count = (n) => n.toLocaleString('en');
const number = (value, digits = 3) => (value === null || value === undefined ? '' : Number.isInteger(value) ? String(value) : Number(value.toPrecision(digits)).toString());
const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
const between = ([value, low, high], digits = 3) => `${number(value, digits)} [${number(low, digits)}, ${number(high, digits)}]`;

function copyButton(text, what) {
  const button = el('button', { type: 'button', 'aria-label': `Copy ${what}`, text: 'Copy' });
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      say(`Copied ${what}.`);
      button.textContent = 'Copied';
    } catch {
      // A page of a disk may be refused the clipboard: the text is selected instead.
      const range = document.createRange();
      range.selectNodeContents(button.previousElementSibling);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      say('The browser did not allow to copy; the command is selected.');
    }
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  });
  return button;
}

const commandRow = (line, what) => el('div', { class: 'command-row' }, el('code', { class: 'command', text: line }), copyButton(line, what));

// A table: columns are {name, words}, rows arrays of texts. The first cell of a row names it.
function tableOf({ caption, columns, rows }) {
  const head = el('tr', {}, columns.map((column) => el('th', { scope: 'col', class: column.words ? 'words' : null, text: column.name })));
  const body = rows.map((row) => el('tr', {}, row.map((cell, i) => el(i === 0 ? 'th' : 'td', { scope: i === 0 ? 'row' : null, class: columns[i].words ? 'words' : null, text: cell }))));
  return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, el('table', {}, el('caption', { text: caption }), el('thead', {}, head), el('tbody', {}, body)));
}
