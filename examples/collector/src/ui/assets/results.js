// The list of found traces.

import { h, icon } from './dom.js';
import { ago, count, duration, line, moment, short } from './format.js';
import { classOf } from './palette.js';

const SERVICES_SHOWN = 6;

export function resultList(traces, colours) {
  const longest = Math.max(1, ...traces.map((trace) => trace.duration));
  const now = Date.now() * 1000;
  return h('ol', { class: 'result-list' }, traces.map((trace) => h('li', {}, result(trace, longest, now, colours))));
}

function result(trace, longest, now, colours) {
  const root = trace.rootService || 'unknown service';
  const bar = h('span', { class: `result-bar ${classOf(colours, trace.rootService)}` });
  bar.style.width = `${Math.max(0.3, (trace.duration / longest) * 100)}%`;
  return h('a', { class: trace.hasErrors ? 'result has-error' : 'result', href: `/trace/${encodeURIComponent(trace.traceId)}`, data: { id: trace.traceId } },
    h('span', { class: 'result-title' },
      h('b', {}, line(root)), h('span', { class: 'operation' }, line(trace.rootOperation || 'unnamed operation')),
      h('code', { class: 'muted', title: trace.traceId }, short(trace.traceId))),
    h('span', { class: 'result-duration' }, duration(trace.duration)),
    h('span', { class: 'result-track' }, bar),
    h('span', { class: 'result-meta' },
      trace.hasErrors && h('span', { class: 'badge error' }, icon('error'), 'Error'),
      trace.orphanSpanCount > 0 && h('span', { class: 'badge orphan' }, icon('orphan'), 'Incomplete'),
      h('span', {}, count(trace.spanCount, 'span')),
      chips(trace.services, colours)),
    h('time', { class: 'result-time', datetime: new Date(trace.startTime / 1000).toISOString(), title: moment(trace.startTime) },
      ago(trace.startTime, now)));
}

/** Services as coloured names; those beyond the first few as a number. */
export function chips(services, colours) {
  const shown = services.slice(0, SERVICES_SHOWN);
  const rest = services.slice(SERVICES_SHOWN);
  return h('span', { class: 'chips' },
    shown.map((name) => h('span', { class: `chip ${classOf(colours, name)}` }, line(name))),
    rest.length > 0 && h('span', { class: 'chip more', title: rest.map(line).join(', ') }, `+${rest.length}`));
}
