"""Makes one fixed trace with the OpenTelemetry SDK and sends it to a collector.

usage: send.py grpc|http/protobuf|http/json ENDPOINT none|gzip

Ids and times are fixed; `expected.rs` says by hand what must be stored.
"""

import itertools
import sys

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
START = 1_700_000_000_123_456_789
MILLI = 1_000_000


class Counted(IdGenerator):
    """Span ids in the order in which the spans start."""

    ids = itertools.count(0x1000_0000_0000_0001)

    def generate_span_id(self):
        return next(self.ids)

    def generate_trace_id(self):
        raise AssertionError("every span has a parent")


def exporter(protocol, endpoint, compression):
    if protocol == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        codes = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
        return OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=codes[compression])
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.common.http import Compression
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter(endpoint=endpoint, compression=Compression(compression))


def provider(resource, sender):
    limits = SpanLimits(max_span_attributes=32, max_events=2, max_links=2)
    made = TracerProvider(
        resource=resource, id_generator=Counted(), span_limits=limits, shutdown_on_exit=False
    )
    made.add_span_processor(BatchSpanProcessor(sender))
    return made


def foreign(trace_id, span_id, state, remote=True):
    return SpanContext(
        trace_id, span_id, is_remote=remote, trace_flags=TraceFlags(1), trace_state=TraceState(state)
    )


def inside(span):
    return trace.set_span_in_context(span, context.Context())


def checkout(tracer):
    """Every type of attribute, under a parent in another process."""
    caller = foreign(
        TRACE_ID, 0xB7AD6B7169203331, [("rojo", "00f067aa0ba902b7"), ("congo", "t61rcWkgMzE")]
    )
    span = tracer.start_span(
        "POST /checkout",
        context=inside(trace.NonRecordingSpan(caller)),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": "POST", "at.start": True},
        start_time=START,
    )
    span.set_attributes(
        {
            "text": "plain",
            "text.empty": "",
            "text.unicode": "grüße, 漢字, 🎉, e\u0301",
            "text.control": "tab\t newline\n quote\" backslash\\ \u0001 nul\u0000 <&>",
            "text.long": "ab" * 2000,
            "schlüssel": "key",
            "yes": True,
            "no": False,
            "int": 42,
            "int.zero": 0,
            "int.min": -(2**63),
            "int.max": 2**63 - 1,
            "int.beyond.double": 2**53 + 1,
            "double": 0.1,
            "double.whole": 3.0,
            "double.negative": -2.5e-300,
            "double.nan": float("nan"),
            "double.infinity": float("inf"),
            "double.minus.infinity": float("-inf"),
            "bytes": bytes([0, 1, 0xFE, 0xFF]),
            "bytes.empty": b"",
            "nothing": None,
            "texts": ["a", "", "ß"],
            "ints": [1, -1, 2**53 + 1],
            "doubles": [0.5, 1.0],
            "bools": [True, False],
            "empty": [],
            "mixed": [1, "two", None, [3.5]],
            "map": {"nested": {"deep": [1, {"er": "x"}]}, "empty": {}},
        }
    )
    return span


def charge(tracer, parent):
    """Fails with an exception."""
    span = tracer.start_span(
        "charge", context=inside(parent), kind=SpanKind.CLIENT, start_time=START + 10 * MILLI
    )
    span.add_event(
        "retry",
        attributes={"attempt": 2, "after": 0.25, "final": False, "hosts": ["a", "b"]},
        timestamp=START + 20 * MILLI + 999,
    )
    span.record_exception(
        ValueError("card declined: №4"),
        attributes={"exception.stacktrace": "line 1\nline 2"},
        timestamp=START + 30 * MILLI,
        escaped=True,
    )
    span.set_status(Status(StatusCode.ERROR, "card declined"))
    span.end(START + 40 * MILLI + 999)


def receipt(tracer, parent):
    """A message: producer, and a link to a span of another trace."""
    span = tracer.start_span(
        "receipts publish",
        context=inside(parent),
        kind=SpanKind.PRODUCER,
        links=[
            Link(foreign(0x1111, 0x2222, [("v", "1-2")]), {"why": "batch", "n": 7}),
            Link(foreign(TRACE_ID, 0xB7AD6B7169203331, [], remote=False)),
        ],
        start_time=START + 50 * MILLI,
    )
    span.end(START + 50 * MILLI)
    return span


def crowded(tracer, parent):
    """Over each limit of the SDK: two attributes, one event and one link too many."""
    span = tracer.start_span(
        "crowded",
        context=inside(parent),
        links=[Link(foreign(n, n, [])) for n in (1, 2, 3)],
        start_time=START + 60 * MILLI,
    )
    for number in range(34):
        span.set_attribute(f"n{number:02}", number)
    for name in ("first", "second", "third"):
        span.add_event(name, timestamp=START + 61 * MILLI)
    span.set_status(Status(StatusCode.OK))
    span.end(START + 70 * MILLI)


def send(sender):
    shop = provider(
        Resource(
            {
                "service.name": "shop",
                "service.namespace": "größe",
                "process.pid": 4711,
                "load": 0.75,
                "canary": False,
                "zones": ["a", "b"],
            },
            schema_url="https://opentelemetry.io/schemas/1.37.0",
        ),
        sender,
    )
    mailer = provider(Resource({"service.name": "mailer"}), sender)
    web = shop.get_tracer("shop.web", "1.2.3", attributes={"team": "checkout"})

    root = checkout(web)
    charge(web, root)
    sent = receipt(web, root)
    crowded(shop.get_tracer("shop.limits"), root)
    received = mailer.get_tracer("mailer", "0.1").start_span(
        "receipts process",
        context=inside(trace.NonRecordingSpan(sent.get_span_context())),
        kind=SpanKind.CONSUMER,
        start_time=START + 80 * MILLI,
    )
    received.update_name("письмо 漢字 🎉")
    received.end(START + 400 * MILLI)
    root.end(START + 250 * MILLI + 1)
    return all([one.force_flush(20_000) for one in (shop, mailer)])


def main():
    protocol, endpoint, compression = sys.argv[1:]
    sys.exit(0 if send(exporter(protocol, endpoint, compression)) else 1)


main()
