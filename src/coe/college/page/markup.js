// An answer as paragraphs, lists, code in a line and blocks of code. Everything else of Markdown stays the text that
// it is. All work is linear in the text, since a model may write anything, and what is drawn is kept while more arrives.
import { copyButton, make } from './dom.js';

const MAX_DEPTH = 6;  // of lists in lists

// How many times `mark` stands at the start of `line`, from `at` on.
function runLength(line, mark, at = 0) {
  let end = at;
  while (line[end] === mark) ++end;
  return end - at;
}

// {mark, length, info, indent} when the line opens a block of code. Source: CommonMark 0.31, section 4.5.
function openingFence(line) {
  const start = line.trimStart();
  const mark = start[0];
  if (mark !== '`' && mark !== '~') return null;
  const length = runLength(start, mark);
  const info = start.slice(length).trim();
  if (length < 3 || (mark === '`' && info.includes('`'))) return null;
  return { mark, length, info, indent: line.length - start.length };
}

// Whether a line that has not arrived whole may become the end of the block.
function mayClose(fence, line) {
  const mark = line.trim();
  return mark.length > 0 && runLength(mark, fence.mark) === mark.length;
}

function closes(fence, line) {
  return mayClose(fence, line) && line.trim().length >= fence.length;
}

// {indent, ordered, number, text} when the line begins an item of a list.
function listItem(line) {
  const start = line.trimStart();
  const indent = line.length - start.length;
  if ('-*+'.includes(start[0] ?? ' ') && start[1] === ' ')
    return { indent, ordered: false, number: 0, text: start.slice(2).trim() };
  let digits = 0;
  while (digits < 9 && start[digits] >= '0' && start[digits] <= '9') ++digits;
  if (digits === 0 || !'.)'.includes(start[digits] ?? ' ') || start[digits + 1] !== ' ') return null;
  return { indent, ordered: true, number: Number(start.slice(0, digits)), text: start.slice(digits + 2).trim() };
}

function addToText(block, line, item) {
  const within = block?.type === 'list' && !block.gap;
  if (item) {
    const list = block?.type === 'list' ? block : { type: 'list', items: [] };
    list.gap = false;
    list.items.push(item);
    return list;
  }
  // A line below an item belongs to it, and after an empty line only when it is indented.
  if (within || (block?.type === 'list' && (line[0] === ' ' || line[0] === '\t'))) {
    block.items.at(-1).text += `\n${line.trim()}`;
    block.gap = false;
    return block;
  }
  if (block?.type === 'text') {
    block.text += `\n${line}`;
    return block;
  }
  return { type: 'text', text: line };
}

// The blocks of text[from…], where `from` is the start of a block: {type: 'text', text}, {type: 'code', info, text, open}
// or {type: 'list', items}, each from `at` to `end`.
export function parseBlocks(text, from = 0) {
  const blocks = [];
  let block = null;
  for (let at = from; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, text[end - 1] === '\r' ? end - 1 : end);
    if (block?.type === 'code' && block.open) {
      if (closes(block.fence, line)) block.open = false;
      else if (newline >= 0 || !mayClose(block.fence, line)) block.lines.push(withoutIndent(line, block.fence.indent));
    } else if (line.trim() === '') {
      if (block?.type === 'list') block.gap = true;
      else block = null;
    } else {
      const fence = openingFence(line);
      const next = fence ? { type: 'code', fence, info: fence.info, lines: [], open: true } : addToText(block, line, listItem(line));
      if (next !== block) blocks.push(Object.assign(next, { at }));
      block = next;
    }
    if (block) block.end = end;
    at = end + 1;
  }
  for (const code of blocks) if (code.type === 'code') code.text = code.lines.join('\n');
  return blocks;
}

function withoutIndent(line, indent) {
  let n = 0;
  while (n < indent && (line[n] === ' ' || line[n] === '\t')) ++n;
  return line.slice(n);
}

// [{code, text}] of one paragraph: between runs of backticks of the same length stands code. Source: CommonMark 0.31,
// section 6.1. `none` remembers lengths that have no run left, which keeps this linear for each length.
export function parseInline(text) {
  const parts = [];
  const none = new Set();
  let plain = 0;
  for (let at = text.indexOf('`'); at >= 0;) {
    const length = runLength(text, '`', at);
    const close = none.has(length) ? -1 : closingRun(text, at + length, length);
    if (close < 0) {
      none.add(length);
      at = text.indexOf('`', at + length);
      continue;
    }
    if (at > plain) parts.push({ code: false, text: text.slice(plain, at) });
    const code = text.slice(at + length, close);
    const padded = code.length > 2 && code.startsWith(' ') && code.endsWith(' ') && code.trim() !== '';
    parts.push({ code: true, text: padded ? code.slice(1, -1) : code });
    plain = close + length;
    at = text.indexOf('`', plain);
  }
  if (plain < text.length) parts.push({ code: false, text: text.slice(plain) });
  return parts;
}

function closingRun(text, from, length) {
  for (let at = text.indexOf('`', from); at >= 0;) {
    const run = runLength(text, '`', at);
    if (run === length) return at;
    at = text.indexOf('`', at + run);
  }
  return -1;
}

const inline = (text) => parseInline(text).map((part) => (part.code ? make('code', { text: part.text }) : part.text));

function drawList(items) {
  const open = [];  // lists around the next item: {list, indent, ordered}
  let root = null;
  for (const item of items) {
    while (open.length > 1 && item.indent < open.at(-1).indent) open.pop();
    let top = open.at(-1);
    const deeper = top && item.indent > top.indent + 1 && open.length < MAX_DEPTH;
    if (!top || deeper || item.ordered !== top.ordered) {
      if (top && !deeper) open.pop();
      const list = make(item.ordered ? 'ol' : 'ul', item.ordered && item.number !== 1 ? { start: item.number } : {});
      const around = open.at(-1)?.list.lastElementChild;
      if (around) around.append(list);
      else (root ??= make('div', { class: 'lists' })).append(list);
      top = { list, indent: item.indent, ordered: item.ordered };
      open.push(top);
    }
    top.list.append(make('li', {}, ...inline(item.text)));
  }
  return root;
}

function drawCode(block) {
  const name = block.info.split(' ')[0];
  const code = make('code', {});
  const what = name ? `the code, ${name}` : 'the code';
  code.append(document.createTextNode(block.text));
  return make('figure', { class: 'code' },
    make('figcaption', {}, make('span', { text: name || 'code' }), copyButton(what, () => `${code.textContent}\n`)),
    make('pre', { tabindex: '0', role: 'group', 'aria-label': name ? `Code, ${name}` : 'Code' }, code));
}

function draw(block) {
  if (block.type === 'code') return drawCode(block);
  return block.type === 'list' ? drawList(block.items) : make('p', {}, ...inline(block.text));
}

// Draws a text that grows into `container`. The last line of what has arrived may yet turn out to be another thing, and
// then belong to the block before: the last two blocks stay open, all others are done.
export class GrowingText {
  #container;
  #open = [];  // {block, element}

  constructor(container) {
    this.#container = container;
  }

  // `text` begins with the text of the call before.
  show(text) {
    const blocks = parseBlocks(text, this.#open[0]?.block.at ?? 0);
    blocks.forEach((block, i) => {
      if (this.#open[i]) this.#update(this.#open[i], block);
      else this.#append(block);
    });
    for (const { element } of this.#open.splice(blocks.length)) element.remove();
    this.#open = this.#open.slice(-2);
  }

  #append(block) {
    const element = draw(block);
    this.#container.append(element);
    this.#open.push({ block, element });
  }

  #update(shown, block) {
    const before = shown.block;
    shown.block = block;
    if (before.type === block.type && before.end === block.end && before.text === block.text) return;
    if (extendsCode(before, block)) {
      shown.element.querySelector('pre code').firstChild.appendData(block.text.slice(before.text.length));
      return;
    }
    const element = draw(block);
    shown.element.replaceWith(element);
    shown.element = element;
  }
}

// Long code is what models write most: what is drawn of it stays, with the reader's selection and scroll position.
function extendsCode(before, block) {
  return before.type === 'code' && block.type === 'code' && before.info === block.info && block.text.startsWith(before.text);
}
