// Everything on the page is built by calls and texts. Nothing is ever parsed as HTML: what models write is hostile.

// Makes an element. `options`: attributes by name; `text`; `on`, handlers by event; true and false for attributes that
// are there or not. Children are elements or texts; null ones are left out.
export function make(name, options = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (key === 'text') element.textContent = value;
    else if (key === 'on') for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Tells a screen reader, without moving the focus. Messages that come together are all read, and later they are no
// second copy of the conversation for whoever reads on from there.
const SAID = 20_000;  // ms
export function announce(text) {
  const message = make('p', { text });
  byId('said').append(message);
  setTimeout(() => message.remove(), SAID);
}

// Puts text into the clipboard. Browsers lend navigator.clipboard to secure contexts only, and a college on another
// machine's plain http address is none: there the old way by a selection still works. Returns whether it did.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const area = make('textarea', { class: 'unseen', 'aria-hidden': 'true', tabindex: '-1' });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    focused?.focus({ preventScroll: true });
    return copied;
  }
}

// A button that copies what `text()` returns and says so for two seconds. `what` names it for screen readers.
export function copyButton(what, text) {
  const button = make('button', { type: 'button', class: 'small copy', 'aria-label': `Copy ${what}`, text: 'Copy' });
  let timer = 0;
  button.addEventListener('click', async () => {
    const copied = await copyText(text());
    button.textContent = copied ? 'Copied' : 'Not copied';
    announce(copied ? `Copied ${what}.` : `The browser did not allow to copy ${what}.`);
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = 'Copy'), 2000);
  });
  return button;
}
