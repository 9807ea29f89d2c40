// What expressions of web tasks can use (docs/formats/web-task.md), and what the suite itself asks of
// a page. Evaluated in a world of its own beside the page's.
(() => {
  'use strict';
  const collapse = (string) => string.replace(/\s+/g, ' ').trim();
  const same = (a, b) => collapse(a).toLowerCase() === collapse(b).toLowerCase();
  const shown = (element) => collapse(element.innerText ?? element.textContent ?? '');

  const byText = (wanted) => {
    const found = [...document.body.querySelectorAll('*')].filter(
      (element) => !['SCRIPT', 'STYLE', 'TEMPLATE'].includes(element.tagName) && same(shown(element), wanted));
    const leaves = found.filter((element) => !found.some((other) => other !== element && element.contains(other)));
    return leaves.find(visible) ?? leaves[0] ?? null;
  };

  const controls = 'input, select, textarea, button, output, meter, progress, [role], [contenteditable]';
  const byLabel = (wanted) => {
    const labelled = [...document.querySelectorAll('label')].find((label) => same(labelText(label), wanted) && label.control);
    if (labelled) return labelled.control;
    return [...document.querySelectorAll(controls)].find((control) => {
      const ids = (control.getAttribute('aria-labelledby') ?? '').split(/\s+/).filter(Boolean);
      const name = ids.map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
      return same(control.getAttribute('aria-label') ?? '', wanted) || (name && same(name, wanted));
    }) ?? null;
  };
  // Without what the control inside it shows.
  const labelText = (label) => {
    const copy = label.cloneNode(true);
    copy.querySelectorAll('input, select, textarea, output').forEach((control) => control.remove());
    return copy.textContent;
  };

  const $ = (target) => {
    if (target instanceof Element) return target;
    if (target.startsWith('text=')) return byText(target.slice(5));
    if (target.startsWith('label=')) return byLabel(target.slice(6));
    return document.querySelector(target);
  };
  const $$ = (selector) => [...document.querySelectorAll(selector)];

  const box = (target) => {
    const { x, y, width, height, right, bottom } = $(target)?.getBoundingClientRect() ??
      { x: 0, y: 0, width: 0, height: 0, right: 0, bottom: 0 };
    return { x, y, width, height, right, bottom };
  };
  const opacity = (element) => {
    let product = 1;
    for (let at = element; at; at = at.parentElement) product *= Number(getComputedStyle(at).opacity);
    return product;
  };
  // Why it cannot be seen; '' when it can.
  const hidden = (target) => {
    const element = $(target);
    if (!element) return 'is not there';
    if (!element.checkVisibility({ visibilityProperty: true })) return 'is hidden';
    const { width, height, x, y } = box(element);
    if (width <= 0 || height <= 0) return 'has no size';
    if (opacity(element) < 0.05) return 'is transparent';
    const page = document.documentElement;
    const left = x + window.scrollX;
    const top = y + window.scrollY;
    const wide = Math.max(page.clientWidth, page.scrollWidth);
    const high = Math.max(page.clientHeight, page.scrollHeight);
    if (left + width <= 0 || top + height <= 0 || left >= wide || top >= high) return 'is off the page';
    return '';
  };
  const visible = (target) => hidden(target) === '';

  const text = (target) => {
    const element = $(target);
    return element ? shown(element) : '';
  };
  const numbers = (target) =>
    (text(target).replace(/\u2212/g, '-').match(/-?\d{1,3}(,\d{3})+(\.\d+)?|-?\d+(\.\d+)?/g) ?? []).map((number) =>
      Number(number.replaceAll(',', '')));
  const count = (selector) => $$(selector).filter(visible).length;
  const style = (target, property) => {
    const element = $(target);
    if (!element) return '';
    const computed = getComputedStyle(element);
    return property.startsWith('--') ? computed.getPropertyValue(property).trim() : computed[property] ?? computed.getPropertyValue(property);
  };
  const px = (target, property) => parseFloat(style(target, property));
  const color = (value) => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.fillStyle = value;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const value = (target) => $(target)?.value ?? '';
  const checked = (target) => $(target)?.checked ?? false;
  const attr = (target, name) => $(target)?.getAttribute(name) ?? '';
  const focused = (target) => {
    const element = $(target);
    return Boolean(element && document.activeElement && element.contains(document.activeElement));
  };
  const near = (a, b, by = 1) => Math.abs(a - b) <= by;

  Object.assign(globalThis, {
    $, $$, text, numbers, visible, count, box, style, px, color, value, checked, attr, focused, near,
  });

  const cross = (a, b) => a.x < b.right - 1 && b.x < a.right - 1 && a.y < b.bottom - 1 && b.y < a.bottom - 1;
  const changed = (element) => {
    element.dispatchEvent(new Event('input', { bubbles: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  };

  globalThis.coe = {
    // { point, problem }: where to put the mouse, after scrolling there.
    point(target) {
      const element = $(target);
      if (!element) return { problem: `${target} is not there` };
      const why = hidden(element);
      if (why) return { problem: `${target} ${why}` };
      const inside = () => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return { x: x + width / 2, y: y + height / 2 };
      };
      let at = inside();
      if (at.x < 0 || at.y < 0 || at.x >= innerWidth || at.y >= innerHeight) {
        element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
        at = inside();
      }
      const top = document.elementFromPoint(at.x, at.y);
      const reached = top && (element.contains(top) || top.contains(element) || top.closest('label')?.control === element);
      if (!reached) return { problem: `${target} is covered by ${top ? `<${top.tagName.toLowerCase()}>` : 'the edge'}` };
      return { point: at };
    },
    scroll(target) {
      const element = $(target);
      if (!element) return `${target} is not there`;
      element.scrollIntoView({ block: 'center', behavior: 'instant' });
      return '';
    },
    selectAll() {
      const element = document.activeElement;
      if (typeof element?.select === 'function') element.select();
      else if (element?.isContentEditable) getSelection().selectAllChildren(element);
    },
    set(target, wanted) {
      const element = $(target);
      if (!element) return `${target} is not there`;
      if (!('value' in element)) return `${target} has no value`;
      element.value = wanted;
      changed(element);
      return '';
    },
    select(target, wanted) {
      const element = $(target);
      if (!element) return `${target} is not there`;
      if (element.tagName !== 'SELECT') return `${target} is no select`;
      const option = [...element.options].find((one) => one.value === wanted) ??
        [...element.options].find((one) => same(one.textContent, wanted));
      if (!option) return `${target} has no option ${wanted}`;
      element.value = option.value;
      option.selected = true;
      changed(element);
      return '';
    },
    // The first thing wrong with the layout as the window is now: { kind, reason } or null.
    layout(elements, apart) {
      const width = innerWidth;
      const page = Math.max(document.documentElement.scrollWidth, document.body?.scrollWidth ?? 0);
      if (page > width + 1) return { kind: 'overflow', reason: `at ${width} px the page is ${page} px wide and scrolls sideways` };
      for (const target of elements) {
        const why = hidden(target);
        if (why) return { kind: 'invisible', reason: `at ${width} px ${target} ${why}` };
        const { width: w, height: h } = box(target);
        if (w < 8 || h < 8) return { kind: 'invisible', reason: `at ${width} px ${target} is only ${Math.round(w)} × ${Math.round(h)} px` };
      }
      for (const group of apart)
        for (let i = 0; i < group.length; ++i)
          for (let k = i + 1; k < group.length; ++k)
            if ($(group[i]) && $(group[k]) && cross(box(group[i]), box(group[k])))
              return { kind: 'overlap', reason: `at ${width} px ${group[i]} and ${group[k]} overlap` };
      return null;
    },
    // axe-core must have been evaluated here. The first violation, or ''.
    async axe(rules) {
      const options = rules ? { runOnly: { type: 'rule', values: rules } }
        : { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] } };
      const { violations } = await axe.run(document, { ...options, resultTypes: ['violations'] });
      if (violations.length === 0) return '';
      const [first] = violations;
      return `${first.id}: ${first.help} (${first.nodes[0].target.join(' ')})`;
    },
  };
})();
