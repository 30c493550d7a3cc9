//! What must be stored of the trace that `send.py` makes. Written by hand from that program and
//! the OTLP specification: times there are nanoseconds, here whole microseconds.

use serde_json::{Value, json};

pub const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// 1 700 000 000.123 456 789 s after the epoch.
const START: u64 = 1_700_000_000_123_456;

/// The schema URL of the shop's resource.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` of trace.proto; this SDK leaves out the sampled flag.
const LOCAL_PARENT: u32 = 0x100;
/// The same with `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`.
const REMOTE_PARENT: u32 = 0x300;

const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

pub fn expected() -> Value {
    json!({
        "traceId": TRACE_ID,
        // The root is in another process and was never sent: its child leads, as the earliest.
        "rootService": "shop",
        "rootOperation": "POST /checkout",
        "startTime": START,
        "duration": 400_000,
        "spanCount": 5,
        "serviceCount": 2,
        "services": ["mailer", "shop"],
        "hasErrors": true,
        "status": "ERROR",
        "orphanSpanCount": 1,
        "truncated": false,
        "spans": [checkout(), charge(), receipt(), crowded(), mail()],
    })
}

fn shop() -> Value {
    json!({
        "service.name": "shop",
        "service.namespace": "größe",
        "process.pid": 4711,
        "load": 0.75,
        "canary": false,
        "zones": ["a", "b"],
    })
}

fn scope(name: &str, version: &str) -> Value {
    json!({
        "name": name,
        "version": version,
        "schemaUrl": "",
        "attributes": {},
        "droppedAttributes": 0,
    })
}

fn web() -> Value {
    let mut web = scope("shop.web", "1.2.3");
    web["attributes"] = json!({ "team": "checkout" });
    web
}

fn checkout() -> Value {
    json!({
        "traceId": TRACE_ID,
        "spanId": "1000000000000001",
        "parentSpanId": "b7ad6b7169203331",
        "operationName": "POST /checkout",
        "serviceName": "shop",
        "kind": "SERVER",
        "startTime": START,
        "duration": 250_000,
        "status": { "code": "UNSET", "message": "" },
        "tags": every_type(),
        "events": [],
        "links": [],
        "resource": shop(),
        "resourceSchemaUrl": SCHEMA,
        "resourceDroppedAttributes": 0,
        "scope": web(),
        "traceState": STATE,
        "flags": REMOTE_PARENT,
        "droppedAttributes": 0,
        "droppedEvents": 0,
        "droppedLinks": 0,
    })
}

fn every_type() -> Value {
    let mut tags = json!({
        "http.request.method": "POST",
        "at.start": true,
        "text": "plain",
        "text.empty": "",
        "text.unicode": "grüße, 漢字, 🎉, e\u{301}",
        "text.control": "tab\t newline\n quote\" backslash\\ \u{1} nul\u{0} <&>",
        "text.long": "ab".repeat(2000),
        "schlüssel": "key",
        "yes": true,
        "no": false,
        "int": 42,
        "int.zero": 0,
        "int.min": i64::MIN,
        "int.max": i64::MAX,
        "int.beyond.double": 9_007_199_254_740_993_i64,
    });
    // In two parts: one is more than the macro takes.
    let more = json!({
        "double": 0.1,
        "double.whole": 3.0,
        "double.negative": -2.5e-300,
        // JSON has no such numbers; protobuf's JSON mapping writes them so.
        "double.nan": "NaN",
        "double.infinity": "Infinity",
        "double.minus.infinity": "-Infinity",
        // base64 (RFC 4648): 00 01 fe ff.
        "bytes": "AAH+/w==",
        "bytes.empty": "",
        "nothing": null,
        "texts": ["a", "", "ß"],
        "ints": [1, -1, 9_007_199_254_740_993_i64],
        "doubles": [0.5, 1.0],
        "bools": [true, false],
        "empty": [],
        "mixed": [1, "two", null, [3.5]],
        "map": { "nested": { "deep": [1, { "er": "x" }] }, "empty": {} },
    });
    tags.as_object_mut()
        .unwrap()
        .append(&mut more.as_object().unwrap().clone());
    tags
}

fn charge() -> Value {
    json!({
        "traceId": TRACE_ID,
        "spanId": "1000000000000002",
        "parentSpanId": "1000000000000001",
        "operationName": "charge",
        "serviceName": "shop",
        "kind": "CLIENT",
        "startTime": START + 10_000,
        "duration": 30_000,
        "status": { "code": "ERROR", "message": "card declined" },
        "tags": {},
        "events": [
            {
                // 456 789 ns + 999 ns: a microsecond more.
                "timestamp": START + 20_001,
                "name": "retry",
                "attributes": { "attempt": 2, "after": 0.25, "final": false, "hosts": ["a", "b"] },
                "droppedAttributes": 0,
            },
            {
                "timestamp": START + 30_000,
                "name": "exception",
                "attributes": {
                    "exception.type": "ValueError",
                    "exception.message": "card declined: №4",
                    "exception.stacktrace": "line 1\nline 2",
                    "exception.escaped": "True",
                },
                "droppedAttributes": 0,
            },
        ],
        "links": [],
        "resource": shop(),
        "resourceSchemaUrl": SCHEMA,
        "resourceDroppedAttributes": 0,
        "scope": web(),
        "traceState": STATE,
        "flags": LOCAL_PARENT,
        "droppedAttributes": 0,
        "droppedEvents": 0,
        "droppedLinks": 0,
    })
}

fn receipt() -> Value {
    json!({
        "traceId": TRACE_ID,
        "spanId": "1000000000000003",
        "parentSpanId": "1000000000000001",
        "operationName": "receipts publish",
        "serviceName": "shop",
        "kind": "PRODUCER",
        "startTime": START + 50_000,
        "duration": 0,
        "status": { "code": "UNSET", "message": "" },
        "tags": {},
        "events": [],
        "links": [
            {
                "traceId": "00000000000000000000000000001111",
                "spanId": "0000000000002222",
                // `v=1-2` was set: the exporters of this SDK do not send it.
                "traceState": "",
                "flags": REMOTE_PARENT,
                "attributes": { "why": "batch", "n": 7 },
                "droppedAttributes": 0,
            },
            {
                "traceId": TRACE_ID,
                "spanId": "b7ad6b7169203331",
                "traceState": "",
                "flags": LOCAL_PARENT,
                "attributes": {},
                "droppedAttributes": 0,
            },
        ],
        "resource": shop(),
        "resourceSchemaUrl": SCHEMA,
        "resourceDroppedAttributes": 0,
        "scope": web(),
        "traceState": STATE,
        "flags": LOCAL_PARENT,
        "droppedAttributes": 0,
        "droppedEvents": 0,
        "droppedLinks": 0,
    })
}

/// The SDK keeps the newest 32 attributes of 34, the newest 2 events of 3 and links of 3.
fn crowded() -> Value {
    let tags: serde_json::Map<_, _> = (2..34)
        .map(|number| (format!("n{number:02}"), json!(number)))
        .collect();
    let event = |name| json!({ "timestamp": START + 61_000, "name": name, "attributes": {}, "droppedAttributes": 0 });
    let link = |number: u64| {
        json!({
            "traceId": format!("{number:032x}"),
            "spanId": format!("{number:016x}"),
            "traceState": "",
            "flags": REMOTE_PARENT,
            "attributes": {},
            "droppedAttributes": 0,
        })
    };
    json!({
        "traceId": TRACE_ID,
        "spanId": "1000000000000004",
        "parentSpanId": "1000000000000001",
        "operationName": "crowded",
        "serviceName": "shop",
        "kind": "INTERNAL",
        "startTime": START + 60_000,
        "duration": 10_000,
        "status": { "code": "OK", "message": "" },
        "tags": tags,
        "events": [event("second"), event("third")],
        "links": [link(2), link(3)],
        "resource": shop(),
        "resourceSchemaUrl": SCHEMA,
        "resourceDroppedAttributes": 0,
        "scope": scope("shop.limits", ""),
        "traceState": STATE,
        "flags": LOCAL_PARENT,
        "droppedAttributes": 2,
        "droppedEvents": 1,
        "droppedLinks": 1,
    })
}

fn mail() -> Value {
    json!({
        "traceId": TRACE_ID,
        "spanId": "1000000000000005",
        "parentSpanId": "1000000000000003",
        "operationName": "письмо 漢字 🎉",
        "serviceName": "mailer",
        "kind": "CONSUMER",
        "startTime": START + 80_000,
        "duration": 320_000,
        "status": { "code": "UNSET", "message": "" },
        "tags": {},
        "events": [],
        "links": [],
        "resource": { "service.name": "mailer" },
        "resourceSchemaUrl": "",
        "resourceDroppedAttributes": 0,
        "scope": scope("mailer", "0.1"),
        "traceState": STATE,
        "flags": LOCAL_PARENT,
        "droppedAttributes": 0,
        "droppedEvents": 0,
        "droppedLinks": 0,
    })
}
