// The spans of a trace as a tree. Pure functions; no recursion, because depth is whatever a sender makes of it.

/**
 * Arranges `answer` (a trace as the API gives it) as nodes in the order they are drawn: parents before children, siblings by start.
 * A span whose parent is not there stands at the top as `orphan`; spans that are each other's ancestors are cut apart at the
 * earliest, which is marked `loop`. Every span is in `nodes` exactly once, even when two share an id.
 */
export function buildTree(answer) {
  const critical = new Set(answer.criticalPath ?? []);
  const all = (answer.trace.spans ?? []).map((span) => ({
    span, parent: null, children: [], depth: 0, size: 1, index: -1, orphan: false, loop: false,
    error: span.status?.code === 'ERROR', critical: critical.has(span.spanId),
  }));
  all.sort((a, b) => a.span.startTime - b.span.startTime);
  const byId = new Map();
  for (const node of all) if (!byId.has(node.span.spanId)) byId.set(node.span.spanId, node);
  const roots = [];
  for (const node of all) {
    const wanted = node.span.parentSpanId;
    node.parent = wanted ? byId.get(wanted) ?? null : null;
    node.orphan = Boolean(wanted) && !node.parent;
    if (node.parent) node.parent.children.push(node);
    else roots.push(node);
  }
  const nodes = [];
  for (const root of roots) walk(root, nodes);
  for (const node of all) {
    if (node.index >= 0) continue;
    // Only loops are left. Taking this node from its parent opens its loop.
    node.parent.children.splice(node.parent.children.indexOf(node), 1);
    node.parent = null;
    node.loop = true;
    roots.push(node);
    walk(node, nodes);
  }
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    const { parent, size } = nodes[index];
    if (parent) parent.size += size;
  }
  return { ...bounds(all), nodes, roots, byId, ...facts(answer.trace, nodes) };
}

function walk(root, nodes) {
  const stack = [root];
  while (stack.length > 0) {
    const node = stack.pop();
    node.depth = node.parent ? node.parent.depth + 1 : 0;
    node.index = nodes.length;
    nodes.push(node);
    for (let at = node.children.length - 1; at >= 0; at -= 1) stack.push(node.children[at]);
  }
}

function bounds(all) {
  let start = Infinity;
  let end = -Infinity;
  for (const { span } of all) {
    start = Math.min(start, span.startTime);
    end = Math.max(end, span.startTime + span.duration);
  }
  return all.length > 0 ? { start, end: Math.max(end, start + 1) } : { start: 0, end: 1 };
}

function facts(trace, nodes) {
  const services = new Map();
  let errors = 0;
  let orphans = 0;
  let depth = 0;
  for (const node of nodes) {
    services.set(node.span.serviceName, (services.get(node.span.serviceName) ?? 0) + 1);
    errors += node.error ? 1 : 0;
    orphans += node.orphan ? 1 : 0;
    depth = Math.max(depth, node.depth + 1);
  }
  return { traceId: trace.traceId, trace, services, errors, orphans, depth };
}

/** The nodes to draw when the children of those in `collapsed` are folded away. */
export function visibleNodes(nodes, collapsed) {
  if (collapsed.size === 0) return nodes;
  const shown = [];
  for (let index = 0; index < nodes.length; index += collapsed.has(nodes[index]) ? nodes[index].size : 1) shown.push(nodes[index]);
  return shown;
}

/** The nodes whose name, service, id, status or tags hold all words of `text`, in drawing order. */
export function findNodes(nodes, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return nodes.filter((node) => {
    node.haystack ??= haystack(node.span);
    return words.every((word) => node.haystack.includes(word));
  });
}

function haystack(span) {
  const parts = [span.serviceName, span.operationName, span.spanId, span.kind, span.status?.code, span.status?.message];
  for (const [key, value] of Object.entries(span.tags ?? {})) {
    parts.push(`${key}=${value !== null && typeof value === 'object' ? safeJson(value) : value}`);
  }
  for (const event of span.events ?? []) {
    parts.push(event.name);
    for (const [key, value] of Object.entries(event.attributes ?? {})) parts.push(`${key}=${value}`);
  }
  return parts.join('\n').toLowerCase();
}

function safeJson(value) {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
}
