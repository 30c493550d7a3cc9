// One row of the timeline. Rows are made once and filled anew for whichever span scrolls into sight.

import { h, icon } from './dom.js';
import { count, duration, grouped, line } from './format.js';
import { classOf } from './palette.js';

export const ROW_HEIGHT = 30;

// Deeper spans are no longer moved to the right: names must stay readable.
const DEEPEST_INDENT = 24;
const MARKS_SHOWN = 24;
const NARROW_BAR = 2; // Percent; on less, marks would cover the bar.

/** An empty row; its parts are kept on the object so that filling needs no look-up. */
export function makeRow() {
  const row = { node: null };
  row.toggle = h('button', { class: 'toggle', type: 'button', tabindex: '-1', 'aria-hidden': 'true' }, icon('chevron'), row.hidden = h('span', {}));
  row.flags = h('span', { class: 'flags' });
  row.service = h('b', {});
  row.operation = h('span', { class: 'operation' });
  row.name = h('div', { class: 'cell name', role: 'gridcell' }, row.toggle, row.service, row.operation, row.flags);
  row.bar = h('div', { class: 'bar' });
  row.label = h('span', { class: 'bar-label' });
  row.track = h('div', { class: 'cell track', role: 'gridcell' }, row.bar, row.label);
  row.element = h('div', { class: 'row', role: 'row' }, row.name, row.track);
  return row;
}

/** Draws `node` at position `at` of the list; `view` says what is zoomed, folded, found and chosen. */
export function fillRow(row, node, at, view) {
  const { element } = row;
  const { span } = node;
  row.node = node;
  element.id = `row-${node.index}`;
  element.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
  element.style.setProperty('--depth', String(Math.min(node.depth, DEEPEST_INDENT)));
  element.dataset.span = span.spanId;
  element.className = [
    'row', classOf(view.colours, span.serviceName),
    node.error && 'has-error', node.critical && 'critical', at % 2 === 1 && 'odd',
    view.found.has(node) && 'found', view.focused === node && 'focused', view.selected === node && 'selected',
  ].filter(Boolean).join(' ');
  element.setAttribute('aria-level', String(node.depth + 1));
  element.setAttribute('aria-rowindex', String(at + 2));
  element.setAttribute('aria-selected', String(view.selected === node));
  fillName(row, node, view.collapsed.has(node));
  fillBar(row, node, view);
}

function fillName(row, node, folded) {
  const { span } = node;
  row.service.textContent = line(span.serviceName || 'unknown service');
  row.operation.textContent = line(span.operationName || 'unnamed operation');
  row.name.title = `${row.service.textContent}: ${row.operation.textContent}`;
  const parent = node.children.length > 0;
  row.toggle.classList.toggle('none', !parent);
  row.toggle.classList.toggle('open', parent && !folded);
  row.hidden.textContent = folded ? grouped(node.size - 1) : '';
  if (parent) row.element.setAttribute('aria-expanded', String(!folded));
  else row.element.removeAttribute('aria-expanded');
  row.flags.replaceChildren();
  if (node.error) row.flags.append(h('span', { class: 'badge error' }, icon('error'), 'Error'));
  if (node.orphan) row.flags.append(h('span', { class: 'badge orphan' }, icon('orphan'), 'Parent missing'));
  if (node.loop) row.flags.append(h('span', { class: 'badge orphan' }, icon('orphan'), 'Parents form a loop'));
}

function fillBar(row, node, view) {
  const { span } = node;
  const width = view.to - view.from;
  const left = ((span.startTime - view.from) / width) * 100;
  const right = ((span.startTime + span.duration - view.from) / width) * 100;
  const inside = right >= 0 && left <= 100;
  row.bar.hidden = !inside;
  row.label.hidden = !inside;
  if (!inside) return;
  const [shownLeft, shownRight] = [Math.max(left, -1), Math.min(right, 101)];
  row.bar.style.left = `${shownLeft}%`;
  row.bar.style.width = `${shownRight - shownLeft}%`;
  row.bar.replaceChildren(...(shownRight - shownLeft > NARROW_BAR ? marks(span) : []));
  placeLabel(row.label, Math.max(left, 0), Math.min(right, 100));
  row.label.textContent = duration(span.duration);
}

/** Events as small ticks on the bar. */
function marks(span) {
  const events = span.events ?? [];
  return events.slice(0, MARKS_SHOWN).map((event) => {
    const mark = h('i', { class: event.name === 'exception' ? 'mark exception' : 'mark' });
    const share = span.duration > 0 ? (event.timestamp - span.startTime) / span.duration : 0;
    mark.style.left = `${Math.min(100, Math.max(0, share * 100))}%`;
    return mark;
  });
}

/** The duration stands behind the bar, before it where there is no room, else inside at its start. */
function placeLabel(label, left, right) {
  const { style } = label;
  style.left = 'auto';
  style.right = 'auto';
  label.classList.toggle('inside', right > 85 && left < 15);
  if (right <= 85) style.left = `calc(${right}% + 6px)`;
  else if (left >= 15) style.right = `calc(${100 - left}% + 6px)`;
  else style.left = `calc(${left}% + 8px)`;
}

/** What a screen reader says of a row beyond its cells. */
export function describe(node) {
  const parts = [line(node.span.serviceName), line(node.span.operationName), duration(node.span.duration)];
  if (node.error) parts.push('error');
  if (node.orphan) parts.push('parent missing');
  if (node.critical) parts.push('on the critical path');
  if (node.children.length > 0) parts.push(count(node.size - 1, 'span below', 'spans below'));
  return parts.join(', ');
}
