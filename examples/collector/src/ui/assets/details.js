// Everything known about one span.

import { copyButton, h, icon } from './dom.js';
import { count, duration, line, moment, textOf, typeOf, visible } from './format.js';
import { classOf } from './palette.js';

const EVENTS_SHOWN = 100;

/** The panel for `node`. `on.close()` and `on.go(node)` (to another span of this trace). */
export function details(node, tree, colours, on) {
  const { span } = node;
  return h('aside', { class: `details ${classOf(colours, span.serviceName)}`, id: 'details', 'aria-label': 'Span details' },
    h('header', {},
      h('div', {}, h('p', { class: 'service' }, line(span.serviceName || 'unknown service')), h('h2', {}, line(span.operationName || 'unnamed operation'))),
      h('button', { class: 'button quiet', type: 'button', id: 'close-details', 'aria-label': 'Close the details', title: 'Close (Escape)', on: { click: on.close } }, icon('close'))),
    status(node),
    basics(node, tree, on),
    section('Tags', attributes(span.tags), size(span.tags), span.droppedAttributes),
    section('Events', events(span), (span.events ?? []).length, span.droppedEvents),
    section('Links', links(span, tree, on), (span.links ?? []).length, span.droppedLinks),
    section('Resource', attributes(span.resource), size(span.resource), span.resourceDroppedAttributes),
    scope(span));
}

function status(node) {
  const { code = 'UNSET', message } = node.span.status ?? {};
  const notes = [
    node.error
      ? h('p', { class: 'status bad' }, icon('error'), h('b', {}, 'Error'), message && h('span', { id: 'status-message' }, visible(message)))
      : code === 'OK' && h('p', { class: 'status good' }, icon('check'), h('b', {}, 'OK'), message && h('span', {}, visible(message))),
    node.orphan && h('p', { class: 'status odd' }, icon('orphan'), h('span', {}, 'Its parent ', h('code', {}, line(node.span.parentSpanId)), ' is not in this trace.')),
    node.parent && skew(node),
  ];
  return h('div', {}, notes);
}

/** A child that begins before its parent: mostly two clocks that disagree. */
function skew(node) {
  const early = node.parent.span.startTime - node.span.startTime;
  return early > 0 && h('p', { class: 'status odd' }, icon('info'),
    h('span', {}, `Starts ${duration(early)} before its parent. Across machines this mostly means that their clocks disagree.`));
}

function basics(node, tree, on) {
  const { span } = node;
  const share = (100 * span.duration) / (tree.end - tree.start);
  const rows = [
    ['Duration', `${duration(span.duration)} (${share >= 10 ? share.toFixed(0) : share.toFixed(1)} % of the trace)`],
    ['Start', `${moment(span.startTime)} (${duration(span.startTime - tree.start)} into the trace)`],
    ['End', moment(span.startTime + span.duration)],
    ['Kind', line(span.kind ?? 'UNSPECIFIED')],
    ['Status', line(span.status?.code ?? 'UNSET')],
    ['Critical path', node.critical ? 'yes' : 'no'],
    ['Span id', [h('code', {}, line(span.spanId)), copyButton(span.spanId, 'Copy the span id')]],
    ['Parent', parent(node, on)],
    ['Children', String(node.children.length)],
    span.traceState && ['Trace state', h('code', {}, line(span.traceState))],
  ];
  return h('table', { class: 'basics' }, h('tbody', {}, rows.filter(Boolean).map(([name, value]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value)))));
}

function parent(node, on) {
  if (!node.span.parentSpanId) return 'none: this is a root';
  const id = h('code', {}, line(node.span.parentSpanId));
  const there = node.parent && h('button', { class: 'link', type: 'button', on: { click: () => on.go(node.parent) } }, id);
  return [there || id, copyButton(node.span.parentSpanId, 'Copy the parent span id')];
}

function section(title, content, items, dropped = 0) {
  if (items === 0 && !dropped) return null;
  return h('details', { class: 'part', open: true },
    h('summary', {}, icon('chevron'), h('h3', {}, title), h('span', { class: 'muted' }, String(items))),
    content,
    dropped > 0 && h('p', { class: 'muted' }, `${dropped} more ${dropped === 1 ? 'was' : 'were'} dropped by the sender or over its limits.`));
}

function size(map) {
  return Object.keys(map ?? {}).length;
}

/** Keys and typed values; strings are plain, other types are named. */
function attributes(map) {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return h('table', { class: 'attributes' }, h('tbody', {}, entries.map(([key, value]) => {
    const type = typeOf(value);
    return h('tr', {},
      h('th', { scope: 'row' }, line(key)),
      h('td', { class: `value ${type}` }, h('span', { class: 'text' }, textOf(value)), type !== 'string' && h('span', { class: 'type' }, type),
        copyButton(typeof value === 'string' ? value : textOf(value), 'Copy the value')));
  })));
}

function events(span) {
  const all = (span.events ?? []).toSorted((a, b) => a.timestamp - b.timestamp);
  const list = h('ol', { class: 'events' }, all.slice(0, EVENTS_SHOWN).map((event) => h('li', { class: event.name === 'exception' ? 'exception' : '' },
    h('p', {}, h('span', { class: 'offset', title: moment(event.timestamp) }, `+${duration(event.timestamp - span.startTime)}`), h('b', {}, line(event.name))),
    size(event.attributes) > 0 && attributes(event.attributes))));
  if (all.length <= EVENTS_SHOWN) return list;
  return h('div', {}, list, h('p', { class: 'muted' }, `The first ${EVENTS_SHOWN} of ${count(all.length, 'event')}.`));
}

function links(span, tree, on) {
  return h('ul', { class: 'links' }, (span.links ?? []).map((link) => h('li', {}, target(link, tree, on), size(link.attributes) > 0 && attributes(link.attributes))));
}

/** A linked span: a button within this trace, an address elsewhere. */
function target(link, tree, on) {
  const label = [icon('arrow'), h('code', {}, line(link.traceId)), h('code', { class: 'muted' }, line(link.spanId))];
  const here = link.traceId === tree.traceId && tree.byId.get(link.spanId);
  if (here) return h('button', { class: 'link', type: 'button', on: { click: () => on.go(here) } }, label);
  const address = `/trace/${encodeURIComponent(link.traceId)}?span=${encodeURIComponent(link.spanId)}`;
  return h('a', { class: 'link', href: address }, label);
}

function scope(span) {
  const { name, version, schemaUrl, attributes: own, droppedAttributes } = span.scope ?? {};
  const known = Object.fromEntries(Object.entries({ name, version, 'schema URL': schemaUrl }).filter(([, value]) => value));
  const all = { ...known, ...own };
  return section('Instrumentation scope', attributes(all), size(all), droppedAttributes);
}
