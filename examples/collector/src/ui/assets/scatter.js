// The results as points: when they began against how long they took. Errors are diamonds, so that colour is not all that tells.

import { h, svg } from './dom.js';
import { duration, line, moment } from './format.js';

const WIDTH = 1000;
const HEIGHT = 120;
const MARGIN = { top: 12, right: 14, bottom: 22, left: 64 };

/** A chart of `traces`; a click on a point opens its trace. Nothing for fewer than three. The list holds the same facts as text. */
export function scatter(traces, navigate) {
  if (traces.length < 3) return null;
  const starts = traces.map((trace) => trace.startTime);
  const [first, last] = [Math.min(...starts), Math.max(...starts)];
  const durations = traces.map((trace) => Math.max(1, trace.duration));
  const [low, high] = [Math.min(...durations), Math.max(...durations)];
  // Durations of one search often span decades, so the axis is logarithmic.
  const floor = Math.log10(low) - 0.1;
  const ceiling = Math.max(Math.log10(high) + 0.1, floor + 0.3);
  const x = (us) => MARGIN.left + ((us - first) / Math.max(1, last - first)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (us) => HEIGHT - MARGIN.bottom - ((Math.log10(Math.max(1, us)) - floor) / (ceiling - floor)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const chart = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'scatter', role: 'img', 'aria-label': 'Durations of the traces found, by start time' });
  for (const us of lines(10 ** floor, 10 ** ceiling)) {
    chart.append(
      svg('line', { x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(us), y2: y(us), class: 'grid' }),
      svg('text', { x: MARGIN.left - 8, y: y(us) + 4, 'text-anchor': 'end' }, duration(us)));
  }
  // Milliseconds only where seconds would not tell the ends apart.
  const letters = last - first < 60_000_000 ? 23 : 19;
  chart.append(
    svg('text', { x: MARGIN.left, y: HEIGHT - 4 }, moment(first).slice(0, letters)),
    svg('text', { x: WIDTH - MARGIN.right, y: HEIGHT - 4, 'text-anchor': 'end' }, moment(last).slice(0, letters)));
  // Errors last: they lie on top.
  for (const trace of traces.toSorted((a, b) => Number(a.hasErrors) - Number(b.hasErrors))) {
    const dot = point(x(trace.startTime), y(trace.duration), trace);
    dot.append(svg('title', {}, `${line(trace.rootService)} ${line(trace.rootOperation)}, ${duration(trace.duration)}`));
    dot.addEventListener('click', () => navigate(`/trace/${encodeURIComponent(trace.traceId)}`));
    chart.append(dot);
  }
  return h('div', { class: 'scatter-box' }, chart);
}

function point(x, y, trace) {
  if (!trace.hasErrors) return svg('circle', { cx: x, cy: y, r: 5, class: 'dot' });
  return svg('path', { d: `M${x} ${y - 7}l7 7-7 7-7-7Z`, class: 'dot error' });
}

/** At most three lines at 1, 2 or 5 times a power of ten. */
function lines(low, high) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const digit of [1, 2, 5]) all.push(digit * 10 ** power);
  }
  const inside = all.filter((us) => us >= low && us <= high);
  if (inside.length <= 3) return inside;
  const middle = Math.floor((inside.length - 1) / 2);
  return [inside[0], inside[middle], inside[inside.length - 1]];
}
