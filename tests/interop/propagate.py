"""Reads and writes headers with the propagators of OpenTelemetry Python.

Answers each line of JSON on standard input with one on standard output:

{"extract": headers, "format": name} with the context
{"inject": context, "format": name} with the headers
{"relay": headers, "format": name} with the headers after one hop

Headers are a map of lists. A context has the ids in hex, the flags as a number, `tracestate` as it
stands in the header, and baggage as a map. Without a span, ids are zero.
"""

import json
import sys

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.cloud_trace_propagator import CloudTraceFormatPropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.propagators.ot_trace import OTTracePropagator
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATORS = {
    "b3": B3SingleFormat(),
    "b3multi": B3MultiFormat(),
    "baggage": W3CBaggagePropagator(),
    "gcp": CloudTraceFormatPropagator(),
    "jaeger": JaegerPropagator(),
    "ottrace": OTTracePropagator(),
    "tracecontext": TraceContextTextMapPropagator(),
    "xray": AwsXRayPropagator(),
}


class Headers(Getter, Setter):
    """As those of the HTTP servers and clients: names have no case, and may come again."""

    def get(self, carrier, key):
        values = [carrier[name] for name in carrier if name.lower() == key.lower()]
        return [value for list_ in values for value in list_] or None

    def keys(self, carrier):
        return list(carrier)

    def set(self, carrier, key, value):
        carrier[key] = [value]


HEADERS = Headers()


def extract(propagator, headers):
    return propagator.extract(headers, Context(), HEADERS)


def inject(propagator, context):
    headers = {}
    propagator.inject(headers, context, HEADERS)
    return headers


def describe(context):
    span = trace.get_current_span(context).get_span_context()
    return {
        "trace_id": trace.format_trace_id(span.trace_id),
        "span_id": trace.format_span_id(span.span_id),
        "flags": span.trace_flags,
        "state": span.trace_state.to_header(),
        "baggage": dict(baggage.get_all(context)),
    }


def make(described):
    span = SpanContext(
        int(described["trace_id"], 16),
        int(described["span_id"], 16),
        is_remote=False,
        trace_flags=TraceFlags(described["flags"]),
        trace_state=TraceState.from_header([described["state"]]),
    )
    context = trace.set_span_in_context(trace.NonRecordingSpan(span), Context())
    for key, value in described["baggage"].items():
        context = baggage.set_baggage(key, value, context)
    return context


def answer(question):
    propagator = PROPAGATORS[question["format"]]
    if "extract" in question:
        return describe(extract(propagator, question["extract"]))
    if "inject" in question:
        return inject(propagator, make(question["inject"]))
    return inject(propagator, extract(propagator, question["relay"]))


def main():
    for line in sys.stdin.buffer:
        print(json.dumps(answer(json.loads(line))))


main()
