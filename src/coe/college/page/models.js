// The list of models with their states, and the choice of a second one.
import { byId, make } from './dom.js';
import { stateWords } from './words.js';

const KINDS = { college: 'chooses', parent: 'the parent' };

function drawRow(model, change) {
  const parts = {
    name: make('span', { class: 'name', text: model.id }),
    kind: make('span', { class: 'kind' }),
    state: make('span', { class: 'state' }),
    about: make('span', { class: 'about' }),
  };
  const input = make('input', { type: 'radio', name: 'model', value: model.id, on: { change } });
  const row = make('label', { class: 'model' }, input, make('span', { class: 'dot', 'aria-hidden': 'true' }),
    make('span', { class: 'words' }, make('span', { class: 'line' }, parts.name, parts.kind, parts.state), parts.about));
  return { row, input, parts };
}

export class Models {
  list = [];
  #rows = new Map();  // id → row
  #change;

  // `change` is called when another model is chosen.
  constructor(change) {
    this.#change = change;
    byId('second').addEventListener('change', change);
    this.#drawSecond();
  }

  find(id) {
    return this.list.find((model) => model.id === id);
  }
  isParent(id) {
    return this.find(id)?.kind === 'parent';
  }

  // The names that the next question goes to: one or two; none when there is no model.
  get chosen() {
    const first = [...this.#rows.values()].find(({ input }) => input.checked)?.input.value;
    const second = byId('second').value;
    return [first, second !== first && second].filter(Boolean);
  }

  // What is chosen stays chosen, and what has the focus keeps it, as long as the model is there.
  show(list) {
    const same = list.length === this.list.length && list.every((model, i) => model.id === this.list[i].id);
    this.list = list;
    if (!same) this.#drawRows();
    for (const model of list) this.#update(model);
    byId('models-none').hidden = list.length > 0;
    if (!same) this.#change();
  }

  #drawRows() {
    const [before] = this.chosen;
    for (const { row } of this.#rows.values()) row.remove();
    this.#rows.clear();
    for (const model of this.list) {
      const row = drawRow(model, () => this.#chooseFirst());
      this.#rows.set(model.id, row);
      byId('models').append(row.row);
    }
    const chosen = this.#rows.get(before) ?? this.#rows.get('college') ?? this.#rows.values().next().value;
    if (chosen) chosen.input.checked = true;
    this.#drawSecond();
  }

  #chooseFirst() {
    this.#drawSecond();
    this.#change();
  }

  // All but the one that is asked anyway.
  #drawSecond() {
    const second = byId('second');
    const before = second.value;
    const [first] = this.chosen;
    const others = this.list.filter((model) => model.id !== first);
    second.replaceChildren(make('option', { value: '', text: 'No other' }), ...others.map((model) => make('option', { value: model.id, text: model.id })));
    second.value = others.some((model) => model.id === before) ? before : '';
    second.disabled = others.length === 0;
  }

  #update(model) {
    const { row, parts } = this.#rows.get(model.id);
    row.dataset.state = model.kind === 'college' ? 'college' : model.state;
    const words = stateWords(model);
    const set = (part, text) => {
      if (part.textContent !== text) part.textContent = text;
    };
    set(parts.kind, KINDS[model.kind] && model.kind !== 'college' ? KINDS[model.kind] : '');
    set(parts.state, words);
    set(parts.about, model.state === 'failed' && model.error ? model.error : model.about);
  }
}
