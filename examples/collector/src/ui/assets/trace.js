// The trace view: loads one trace and ties head, minimap, timeline and details together.

import { h, replace } from './dom.js';
import { readTrace } from './api.js';
import { details } from './details.js';
import { count, duration, line } from './format.js';
import { toolbar, traceHead } from './head.js';
import { Minimap } from './minimap.js';
import { assign } from './palette.js';
import { notice } from './search.js';
import { Timeline } from './timeline.js';
import { buildTree, findNodes } from './tree.js';

const FIND_DELAY_MS = 120;
const ADDRESS_DELAY_MS = 250; // Browsers allow only so many changes of the address a second.

export class TraceView {
  /** `back()` gives the address of the search to return to. */
  constructor(id, back) {
    this.id = id;
    this.back = back;
    this.element = h('div', { class: 'trace' });
    this.abort = new AbortController();
    this.found = [];
    this.slash = (event) => this.shortcut(event);
    document.addEventListener('keydown', this.slash);
  }

  close() {
    this.abort.abort();
    this.timeline?.close();
    this.minimap?.close();
    clearTimeout(this.addressTimer);
    clearTimeout(this.findTimer);
    document.removeEventListener('keydown', this.slash);
  }

  /** Loads and shows the trace; `spanId` is opened if it is there. */
  async open(spanId) {
    document.title = `Trace ${this.id}`;
    replace(this.element, h('p', { class: 'loading' }, 'Loading the trace…'));
    try {
      const answer = await readTrace(this.id, this.abort.signal);
      this.draw(buildTree(answer));
      const chosen = spanId && this.tree.byId.get(spanId);
      if (chosen) this.timeline.select(chosen);
    } catch (error) {
      if (!this.abort.signal.aborted) this.fail(error);
    }
  }

  draw(tree) {
    this.tree = tree;
    this.timeline?.close();
    this.minimap?.close();
    this.colours = assign(tree.services.keys());
    document.title = `${line(tree.trace.rootService ?? '')} ${line(tree.trace.rootOperation ?? '')} · ${duration(tree.end - tree.start)}`;
    this.said = h('p', { class: 'sr', role: 'status' });
    this.side = h('div', { class: 'side', hidden: true });
    this.timeline = new Timeline(tree, this.colours, {
      select: (node) => this.showDetails(node),
      focus: (_, text) => { this.said.textContent = text; },
      zoom: (from, to) => this.minimap.show(from, to),
    });
    this.minimap = new Minimap(tree, this.colours, (from, to) => this.timeline.zoom(from, to));
    this.tools = toolbar(tree, {
      find: (text) => this.find(text),
      step: (direction) => this.step(this.found, direction),
      nextError: () => this.step(tree.nodes.filter((node) => node.error), 1, true),
      fold: (folded) => this.timeline.foldAll(folded),
      reload: () => this.open(this.timeline.view.selected?.span.spanId ?? null),
    });
    replace(this.element, traceHead(tree, this.colours, this.back()), this.minimap.element, this.tools.element,
      h('div', { class: 'trace-body' }, this.timeline.element, this.side), this.said);
    this.timeline.element.focus({ preventScroll: true });
  }

  fail(error) {
    const again = h('button', { class: 'button', type: 'button', on: { click: () => this.open(null) } }, 'Try again');
    const back = h('a', { class: 'button quiet', href: this.back() }, 'To the search');
    const box = error.status === 404
      ? notice('No such trace', `There is no trace ${this.id}. It may not have arrived yet, was not sampled, or is past its retention.`, again, back)
      : notice('The trace cannot be shown', error.message ?? String(error), again, back);
    box.setAttribute('role', 'alert');
    box.classList.add('failed');
    replace(this.element, box);
  }

  showDetails(node) {
    this.side.hidden = !node;
    replace(this.side, node && details(node, this.tree, this.colours, {
      close: () => {
        this.timeline.select(null);
        this.timeline.element.focus({ preventScroll: true });
      },
      go: (other) => this.timeline.select(other),
    }));
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      const span = node ? `?span=${encodeURIComponent(node.span.spanId)}` : '';
      history.replaceState(null, '', `/trace/${encodeURIComponent(this.id)}${span}`);
    }, ADDRESS_DELAY_MS);
  }

  find(text) {
    clearTimeout(this.findTimer);
    this.findTimer = setTimeout(() => {
      this.found = findNodes(this.tree.nodes, text);
      this.timeline.mark(this.found);
      this.tools.matches.textContent = text.trim() === '' ? '' : this.found.length === 0 ? 'no match' : count(this.found.length, 'match', 'matches');
      if (this.found.length > 0) this.step(this.found, 0);
    }, FIND_DELAY_MS);
  }

  /** Goes to the next (1), previous (-1) or nearest (0) of `nodes` from the focused one; round at the ends. */
  step(nodes, direction, open = false) {
    if (nodes.length === 0) return;
    const at = this.timeline.view.focused?.index ?? 0;
    const target = direction < 0
      ? nodes.findLast((node) => node.index < at) ?? nodes[nodes.length - 1]
      : nodes.find((node) => (direction === 0 ? node.index >= at : node.index > at)) ?? nodes[0];
    if (open || this.timeline.view.selected) this.timeline.select(target);
    else this.timeline.focus(target);
    if (direction !== 0 && nodes === this.found) this.tools.matches.textContent = `${nodes.indexOf(target) + 1} of ${nodes.length}`;
  }

  shortcut(event) {
    const typing = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
    if (event.ctrlKey || event.metaKey || event.altKey || typing || !this.tools) return;
    if (event.key === '/') {
      event.preventDefault();
      this.tools.find.focus();
    } else if (event.key === 'Escape' && this.side.contains(event.target)) {
      this.timeline.select(null);
      this.timeline.element.focus({ preventScroll: true });
    }
  }
}
