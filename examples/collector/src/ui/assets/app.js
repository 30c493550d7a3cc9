// Which view an address shows, and moving between them without loading the page anew.

import { h, replace } from './dom.js';
import { parseTraceId } from './query.js';
import { SearchView, notice } from './search.js';
import { TraceView } from './trace.js';

const main = document.getElementById('main');
const search = new SearchView(navigate);
let shown = null; // The view in `main`.
let searched = null; // The address whose results the search view holds.

function navigate(address) {
  if (address !== location.pathname + location.search) history.pushState(null, '', address);
  else searched = null;
  route();
}

function route() {
  const trace = /^\/trace\/([^/]*)$/.exec(location.pathname);
  if (shown && shown !== search) shown.close();
  if (trace) return openTrace(decode(trace[1]));
  document.title = 'Traces';
  show(search);
  const address = location.pathname + location.search;
  // Coming back from a trace finds the list as it was left.
  if (address === searched) return undefined;
  searched = address;
  return search.open(location.search);
}

function openTrace(text) {
  const id = parseTraceId(text);
  if (!id) {
    shown = null;
    replace(main, notice('Not a trace id', 'A trace id has 16 or 32 hexadecimal digits.', h('a', { class: 'button', href: '/' }, 'To the search')));
    return undefined;
  }
  const view = new TraceView(id, () => (searched === null ? '/' : searched));
  show(view);
  return view.open(new URLSearchParams(location.search).get('span'));
}

function show(view) {
  if (shown === view) return;
  shown = view;
  replace(main, view.element);
  if (view !== search) scrollTo(0, 0);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Links of the page stay inside it, unless the reader asks for a new tab or window.
document.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const target = new URL(link.href);
  if (target.origin !== location.origin || target.hash || !/^\/(search|trace\/.*)?$/.test(target.pathname)) return;
  event.preventDefault();
  navigate(target.pathname + target.search);
});

document.getElementById('lookup').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = document.getElementById('lookup-id');
  const id = parseTraceId(input.value);
  document.getElementById('lookup-problem').textContent = id ? '' : '16 or 32 hexadecimal digits';
  if (!id) return;
  input.value = '';
  navigate(`/trace/${id}`);
});

addEventListener('popstate', route);
route();
