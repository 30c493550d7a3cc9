// What is searched for: between the form, the address bar and the parameters of the API. Pure functions.

export const RANGES = [
  ['5m', 'Last 5 minutes', 5],
  ['15m', 'Last 15 minutes', 15],
  ['1h', 'Last hour', 60],
  ['6h', 'Last 6 hours', 360],
  ['24h', 'Last 24 hours', 1440],
  ['7d', 'Last 7 days', 10_080],
  ['all', 'Any time', null],
  ['custom', 'Custom…', null],
];

export const LIMITS = [20, 50, 100, 500];

/** An untouched form; fields equal to these stay out of the address bar. */
export const DEFAULTS = Object.freeze({
  service: '', operation: '', tags: '', min: '', max: '', errors: false, range: '1h', start: '', end: '', limit: 50,
});

/** Reads the state kept in an address. What it does not know is ignored. */
export function fromUrl(search) {
  const params = new URLSearchParams(search);
  const state = { ...DEFAULTS };
  for (const name of ['service', 'operation', 'tags', 'min', 'max', 'start', 'end']) state[name] = params.get(name) ?? '';
  state.errors = params.get('errors') === '1';
  if (RANGES.some(([id]) => id === params.get('range'))) state.range = params.get('range');
  const limit = Number(params.get('limit'));
  if (LIMITS.includes(limit)) state.limit = limit;
  return state;
}

/** The address that keeps `state`. */
export function toUrl(state) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    const dates = name === 'start' || name === 'end';
    if (value === DEFAULTS[name] || (dates && state.range !== 'custom')) continue;
    params.set(name, value === true ? '1' : String(value));
  }
  const query = params.toString();
  return query ? `/search?${query}` : '/';
}

/**
 * The API's parameters for `state` at the time `now` (milliseconds since the epoch), or the fields that make no sense:
 * `{ params }` or `{ problems: { field: message } }`. A tag has a list of values, all of which must match.
 */
export function toApi(state, now) {
  const params = {};
  const problems = {};
  const attempt = (field, work) => {
    try {
      work();
    } catch (error) {
      problems[field] = error.message;
    }
  };
  if (state.service) params.serviceName = state.service;
  if (state.operation) params.operationName = state.operation;
  if (state.errors) params.hasErrors = 'true';
  attempt('tags', () => {
    for (const [key, value] of parseTags(state.tags)) (params[`tag.${key}`] ??= []).push(value);
  });
  attempt('min', () => setDuration(params, 'minDurationMs', state.min));
  attempt('max', () => setDuration(params, 'maxDurationMs', state.max));
  if (Number(params.minDurationMs) > Number(params.maxDurationMs)) problems.max = 'shorter than the shortest';
  attempt('start', () => setTimes(params, state, now));
  params.limit = String(state.limit);
  return Object.keys(problems).length > 0 ? { problems } : { params };
}

function setDuration(params, name, text) {
  const ms = parseDuration(text);
  if (ms !== null) params[name] = String(ms);
}

function setTimes(params, state, now) {
  if (state.range === 'custom') {
    const [start, end] = [state.start, state.end].map((text) => (text ? new Date(text) : null));
    if ([start, end].some((date) => date && Number.isNaN(date.getTime()))) throw new Error('not a date and time');
    if (start && end && start > end) throw new Error('the start is after the end');
    if (start) params.startTime = start.toISOString();
    if (end) params.endTime = end.toISOString();
    return;
  }
  const minutes = RANGES.find(([id]) => id === state.range)?.[2];
  if (minutes) params.startTime = new Date(now - minutes * 60_000).toISOString();
}

const UNITS = { us: 0.001, 'µs': 0.001, 'μs': 0.001, ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** "250", "250ms", "1.5 s", "20us", "2m" as milliseconds; null for an empty text; throws for anything else. */
export function parseDuration(text) {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-zµμ]*)$/i.exec(trimmed);
  const unit = match && (match[2] === '' ? 1 : UNITS[match[2].toLowerCase()]);
  if (!unit) throw new Error('write it like 250ms or 1.5s');
  return Number((Number(match[1]) * unit).toFixed(3));
}

/** `a=b c="d e"` as pairs; quotes hold spaces, a backslash inside them holds a quote; throws on anything else. */
export function parseTags(text) {
  const pairs = [];
  const pattern = /\s*([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)/y;
  let rest = 0;
  while (text.slice(rest).trim() !== '') {
    pattern.lastIndex = rest;
    const match = pattern.exec(text);
    if (!match) throw new Error('write it like key=value, and quote values that hold spaces');
    pairs.push([match[1], match[2] === undefined ? match[3] : match[2].replace(/\\(.)/g, '$1')]);
    rest = pattern.lastIndex;
  }
  return pairs;
}

/** A trace id of 16 or 32 hex digits in lower case; null for anything else. */
export function parseTraceId(text) {
  const id = text.trim().toLowerCase();
  return /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/.test(id) ? id : null;
}
