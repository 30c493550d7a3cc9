// Numbers, times and foreign text as a reader wants them. Pure functions.

/** A duration in microseconds, with three significant digits and the unit that suits it. */
export function duration(us) {
  if (!Number.isFinite(us)) return 'unknown';
  if (us < 0) return `-${duration(-us)}`;
  // The thresholds stand where three digits would round up to the next unit ("1000 ms").
  if (us < 999.5) return `${trim(us)} µs`;
  if (us < 999_500) return `${trim(us / 1e3)} ms`;
  if (us < 59_950_000) return `${trim(us / 1e6)} s`;
  const seconds = Math.round(us / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function trim(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

/** Local date and time with milliseconds; `us` counts microseconds since the epoch. */
export function moment(us) {
  const date = new Date(us / 1000);
  if (!Number.isFinite(date.getTime())) return 'unknown';
  const two = (n) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** How long ago `us` was at `now`, both in microseconds since the epoch. */
export function ago(us, now) {
  const seconds = Math.floor((now - us) / 1e6);
  if (seconds < -5) return 'in the future';
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** "1 span", "2 spans", "10 000 spans". */
export function count(n, noun, plural = `${noun}s`) {
  return `${grouped(n)} ${n === 1 ? noun : plural}`;
}

/** Digits in groups of three, parted by a narrow space. */
export function grouped(n) {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

/** The head of an id, enough to tell two apart by eye. */
export function short(id) {
  return id.slice(0, 8);
}

/**
 * Foreign text made honest: control characters and those that reorder or hide text are shown as their code, so a name cannot
 * pose as another. Line breaks and tabs stay; they are harmless where text is shown as it is.
 */
export function visible(text) {
  return String(text).replace(HIDDEN, (c) => `\u27e8${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`);
}

// C0 but tab and newline, DEL and C1, zero width and directional marks, line separators, embeddings, isolates, byte order mark.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `visible` on one line, for names. */
export function line(text) {
  return visible(text).replace(/[\t\n]+/g, ' ');
}

/** The type of an attribute's value in the words of OpenTelemetry. */
export function typeOf(value) {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'double';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' ? 'map' : 'string';
}

/** An attribute's value as text: strings as they are, everything else as JSON. */
export function textOf(value) {
  if (typeof value === 'string') return visible(value);
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return String(value);
  const json = JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}` : inner), 2);
  return visible(json);
}
