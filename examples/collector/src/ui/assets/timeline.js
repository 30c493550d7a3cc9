// The timeline: a tree of spans beside their bars. Only rows in sight exist, so 10 000 spans cost what forty do. The focus stays on
// the grid itself and `aria-activedescendant` names the row, because rows come and go.

import { h } from './dom.js';
import { duration } from './format.js';
import { ROW_HEIGHT, describe, fillRow, makeRow } from './rows.js';
import { visibleNodes } from './tree.js';

const ROWS_BEYOND = 6; // Drawn above and below what is seen, so that a slow frame shows no gap.
const TICKS = 5;

export class Timeline {
  /** `on.select(node)` when a span is chosen (null: none any more), `on.focus(node)` when the focus moves, `on.zoom(from, to)`. */
  constructor(tree, colours, on) {
    this.tree = tree;
    this.on = on;
    this.view = { from: tree.start, to: tree.end, colours, collapsed: new Set(), found: new Set(), focused: tree.nodes[0] ?? null, selected: null };
    this.pool = [];
    this.ruler = h('div', { class: 'cell track ruler', role: 'columnheader', 'aria-label': 'Time since the start of the trace' });
    this.splitter = this.makeSplitter();
    this.head = h('div', { class: 'timeline-head', role: 'row' },
      h('div', { class: 'cell name', role: 'columnheader' }, 'Service and operation', this.splitter), this.ruler);
    this.sheet = h('div', { class: 'sheet', role: 'rowgroup' });
    this.scroller = h('div', {
      class: 'timeline', role: 'treegrid', tabindex: '0', id: 'timeline', 'aria-label': 'Spans of the trace',
      'aria-describedby': 'timeline-keys', 'aria-colcount': '2',
    }, this.head, this.sheet);
    this.element = this.scroller;
    this.scroller.addEventListener('scroll', () => this.schedule(), { passive: true });
    this.scroller.addEventListener('keydown', (event) => this.key(event));
    this.sheet.addEventListener('click', (event) => this.click(event));
    this.resize = new ResizeObserver(() => this.schedule());
    this.resize.observe(this.scroller);
    this.arrange();
  }

  close() {
    this.resize.disconnect();
  }

  /** Works out the rows anew after folding; the same spans stay in sight. */
  arrange() {
    this.rows = visibleNodes(this.tree.nodes, this.view.collapsed);
    this.position = new Map(this.rows.map((node, at) => [node, at]));
    this.sheet.style.height = `${this.rows.length * ROW_HEIGHT}px`;
    this.scroller.setAttribute('aria-rowcount', String(this.rows.length + 1));
    this.schedule();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const top = this.scroller.scrollTop;
    const height = this.scroller.clientHeight - this.head.offsetHeight;
    const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - ROWS_BEYOND);
    const last = Math.min(this.rows.length, Math.ceil((top + height) / ROW_HEIGHT) + ROWS_BEYOND);
    while (this.pool.length < last - first) {
      const row = makeRow();
      this.pool.push(row);
      this.sheet.append(row.element);
    }
    for (const row of this.pool.splice(Math.max(0, last - first))) row.element.remove();
    this.pool.forEach((row, offset) => fillRow(row, this.rows[first + offset], first + offset, this.view));
    this.drawRuler();
    if (!this.marked) this.marked = performance.mark('trace-drawn');
    const { focused } = this.view;
    const drawn = focused && this.position.get(focused) >= first && this.position.get(focused) < last;
    if (drawn) this.scroller.setAttribute('aria-activedescendant', `row-${focused.index}`);
    else this.scroller.removeAttribute('aria-activedescendant');
  }

  drawRuler() {
    const { from, to } = this.view;
    const key = `${from} ${to}`;
    if (this.ruled === key) return;
    this.ruled = key;
    this.ruler.replaceChildren(...Array.from({ length: TICKS }, (_, at) => {
      const tick = h('span', { class: at === TICKS - 1 ? 'tick last' : 'tick' }, duration(from - this.tree.start + ((to - from) * at) / (TICKS - 1)));
      tick.style.left = `${(100 * at) / (TICKS - 1)}%`;
      return tick;
    }));
  }

  /** Shows only the time between two moments, in microseconds since the epoch; without them, all of it. */
  zoom(from = this.tree.start, to = this.tree.end) {
    const { start, end } = this.tree;
    const width = Math.min(end - start, Math.max(1, to - from));
    this.view.from = Math.min(Math.max(from, start), end - width);
    this.view.to = this.view.from + width;
    this.on.zoom(this.view.from, this.view.to);
    this.schedule();
  }

  /** Moves the focus to `node`, unfolding what hides it. */
  focus(node) {
    if (!node) return;
    for (let above = node.parent; above; above = above.parent) this.view.collapsed.delete(above);
    if (!this.position.has(node)) this.arrange();
    this.view.focused = node;
    const top = this.position.get(node) * ROW_HEIGHT;
    const height = this.scroller.clientHeight - this.head.offsetHeight;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW_HEIGHT > this.scroller.scrollTop + height) this.scroller.scrollTop = top + ROW_HEIGHT - height;
    this.on.focus(node, describe(node));
    this.schedule();
  }

  select(node) {
    this.view.selected = node;
    if (node) this.focus(node);
    this.on.select(node);
    this.schedule();
  }

  mark(found) {
    this.view.found = new Set(found);
    this.schedule();
  }

  fold(node, folded) {
    if (node.children.length === 0) return;
    if (folded) this.view.collapsed.add(node);
    else this.view.collapsed.delete(node);
    this.arrange();
  }

  /** Folds everything that has children but the top, or unfolds all. */
  foldAll(folded) {
    this.view.collapsed = new Set(folded ? this.tree.nodes.filter((node) => node.children.length > 0 && node.depth > 0) : []);
    this.arrange();
    let { focused } = this.view;
    while (focused && !this.position.has(focused)) focused = focused.parent;
    this.focus(focused);
  }

  click(event) {
    const row = this.pool.find((one) => one.element.contains(event.target));
    if (!row) return;
    if (event.target.closest('.toggle') && row.node.children.length > 0) {
      this.fold(row.node, !this.view.collapsed.has(row.node));
      this.focus(row.node);
    } else {
      this.select(row.node);
    }
  }

  key(event) {
    const { focused, selected } = this.view;
    if (!focused || event.target !== this.scroller || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this.keys()[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    // With the details open, they follow the focus.
    if (selected && this.view.selected && this.view.focused !== this.view.selected) this.select(this.view.focused);
  }

  keys() {
    const { focused, selected, collapsed } = this.view;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 2);
    const at = this.position.get(focused) ?? 0;
    const go = (to) => this.focus(this.rows[Math.min(this.rows.length - 1, Math.max(0, to))]);
    const open = focused.children.length > 0 && !collapsed.has(focused);
    return {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      PageDown: () => go(at + page),
      PageUp: () => go(at - page),
      Home: () => go(0),
      End: () => go(this.rows.length - 1),
      ArrowRight: () => (open ? go(at + 1) : this.fold(focused, false)),
      ArrowLeft: () => (open ? this.fold(focused, true) : focused.parent && this.focus(focused.parent)),
      Enter: () => this.select(focused),
      ' ': () => this.fold(focused, open),
      Escape: () => (selected ? this.select(null) : this.zoom()),
      '+': () => this.scale(0.5),
      '-': () => this.scale(2),
      0: () => this.zoom(),
    };
  }

  /** Zooms about the middle of the focused span. */
  scale(factor) {
    const { from, to, focused } = this.view;
    const centre = focused.span.startTime + focused.span.duration / 2;
    const width = (to - from) * factor;
    this.zoom(centre - width / 2, centre + width / 2);
  }

  makeSplitter() {
    const splitter = h('div', {
      class: 'splitter', role: 'separator', tabindex: '0', 'aria-orientation': 'vertical', 'aria-label': 'Width of the names', 'aria-valuenow': '38', 'aria-valuemin': '15', 'aria-valuemax': '75',
    });
    const set = (percent) => {
      const share = Math.min(75, Math.max(15, percent));
      splitter.setAttribute('aria-valuenow', String(Math.round(share)));
      this.scroller.style.setProperty('--name-width', `${share}%`);
    };
    splitter.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      splitter.setPointerCapture(event.pointerId);
    });
    splitter.addEventListener('pointermove', (event) => {
      if (!splitter.hasPointerCapture(event.pointerId)) return;
      const box = this.scroller.getBoundingClientRect();
      set(((event.clientX - box.left) / box.width) * 100);
    });
    splitter.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
      if (!step) return;
      event.preventDefault();
      set(Number(splitter.getAttribute('aria-valuenow')) + step);
    });
    return splitter;
  }
}
