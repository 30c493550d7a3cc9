// The search view: form on one side, results on the other.

import { h, replace } from './dom.js';
import { searchTraces } from './api.js';
import { SearchForm } from './form.js';
import { count, grouped } from './format.js';
import { assign } from './palette.js';
import { fromUrl, toApi, toUrl } from './query.js';
import { resultList } from './results.js';
import { scatter } from './scatter.js';

const ORDERS = [
  ['newest', 'Newest first', (a, b) => b.startTime - a.startTime],
  ['longest', 'Longest first', (a, b) => b.duration - a.duration],
  ['spans', 'Most spans first', (a, b) => b.spanCount - a.spanCount],
];

export class SearchView {
  /** `navigate` opens an address of the page. */
  constructor(navigate) {
    this.navigate = navigate;
    this.form = new SearchForm(() => this.submit());
    this.results = h('section', { class: 'results', 'aria-label': 'Results', 'aria-live': 'polite', 'aria-busy': 'false' });
    this.element = h('div', { class: 'search' }, h('aside', { class: 'panel' }, this.form.element), this.results);
    this.order = ORDERS[0][0];
    this.traces = [];
  }

  /** Shows what the address says, and searches. */
  open(search) {
    const state = fromUrl(search);
    this.form.write(state);
    this.form.loadServices();
    return this.search(state);
  }

  submit() {
    const state = this.form.read();
    const { problems } = toApi(state, Date.now());
    this.form.showProblems(problems ?? {});
    if (!problems) this.navigate(toUrl(state));
  }

  async search(state) {
    this.close();
    const { params, problems } = toApi(state, Date.now());
    this.form.showProblems(problems ?? {});
    if (problems) {
      replace(this.results, notice('Nothing searched yet', 'Correct the marked fields of the form first.'));
      return;
    }
    this.traces = [];
    await this.load(params);
  }

  /** Ends the call under way; its answer would belong to another search. */
  close() {
    this.abort?.abort();
  }

  /** Loads a page of results. The first call's times stay in `params`, so later pages continue the same list. */
  async load(params, pageToken = null) {
    const abort = new AbortController();
    this.abort = abort;
    this.results.setAttribute('aria-busy', 'true');
    if (!pageToken) replace(this.results, h('p', { class: 'loading' }, 'Searching…'));
    try {
      const page = await searchTraces(pageToken ? { ...params, pageToken } : params, abort.signal);
      // A trace that got a span between two pages may come twice.
      const known = new Set(this.traces.map((trace) => trace.traceId));
      this.traces.push(...(page.traces ?? []).filter((trace) => !known.has(trace.traceId)));
      this.draw(page, params);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.fail(error, () => this.load(params, pageToken));
    } finally {
      if (this.abort === abort) this.results.setAttribute('aria-busy', 'false');
    }
  }

  draw(page, params) {
    if (this.traces.length === 0) {
      replace(this.results, empty(params));
      return;
    }
    const more = page.hasMore && page.nextPageToken
      && h('button', { class: 'button', type: 'button', id: 'more', on: { click: (event) => this.more(event, params, page) } }, 'Load more');
    const list = h('div', {});
    const arrange = () => {
      const compare = ORDERS.find(([id]) => id === this.order)[2];
      replace(list, resultList(this.traces.toSorted(compare), colours));
    };
    const colours = assign(this.traces.flatMap((trace) => [trace.rootService, ...trace.services]));
    const order = h('select', { id: 'order', 'aria-label': 'Order of the results' },
      ORDERS.map(([id, label]) => h('option', { value: id, selected: id === this.order }, label)));
    order.addEventListener('change', () => {
      this.order = order.value;
      arrange();
    });
    arrange();
    replace(this.results,
      h('div', { class: 'results-head' }, h('h1', { id: 'summary' }, summary(this.traces, page)), order),
      scatter(this.traces, this.navigate), list, h('div', { class: 'results-foot' }, more));
    performance.mark('results-drawn');
  }

  more(event, params, page) {
    event.target.disabled = true;
    event.target.textContent = 'Loading…';
    return this.load(params, page.nextPageToken);
  }

  fail(error, again) {
    const retry = h('button', { class: 'button', type: 'button', on: { click: again } }, 'Try again');
    const wait = error.retryAfter ? ` It asks to wait ${error.retryAfter} s.` : '';
    const box = notice('The search failed', `${error.message}${wait}`, retry);
    box.setAttribute('role', 'alert');
    box.classList.add('failed');
    const foot = this.traces.length > 0 && this.results.querySelector('.results-foot');
    if (foot) replace(foot, box);
    else replace(this.results, box);
  }
}

function summary(traces, page) {
  const total = page.totalCount;
  if (!page.hasMore || !(total > traces.length)) return count(traces.length, 'trace');
  return `${grouped(traces.length)} of ${page.totalIsExact ? '' : 'about '}${count(total, 'trace')}`;
}

function empty(params) {
  const narrowed = Object.keys(params).some((name) => !['limit', 'startTime', 'endTime'].includes(name));
  const advice = narrowed
    ? 'No trace of this time matches all conditions. Take one away, or choose a longer time.'
    : 'No trace has arrived in this time. Send spans over OTLP to port 4317 (gRPC) or 4318 (HTTP), or choose a longer time.';
  return notice('No traces found', advice);
}

/** A box with a heading, a plain sentence and perhaps a button. */
export function notice(title, text, ...rest) {
  return h('div', { class: 'notice' }, h('h1', {}, title), h('p', {}, text), ...rest);
}
