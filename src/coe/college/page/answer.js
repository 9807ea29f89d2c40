// One answer: who gives it and why, its thinking, its text, how fast it came, and what went wrong.
import { announce, copyButton, make } from './dom.js';
import { GrowingText } from './markup.js';
import { choiceTime, choiceWords, endWords, percent, problemWords, speedWords } from './words.js';

const MAX_SCORES = 8;    // drawn as bars
const MAX_SAID = 1_000;  // characters of an answer that a screen reader is handed

// Scores as small bars with their numbers. Widths are set by the CSSOM: the page's policy allows no style attribute.
function scoreList(scores, answers) {
  const rows = scores.slice(0, MAX_SCORES).map(([name, score]) => {
    const bar = make('span', { class: 'bar', 'aria-hidden': 'true' }, make('span', {}));
    bar.firstChild.style.width = `${100 * Math.min(1, Math.max(0, score))}%`;
    return make('li', name === answers ? { class: 'chosen' } : {}, make('span', { class: 'name', text: name }), bar,
      make('span', { class: 'number', text: percent(score) }));
  });
  return make('ul', { class: 'scores' }, ...rows);
}

export class Answer {
  #asked;         // the name that the question went to
  #isParent;      // name → whether it is the parent
  #again;         // called by "ask again"
  #text = '';
  #growing = null;
  #thinking = null;
  #frame = 0;
  #drawn = 0;     // when the text was last drawn
  #cost = 0;      // ms that this took
  #timing = null;
  #parts = null;
  name;           // who answers, as far as is known

  constructor(asked, isParent, again) {
    this.#asked = asked;
    this.#isParent = isParent;
    this.#again = again;
    this.element = make('article', { class: 'answer', tabindex: '-1' });
    this.begin();
  }

  get text() {
    return this.#text;
  }
  // Whether something of it came: thinking or text.
  get begun() {
    return this.#timing.first !== undefined;
  }
  get waited() {
    return (performance.now() - this.#timing.start) / 1000;
  }

  // From the start, also when it is asked again.
  begin() {
    this.name = this.#asked;
    this.#text = '';
    this.#thinking = null;
    clearTimeout(this.#frame);
    this.#frame = 0;
    this.#timing = { start: performance.now(), first: undefined, last: undefined, pieces: 0 };
    this.#parts = {
      who: make('h3', { text: this.#asked }),
      state: make('span', { class: 'state', text: 'waiting' }),
      why: make('details', { class: 'why', hidden: true }),
      thinking: make('details', { class: 'thinking', hidden: true }),
      waiting: make('p', { class: 'waiting', hidden: true }),
      text: make('div', { class: 'text' }),
      note: make('p', { class: 'note', hidden: true }),
      problem: make('div', { class: 'problem', hidden: true }),
      foot: make('footer', { hidden: true }),
    };
    const { who, state, ...rest } = this.#parts;
    this.element.replaceChildren(make('header', {}, who, state), ...Object.values(rest));
    this.element.setAttribute('aria-label', `Answer of ${this.#asked}`);
    this.element.setAttribute('aria-busy', 'true');
    this.#growing = new GrowingText(this.#parts.text);
  }

  head({ model, choice, choiceUnread }) {
    const { who, why } = this.#parts;
    if (model) this.name = model;
    who.textContent = this.name;
    this.element.setAttribute('aria-label', `Answer of ${this.name}`);
    if (choiceUnread) {
      this.#note('Why it was chosen cannot be read.');
    } else if (choice) {
      const words = choiceWords(choice, this.name, this.#isParent(this.name));
      why.replaceChildren(make('summary', { text: `Why: ${words}` }), scoreList(choice.scores, this.name),
        make('p', { class: 'soft', text: choiceTime(choice) }));
      why.classList.toggle('unsure', choice.unsure);
      why.hidden = false;
    }
  }

  // `words` say more than that it waits; '' when there is no more to say.
  waiting(words) {
    const { waiting, state } = this.#parts;
    state.textContent = `waiting, ${Math.round(this.waited)}\u00a0s`;
    if (words && waiting.hidden) announce(words);
    waiting.textContent = words;
    waiting.hidden = !words;
  }

  #arrived(state) {
    const now = (performance.now() - this.#timing.start) / 1000;
    this.#timing.first ??= now;
    this.#timing.last = now;
    this.#timing.pieces += 1;
    if (!this.#parts.waiting.hidden) this.#parts.waiting.hidden = true;
    if (this.#parts.state.textContent !== state) this.#parts.state.textContent = state;
  }

  addThinking(piece) {
    this.#arrived('thinking');
    const { thinking } = this.#parts;
    if (!this.#thinking) {
      this.#thinking = document.createTextNode('');
      thinking.replaceChildren(make('summary', { text: 'Thinking' }), make('div', {}, this.#thinking));
      thinking.hidden = false;
    }
    this.#thinking.appendData(piece);
  }

  addText(piece) {
    this.#arrived('answering');
    this.#text += piece;
    // The longer drawing takes, the seldomer it is done: the page stays usable whatever is sent.
    if (this.#frame === 0) this.#frame = setTimeout(() => this.#draw(), Math.max(0, this.#drawn + 50 + 4 * this.#cost - performance.now()));
  }

  #draw(whole = false) {
    clearTimeout(this.#frame);
    this.#frame = 0;
    const start = performance.now();
    keepPlace(() => this.#growing.show(whole ? `${this.#text}\n` : this.#text));
    this.#drawn = performance.now();
    this.#cost = this.#drawn - start;
  }

  #note(words) {
    const { note } = this.#parts;
    note.textContent = [note.textContent, words].filter(Boolean).join(' ');
    note.hidden = note.textContent === '';
  }

  #end(state, end) {
    const { foot } = this.#parts;
    this.#draw(true);
    this.#parts.state.textContent = state;
    this.#parts.waiting.hidden = true;
    this.element.setAttribute('aria-busy', 'false');
    const speed = this.begun ? speedWords(this.#timing, end) : '';
    foot.replaceChildren(make('span', { class: 'speed', text: speed }));
    if (this.#text) foot.append(copyButton(`the answer of ${this.name}`, () => this.#text));
    foot.hidden = foot.textContent === '';
    const thought = this.#timing.first !== undefined && this.#thinking;
    if (thought) this.#parts.thinking.firstChild.textContent = `Thinking, ${this.#thinking.length} characters`;
  }

  finish(end) {
    keepPlace(() => {
      this.#note(endWords(end, this.#text.trim() === ''));
      this.#end('', end);
    });
    const text = this.#text.length > MAX_SAID ? `${this.#text.slice(0, MAX_SAID)} … and more.` : this.#text;
    announce(`${this.name} answers: ${text} ${this.#parts.note.textContent}`);
  }

  stop() {
    keepPlace(() => {
      this.#note(this.#text ? 'Stopped: the answer is not complete.' : 'Stopped before the answer began.');
      this.#end('stopped');
      this.#offerAgain(this.#parts.note);
    });
    announce(`The answer of ${this.name} is stopped.`);
  }

  fail(error) {
    const { problem } = this.#parts;
    const { title, text } = problemWords(error, this.name);
    keepPlace(() => {
      this.#end('failed');
      problem.replaceChildren(make('p', {}, make('strong', { text: title }), text ? ` ${text}` : ''));
      problem.hidden = false;
      this.#offerAgain(problem);
    });
    announce(`${title} ${text}`);
  }

  #offerAgain(place) {
    const again = () => {
      this.element.focus({ preventScroll: true });
      this.#again();
    };
    place.after(make('button', { type: 'button', class: 'small again', text: 'Ask again', 'aria-label': `Ask again: ${this.#asked}`, on: { click: again } }));
  }
}

export function toBottom() {
  window.scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' });
}

// Whoever is at the end of the conversation stays at its end while it grows, and whoever has scrolled up to read, there.
const NEAR = 120;  // pixels
export function keepPlace(grow) {
  const page = document.documentElement;
  const atEnd = page.scrollHeight - page.clientHeight - page.scrollTop < NEAR;
  grow();
  if (atEnd) toBottom();
}
