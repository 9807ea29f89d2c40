// The page of the college: what is asked, who is asked, and the conversation.
import { Answer, keepPlace, toBottom } from './answer.js';
import { AskError, ask, listModels } from './client.js';
import { announce, byId, make } from './dom.js';
import { Models } from './models.js';
import { waitingWords } from './words.js';

const LOOK = 15_000;         // ms between two looks at the list of models
const LOOK_WAITING = 2_000;  // the same while somebody waits for an answer
const PHONE = '(max-width: 55.99rem)';  // as in page.css

let key = kept('sessionStorage', 'coe.key');
let turns = [];  // {question, lanes: [{answer, model}]}: at most two answers to each question
let running = new Map();  // answer → AbortController
let looked = 0;  // when the list of models was last asked for
let started = false;  // the list has been read once

// Browsers may forbid to keep anything; then nothing is kept.
function kept(storage, name) {
  try {
    return window[storage].getItem(name) ?? '';
  } catch {
    return '';
  }
}
function keep(storage, name, value) {
  try {
    if (value) window[storage].setItem(name, value);
    else window[storage].removeItem(name);
  } catch {
    // The choice holds until the page is closed.
  }
}

// ---- the list of models

const models = new Models(showAsking);

function notice(title, text, { wantsKey = false, retry = false } = {}) {
  const changed = byId('notice-title').textContent !== title || byId('notice').hidden;
  byId('notice-title').textContent = title;
  byId('notice-text').textContent = text;
  byId('key-form').hidden = !wantsKey;
  byId('retry').hidden = !retry;
  byId('notice').hidden = false;
  byId('welcome').hidden = true;
  if (changed) announce(`${title} ${text}`);
  if (changed && wantsKey) byId('key').focus();
}

function noNotice() {
  if (byId('notice').contains(document.activeElement)) byId('question').focus();
  byId('notice').hidden = true;
  byId('welcome').hidden = turns.length > 0;
}

function showProblem(error) {
  if (error.kind === 'key') {
    models.show([]);
    byId('models-none').textContent = 'Not known without a key.';
    if (key) notice('That key was not accepted.', error.message, { wantsKey: true });
    else notice('This college wants an API key.', 'Ask whoever runs it for one.', { wantsKey: true });
  } else if (error.kind === 'unreachable') {
    notice('The server does not answer.', 'Is coe serve still running? The page tries again by itself.', { retry: true });
  } else {
    notice('The list of models could not be read.', error.message || `The server answered with HTTP ${error.status}.`, { retry: true });
  }
}

async function look() {
  looked = performance.now();
  try {
    const list = await listModels(key);
    models.show(list);
    started = true;
    byId('forget').hidden = !key;
    byId('models-none').textContent = 'Nobody.';
    if (list.length === 0) notice('No model is served.', 'Name a GGUF file or a college.toml: coe serve college.toml', { retry: true });
    else noNotice();
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    // A running answer tells of its own troubles, and one look that failed is no reason to take the list away.
    if (running.size === 0) showProblem(error);
  }
  showAsking();
}

function welcome() {
  const college = models.list.some((model) => model.kind === 'college');
  byId('welcome-text').textContent = college
    ? 'The college chooses the specialist that knows your subject, and shows why. You may also name one yourself.'
    : 'Ask away: the answer appears here as it is written.';
}

// Send and Stop stand in the same place, and whoever has the one has the other after it.
function showButton(stop) {
  const [shown, hidden] = stop ? [byId('stop'), byId('send')] : [byId('send'), byId('stop')];
  const focused = document.activeElement === hidden;
  shown.hidden = false;
  hidden.hidden = true;
  if (focused) (shown.disabled ? byId('question') : shown).focus();
}

function showAsking() {
  const names = models.chosen;
  const label = names.length > 0 ? `To ${names.join(' and ')}.` : 'There is nobody to ask.';
  if (byId('asking').textContent !== label) byId('asking').textContent = label;
  byId('send').disabled = names.length === 0 || running.size > 0;
  showButton(running.size > 0);
  if (started) welcome();
}

// ---- the conversation

// What answer `lane` to turn `last` is asked with. Turns that this lane has no text of are left out with their
// question, since templates want question and answer in turn.
function messagesFor(turn, lane) {
  const messages = [];
  const system = byId('system').value.trim();
  if (system) messages.push({ role: 'system', content: system });
  for (const before of turns.slice(0, turns.indexOf(turn))) {
    const text = (before.answers[lane] ?? before.answers[0]).text;
    if (!text.trim()) continue;
    messages.push({ role: 'user', content: before.question }, { role: 'assistant', content: text });
  }
  messages.push({ role: 'user', content: turn.question });
  return messages;
}

function send() {
  const question = byId('question').value.trim();
  const names = models.chosen;
  if (!question || names.length === 0 || running.size > 0) return;
  byId('question').value = '';
  grow();
  const turn = { question, answers: [] };
  turn.answers = names.map((name, lane) => new Answer(name, (id) => models.isParent(id), () => run(turn, lane, name)));
  turns.push(turn);
  byId('talk').append(make('li', { class: 'turn' },
    make('div', { class: 'question' }, make('span', { class: 'unseen', text: 'You asked: ' }), make('p', { text: question })),
    make('div', { class: names.length > 1 ? 'answers two' : 'answers' }, ...turn.answers.map((answer) => answer.element))));
  byId('welcome').hidden = true;
  toBottom();
  names.forEach((name, lane) => run(turn, lane, name));
}

async function run(turn, lane, name) {
  const answer = turn.answers[lane];
  if (running.has(answer)) return;
  const controller = new AbortController();
  running.set(answer, controller);
  showAsking();
  answer.begin();
  const waiting = setInterval(() => wait(answer, name), 1000);
  wait(answer, name);
  try {
    const request = { model: name, messages: messagesFor(turn, lane), thinking: byId('think').checked, key, signal: controller.signal };
    answer.finish(await ask(request, {
      head: (head) => answer.head(head),
      thinking: (piece) => answer.addThinking(piece),
      text: (piece) => answer.addText(piece),
    }));
  } catch (error) {
    if (error.name === 'AbortError') answer.stop();
    else answer.fail(error);
    if (error.kind === 'key') showProblem(error);
  } finally {
    clearInterval(waiting);
    // A conversation that was put away in the meantime has nothing running.
    if (running.get(answer) === controller) running.delete(answer);
    showAsking();
    if (running.size === 0 && byId('notice').hidden) look();
  }
}

function wait(answer, name) {
  if (answer.begun) return;
  keepPlace(() => answer.waiting(waitingWords(models.find(name), answer.waited)));
  if (answer.waited > 1 && performance.now() - looked > LOOK_WAITING) look();
}

function stopAll() {
  if (running.size === 0) return false;
  for (const controller of running.values()) controller.abort();
  byId('question').focus({ preventScroll: true });
  return true;
}

function startAnew() {
  stopAll();
  openPanel(false);
  running = new Map();
  turns = [];
  byId('talk').replaceChildren();
  if (byId('notice').hidden) byId('welcome').hidden = false;
  showAsking();
  byId('question').focus();
  announce('A new conversation.');
}

// ---- the controls

function grow() {
  const field = byId('question');
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}

// On a phone the settings lie over the conversation, which then takes no focus.
function openPanel(open) {
  byId('menu').setAttribute('aria-expanded', String(open));
  byId('menu').textContent = open ? 'Close' : 'Settings';
  document.body.classList.toggle('panel-open', open);
  document.querySelector('main').inert = open;
  if (open) byId('panel').scrollTop = 0;
}
const panelOpen = () => document.body.classList.contains('panel-open');

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

function useKey(event) {
  event.preventDefault();
  const typed = byId('key').value.trim();
  // Others cannot stand in a header.
  const valid = /^[\x21-\x7e]+$/.test(typed);
  byId('key').setCustomValidity(valid ? '' : 'A key has letters, digits and signs of ASCII only, and no space.');
  if (!byId('key').reportValidity()) return;
  key = typed;
  keep('sessionStorage', 'coe.key', key);
  byId('key').value = '';
  look().then(() => byId('key').focus());  // a hidden field takes no focus: then the question has it
}

function forgetKey() {
  key = '';
  keep('sessionStorage', 'coe.key', '');
  byId('forget').hidden = true;
  openPanel(false);
  look();
}

function wire() {
  byId('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    send();
  });
  byId('question').addEventListener('input', grow);
  byId('question').addEventListener('keydown', (event) => {
    // While a word is being composed, Enter ends the word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented) return;
    if (stopAll()) event.preventDefault();
    else if (panelOpen()) {
      openPanel(false);
      byId('menu').focus();
    }
  });
  byId('stop').addEventListener('click', stopAll);
  byId('new').addEventListener('click', startAnew);
  byId('menu').addEventListener('click', () => openPanel(!panelOpen()));
  matchMedia(PHONE).addEventListener('change', () => openPanel(false));
  byId('retry').addEventListener('click', look);
  byId('key-form').addEventListener('submit', useKey);
  byId('key').addEventListener('input', () => byId('key').setCustomValidity(''));
  byId('forget').addEventListener('click', forgetKey);
  for (const radio of document.querySelectorAll('[name=theme]')) {
    radio.checked = radio.value === (document.documentElement.dataset.theme ?? '');
    radio.addEventListener('change', () => {
      setTheme(radio.value);
      keep('localStorage', 'coe.theme', radio.value);
    });
  }
  setInterval(() => {
    if (!document.hidden && performance.now() - looked > LOOK) look();
  }, 1000);
}

wire();
grow();
showAsking();
look();
