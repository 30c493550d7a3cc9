// Records the body that the OpenTelemetry SDK for JavaScript sends for values that JSON or 64-bit integers do not have.
//
// In an empty folder, with node 20, for the files beside this one:
//
//   npm install @opentelemetry/api @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/resources@2.12.1 \
//     @opentelemetry/exporter-trace-otlp-http@0.223.1      (javascript-0.223.1.json)
//   npm install @opentelemetry/api@1.4.1 @opentelemetry/sdk-trace-base@1.9.1 @opentelemetry/resources@1.9.1 \
//     @opentelemetry/exporter-trace-otlp-http@0.35.1       (javascript-0.35.1.json)
//   cp .../javascript.mjs . && node javascript.mjs > FILE

import http from 'node:http';
import api from '@opentelemetry/api';
import exporters from '@opentelemetry/exporter-trace-otlp-http';
import resources from '@opentelemetry/resources';
import sdk from '@opentelemetry/sdk-trace-base';

const server = http.createServer((request, response) => {
  request.pipe(process.stdout);
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const url = `http://127.0.0.1:${server.address().port}/v1/traces`;
const spanProcessors = [new sdk.SimpleSpanProcessor(new exporters.OTLPTraceExporter({ url }))];
const attributes = { 'service.name': 'shop' };
const resource = resources.resourceFromAttributes?.(attributes) ?? new resources.Resource(attributes);
const provider = new sdk.BasicTracerProvider({ resource, spanProcessors });
spanProcessors.forEach((processor) => provider.addSpanProcessor?.(processor));

const span = provider.getTracer('lib', '1.0').startSpan('odd \ud800 name', {
  kind: api.SpanKind.SERVER,
  attributes: {
    nan: NaN,
    infinity: Infinity,
    'two to the 63rd': 2 ** 63,
    'minus two to the 63rd': -(2 ** 63),
    'two to the 53rd': 2 ** 53,
    large: 1e300,
    half: 0.5,
    surrogate: 'a\ud800b',
    pair: '\ud83d\ude00',
    nul: '\0',
    numbers: [1, 2.5, NaN, 2 ** 63],
    texts: ['a', null, undefined, '\udfff'],
  },
});
span.addEvent('event \ud800', { value: Infinity });
span.setStatus({ code: api.SpanStatusCode.ERROR, message: 'failed \udc00' });
span.end();
await provider.forceFlush();
await provider.shutdown();
server.close();
