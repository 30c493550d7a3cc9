// Building elements. Data reaches the document through text nodes and a fixed set of attributes only.

const SVG = 'http://www.w3.org/2000/svg';

// Attributes that run or load something are not here, so a mistake elsewhere throws instead of passing data to them.
const ATTRIBUTES = new Set([
  'id', 'for', 'name', 'type', 'value', 'href', 'title', 'placeholder', 'list', 'role', 'tabindex', 'disabled', 'hidden', 'checked',
  'autocomplete', 'spellcheck', 'min', 'max', 'step', 'label', 'selected', 'dir', 'datetime', 'open', 'inputmode', 'colspan', 'scope',
]);

/**
 * Makes an element. `props` are attributes, `class`, `data` (an object), `on` (an object of listeners) and `aria-*`;
 * null, undefined and false leave an attribute out. Children are nodes or text.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name === 'data') Object.assign(element.dataset, value);
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (ATTRIBUTES.has(name) || name.startsWith('aria-')) element.setAttribute(name, value === true ? '' : String(value));
    else throw new Error(`attribute not allowed: ${name}`);
  }
  append(element, children);
  return element;
}

export function append(parent, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function replace(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

/** Makes an SVG element; attribute values come from our own numbers and constants. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  append(element, children);
  return element;
}

// 16 x 16 line drawings: the same on every machine, which fonts with symbols are not.
const ICONS = {
  error: 'M8 1.5 15 14H1Z M8 6v4 M8 11.8v.4',
  orphan: 'M6.5 9.5 4.7 11.3a2.3 2.3 0 0 1-3.2-3.2L4 5.6 M9.5 6.5l1.8-1.8a2.3 2.3 0 0 1 3.2 3.2L12 10.4 M5 2l.6 1.7 M2 5l1.7.6 M11 14l-.6-1.7',
  copy: 'M5.5 5.5h8v8h-8Z M10.5 5.5v-3h-8v8h3',
  check: 'M2.5 8.5 6 12l7.5-8',
  close: 'M3.5 3.5l9 9 M12.5 3.5l-9 9',
  chevron: 'M6 4l4 4-4 4',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  path: 'M2 4h5v4h4v4h3',
  arrow: 'M3 8h10 M9 4l4 4-4 4',
  info: 'M8 1.8a6.2 6.2 0 1 0 .01 0Z M8 7v4.2 M8 4.6v.4',
};

export function icon(name) {
  const drawing = svg('svg', { viewBox: '0 0 16 16', class: `icon icon-${name}`, 'aria-hidden': 'true' });
  drawing.append(svg('path', { d: ICONS[name] }));
  return drawing;
}

/** A button that puts `text` on the clipboard and says so. */
export function copyButton(text, label) {
  const button = h('button', { class: 'copy', type: 'button', title: label, 'aria-label': label }, icon('copy'));
  button.addEventListener('click', async (event) => {
    event.stopPropagation();
    const done = await copy(text);
    button.replaceChildren(icon(done ? 'check' : 'close'));
    button.setAttribute('aria-label', done ? 'Copied' : 'The browser did not allow copying');
    setTimeout(() => {
      button.replaceChildren(icon('copy'));
      button.setAttribute('aria-label', label);
    }, 1500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard interface is missing where the page is not served from this machine or over TLS.
    const area = h('textarea', { class: 'sr', 'aria-hidden': 'true' });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
