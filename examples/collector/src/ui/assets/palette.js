// One colour per service: class names c0 to c11, whose colours for light and dark stand in style.css.

export const COLOURS = 12;

/**
 * Gives each name a slot. A name keeps its own slot from page to page unless two on the same page want the same one, and up to
 * twelve names never share. Red is not among the colours: it means an error.
 */
export function assign(names) {
  const slots = new Map();
  const taken = new Set();
  for (const name of [...new Set(names)].sort()) {
    let slot = hash(name) % COLOURS;
    for (let tries = 0; taken.has(slot) && tries < COLOURS; tries += 1) slot = (slot + 1) % COLOURS;
    taken.add(slot);
    slots.set(name, slot);
  }
  return slots;
}

/** The class name for a service of an assignment. */
export function classOf(slots, name) {
  return `c${slots.get(name) ?? 0}`;
}

// FNV-1a over UTF-16 code units: small, and spreads similar names.
function hash(text) {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return (value ^ (value >>> 15)) >>> 0;
}
