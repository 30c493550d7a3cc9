//! Where OpenTelemetry Python leaves the specifications of propagation, in what ours sends it and
//! reads of it. A failure here means that it was mended: change the expectation.

use serde_json::{Value, json};

use crate::propagation::{
    Carried, Headers, SPAN, TRACE, ask, baggage, carried, context, received, sent,
};

/// Headers that ours sends, or refrains from sending, and what Python takes them for.
#[test]
fn headers_that_python_takes_for_something_else() {
    let ids = format!("{TRACE}-{SPAN}");
    let span = |flags| json!(Carried { flags, ..made() });
    let baggage = |members: &[(&str, &str)]| {
        json!({
            "trace_id": "0".repeat(32), "span_id": "0".repeat(16), "flags": 0, "state": "",
            "baggage": baggage(members),
        })
    };
    let several = |more: Value| {
        let mut headers = json!({ "x-b3-traceid": [TRACE], "x-b3-spanid": [SPAN] });
        let more = more.as_object().unwrap().clone();
        headers.as_object_mut().unwrap().extend(more);
        headers
    };
    let xray = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7";
    let lineage = format!("{xray};Sampled=1;Lineage=32767:e65a2c4d:255");
    let headers = Headers::from([("x-amzn-trace-id".to_owned(), vec![lineage.clone()])]);
    assert_eq!(sent("xray", &received("xray", &headers)), headers);
    let traceparent = format!("00-{ids}-01");
    let pinned = [
        // B3, "Sampling State": absence leaves the decision to the receiver, who here takes it to be
        // "sampled" in one encoding and "not sampled" in the other.
        ("b3", "extract", json!({ "b3": [ids] }), span(1)),
        ("b3multi", "extract", several(json!({})), span(0)),
        // The same section: a state can come alone, and stays the same downstream.
        ("b3", "relay", json!({ "b3": ["0"] }), json!({})),
        // OpenTelemetry, "B3 Extract": a debug flag must be kept.
        (
            "b3",
            "relay",
            json!({ "b3": [format!("{ids}-d")] }),
            json!({ "b3": [format!("{ids}-1")] }),
        ),
        (
            "b3multi",
            "relay",
            several(json!({ "x-b3-flags": ["1"] })),
            several(json!({ "x-b3-sampled": ["1"] })),
        ),
        // AWS: `?` is a decision that is open. The whole header is refused, so ours sends none.
        (
            "xray",
            "extract",
            json!({ "x-amzn-trace-id": [format!("{xray};Sampled=?")] }),
            baggage(&[]),
        ),
        (
            "xray",
            "extract",
            json!({ "x-amzn-trace-id": [xray] }),
            span(0),
        ),
        // Lambda counts by `Lineage` how often functions call each other. Python reads what stands
        // beside it and loses it; ours sends it on, as the propagator for Java does.
        (
            "xray",
            "extract",
            json!({ "x-amzn-trace-id": [lineage] }),
            span(1),
        ),
        (
            "xray",
            "relay",
            json!({ "x-amzn-trace-id": [lineage] }),
            json!({ "X-Amzn-Trace-Id": [format!("{xray};Sampled=1")] }),
        ),
        // W3C Trace Context Level 2, section 3.3.1.3.1: a key may begin with a digit.
        (
            "tracecontext",
            "extract",
            json!({ "traceparent": [traceparent], "tracestate": ["1a=1,b=2"] }),
            span(1),
        ),
        // W3C Baggage, section 3.3.1: properties are no part of the value; a `+` is one.
        (
            "baggage",
            "extract",
            json!({ "baggage": ["a=1;ttl=60,b=1+1,c=a%20b"] }),
            baggage(&[("a", "1;ttl=60"), ("b", "1 1"), ("c", "a b")]),
        ),
        // Section 3.2: several headers are one list.
        (
            "baggage",
            "extract",
            json!({ "baggage": ["a=1", "b=2"] }),
            baggage(&[("a", "1")]),
        ),
    ];
    let questions = pinned.iter();
    let questions =
        questions.map(|(format, verb, asked, _)| json!({ "format": format, *verb: asked }));
    let questions: Vec<_> = questions.collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    for ((question, answer), (.., expected)) in questions.iter().zip(&answers).zip(&pinned) {
        assert_eq!(answer, expected, "{question}");
    }
}

/// W3C Baggage, section 3.3.1, has percent-encoding, Python that of HTML forms.
///
/// OT Trace has values as they are, in what comes nearest to a specification of it, the README of
/// this Python package, and there both agree. What a header has no place for ours encodes, and what
/// would be read as an escape with it; Python decodes neither. Itself it leaves out what it finds no
/// header for, names with a `-` among it (which RFC 9110, section 5.6.2, allows), and ours what came
/// beyond ASCII.
#[test]
fn a_space_in_baggage_and_what_ot_trace_cannot_hold_arrive_changed() {
    let given = [
        ("a", "x y"),
        ("b", "é"),
        ("c", "漢"),
        ("d-e", "1"),
        ("f", "%41"),
    ];
    let made = Carried {
        baggage: baggage(&given),
        ..made()
    };
    let from_ours = |format| json!({ "format": format, "extract": sent(format, &context(&made)) });
    let questions = [
        json!({ "format": "baggage", "inject": made }),
        json!({ "format": "ottrace", "inject": made }),
        from_ours("baggage"),
        from_ours("ottrace"),
    ];
    let Some(answers) = ask(&questions) else {
        return;
    };
    let from_python = |format, answer: &Value| {
        let headers: Headers = serde_json::from_value(answer.clone()).unwrap();
        carried(&received(format, &headers)).baggage
    };
    let in_python = |answer: &Value| {
        serde_json::from_value::<Carried>(answer.clone())
            .unwrap()
            .baggage
    };
    let expected = [
        ("a", "x+y"),
        ("b", "é"),
        ("c", "漢"),
        ("d-e", "1"),
        ("f", "%41"),
    ];
    assert_eq!(from_python("baggage", &answers[0]), baggage(&expected));
    assert_eq!(
        from_python("ottrace", &answers[1]),
        baggage(&[("a", "x y"), ("f", "A")])
    );
    assert_eq!(in_python(&answers[2]), made.baggage);
    let encoded = [
        ("a", "x y"),
        ("b", "%C3%A9"),
        ("c", "%E6%BC%A2"),
        ("d-e", "1"),
        ("f", "%2541"),
    ];
    assert_eq!(in_python(&answers[3]), baggage(&encoded));
}

fn made() -> Carried {
    Carried {
        trace_id: TRACE.to_owned(),
        span_id: SPAN.to_owned(),
        ..Carried::default()
    }
}
