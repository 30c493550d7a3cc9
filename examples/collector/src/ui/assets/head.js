// The head of the trace view: what the trace is, in one glance, and the tools above the timeline.

import { copyButton, h, icon } from './dom.js';
import { ago, count, duration, grouped, line, moment } from './format.js';
import { classOf } from './palette.js';

const ABOUT_PATH = 'The chain of spans that decided how long the trace took, worked out from the recorded times: going back from the '
  + 'end of the root, always the child that ended last. It holds as far as parents wait for their children and the clocks of the '
  + 'services agree; bars are drawn where their services say, with no correction.';

/** Name, id and the figures of the trace. `back` is the address of the search it came from. */
export function traceHead(tree, colours, back) {
  const { trace } = tree;
  const root = line(trace.rootService || 'unknown service');
  return h('header', { class: 'trace-head' },
    h('div', { class: 'trace-title' },
      h('a', { class: 'back', href: back }, icon('chevron'), 'Search'),
      h('h1', {}, h('span', { class: `service ${classOf(colours, trace.rootService)}` }, root), ' ',
        h('span', { class: 'operation' }, line(trace.rootOperation || 'unnamed operation'))),
      tree.errors > 0 && h('span', { class: 'badge error' }, icon('error'), count(tree.errors, 'error'))),
    h('dl', { class: 'facts' },
      fact('Trace id', h('code', { id: 'trace-id' }, line(trace.traceId)), copyButton(trace.traceId, 'Copy the trace id')),
      fact('Start', h('time', { title: ago(trace.startTime, Date.now() * 1000) }, moment(tree.start))),
      fact('Duration', duration(tree.end - tree.start)),
      fact('Spans', grouped(tree.nodes.length)),
      fact('Services', grouped(tree.services.size)),
      fact('Depth', grouped(tree.depth)),
      fact('Errors', grouped(tree.errors), null, tree.errors > 0 ? 'bad' : '')),
    legend(tree, colours),
    warnings(tree));
}

function fact(name, value, extra = null, mood = '') {
  return h('div', { class: `fact ${mood}` }, h('dt', {}, name), h('dd', {}, value, extra));
}

function legend(tree, colours) {
  const services = [...tree.services].sort((a, b) => b[1] - a[1]);
  return h('div', { class: 'legend' },
    h('ul', { class: 'chips', 'aria-label': 'Services of the trace', id: 'services' },
      services.slice(0, 24).map(([name, spans]) => h('li', { class: `chip ${classOf(colours, name)}`, data: { service: name } },
        line(name || 'unknown service'), h('span', { class: 'muted' }, grouped(spans)))),
      services.length > 24 && h('li', { class: 'chip more' }, `+${services.length - 24}`)),
    tree.nodes.some((node) => node.critical) && h('details', { class: 'about-path' },
      h('summary', {}, h('i', { class: 'path-sample' }), 'Critical path', icon('info')), h('p', {}, ABOUT_PATH)));
}

/** What is wrong with the trace as it arrived. */
function warnings(tree) {
  const notes = [];
  if (tree.orphans > 0) {
    notes.push(`${count(tree.orphans, 'span names', 'spans name')} a parent that is not here: it was not sampled, was lost, or has not arrived yet. `
      + `${tree.orphans === 1 ? 'It stands' : 'They stand'} at the top level, marked “Parent missing”.`);
  }
  if (tree.roots.some((node) => node.loop)) notes.push('Some spans are each other’s ancestors. They are drawn from the earliest on.');
  const more = tree.trace.spanCount - tree.nodes.length;
  if (more > 0) notes.push(`${count(more, 'span')} of this trace ${more === 1 ? 'was' : 'were'} not sent with this answer.`);
  return notes.map((note) => h('p', { class: 'warning', role: 'note' }, icon('orphan'), note));
}

/** The row of tools. `on` holds: find(text), step(direction), nextError(), fold(folded), reload(). */
export function toolbar(tree, on) {
  const find = h('input', { id: 'find', type: 'search', placeholder: 'Find in this trace', 'aria-label': 'Find in this trace', autocomplete: 'off', spellcheck: 'false' });
  const matches = h('span', { class: 'muted', id: 'matches', role: 'status' });
  find.addEventListener('input', () => on.find(find.value));
  find.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') on.step(event.shiftKey ? -1 : 1);
    else if (event.key === 'Escape') {
      find.value = '';
      on.find('');
    } else return;
    event.preventDefault();
  });
  const tool = (id, label, action, ...content) => h('button', { class: 'button quiet', type: 'button', id, title: label, 'aria-label': label, on: { click: action } }, content);
  const element = h('div', { class: 'tools', role: 'toolbar', 'aria-label': 'Tools of the timeline' },
    find, matches,
    tool('previous', 'Previous match', () => on.step(-1), icon('up')),
    tool('next', 'Next match', () => on.step(1), icon('down')),
    tree.errors > 0 && tool('next-error', 'Go to the next error', on.nextError, icon('error'), 'Next error'),
    h('span', { class: 'gap' }),
    tool('fold', 'Collapse all', () => on.fold(true), 'Collapse all'),
    tool('unfold', 'Expand all', () => on.fold(false), 'Expand all'),
    tool('reload', 'Ask the collector again', on.reload, 'Reload'),
    h('span', { class: 'keys muted', id: 'timeline-keys' },
      h('kbd', {}, '↑'), h('kbd', {}, '↓'), ' move ', h('kbd', {}, '←'), h('kbd', {}, '→'), ' fold ', h('kbd', {}, 'Enter'), ' details ',
      h('kbd', {}, '/'), ' find ', h('kbd', {}, '+'), h('kbd', {}, '−'), ' zoom'));
  return { element, find, matches };
}
