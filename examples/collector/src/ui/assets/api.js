// The query API of the same origin.

const TIMEOUT_MS = 30_000;

/** A failed call. `status` is 0 when no answer came; `message` is fit for a reader. */
export class ApiError extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Summaries that match; `params` as the API names them. */
export function searchTraces(params, signal) {
  return call('/api/traces', params, signal);
}

/** One trace with its spans, service map and critical path. */
export function readTrace(id, signal) {
  return call(`/api/traces/${encodeURIComponent(id)}`, {}, signal);
}

/** Names of all services seen. */
export async function services(signal) {
  return (await call('/api/services', {}, signal)).services ?? [];
}

/** Names of a service's operations, each once. */
export async function operations(service, signal) {
  const answer = await call(`/api/services/${encodeURIComponent(service)}/operations`, {}, signal);
  return [...new Set((answer.operations ?? []).map((operation) => operation.name))];
}

async function call(path, params, signal) {
  const query = queryString(params);
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  let text;
  try {
    response = await fetch(query ? `${path}?${query}` : path, {
      headers: { accept: 'application/json' },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (limit.aborted) throw new ApiError(0, `The collector did not answer within ${TIMEOUT_MS / 1000} s.`);
    throw new ApiError(0, 'The collector does not answer. Is it running?');
  }
  const body = parse(text);
  if (!response.ok) {
    const reason = body?.error?.message ?? `The collector answered with status ${response.status}.`;
    throw new ApiError(response.status, String(reason), response.headers.get('retry-after'));
  }
  if (body === null || typeof body !== 'object') throw new ApiError(response.status, 'The answer of the collector is not JSON.');
  return body;
}

/** Writes parameters as a query string. A list of values repeats its parameter. */
export function queryString(params) {
  const pairs = Object.entries(params).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return new URLSearchParams(pairs).toString();
}

/**
 * Parses JSON; null when it is none. Whole numbers beyond 2^53 become BigInt, because an attribute may be any 64-bit integer and
 * must not be shown rounded. The slower way is taken only when such a number may be there.
 */
export function parse(text) {
  try {
    if (!/[:[,]\s*-?(\d{17,}|9\d{15})\s*[,\]}]/.test(text)) return JSON.parse(text);
    return JSON.parse(text, (_, value, context) => {
      if (typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? '')) return value;
      return BigInt(context.source);
    });
  } catch {
    return null;
  }
}
