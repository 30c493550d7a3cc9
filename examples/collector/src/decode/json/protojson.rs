//! The rules of ProtoJSON (<https://protobuf.dev/programming-guides/json/>) on whole requests. What
//! a case must give is written by hand from them.

use super::*;
use crate::decode::json::tests::{one_span, request, with_ids};
use crate::model::{Attribute, Attributes, Value};

/// The span and counts of a request with one span.
#[track_caller]
fn span_of(fields: &str) -> (Span, Counts) {
    let decoded = decode(with_ids(fields).as_bytes()).unwrap();
    assert_eq!(decoded.counts.received, 1);
    (decoded.groups[0].spans[0].clone(), decoded.counts)
}

/// The attribute `k` with this value, and what could not be read of it.
#[track_caller]
fn value_of(json: &str) -> (Option<Value>, Counts) {
    let (span, counts) = span_of(&format!(r#","attributes":[{{"key":"k","value":{json}}}]"#));
    assert_eq!(
        span.attributes.items.len() + span.attributes.dropped as usize,
        1
    );
    let value = span.attributes.items.into_iter().next();
    (value.map(|attribute| attribute.value), counts)
}

// "null is valid for any field and leaves the field unset."
#[test]
fn null_is_as_if_the_member_were_not_there() {
    let null = |names: &[&str]| {
        let members = names.iter().map(|name| format!(r#""{name}":null"#));
        members.collect::<Vec<_>>().join(",")
    };
    let any = null(&[
        "stringValue",
        "boolValue",
        "intValue",
        "doubleValue",
        "arrayValue",
        "kvlistValue",
        "bytesValue",
    ]);
    let attributes = format!(
        r#""attributes":[{{"key":"k","value":null}},{{"key":null,"value":{{{any}}}}},
        {{"key":"a","value":{{"arrayValue":{{"values":null}}}}}},
        {{"key":"m","value":{{"kvlistValue":{{"values":[{{"key":"n","value":null}}]}}}}}},
        {{"key":"l","value":{{"arrayValue":{{"values":[{{{any}}},null]}}}}}}]"#
    );
    let event = null(&[
        "timeUnixNano",
        "name",
        "attributes",
        "droppedAttributesCount",
    ]);
    let link = null(&[
        "traceState",
        "attributes",
        "droppedAttributesCount",
        "flags",
    ]);
    let id = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;
    let span = null(&[
        "parentSpanId",
        "traceState",
        "flags",
        "name",
        "kind",
        "droppedAttributesCount",
        "droppedEventsCount",
        "droppedLinksCount",
    ]);
    let status = null(&["code", "message"]);
    let span = format!(
        r#"{{{id},"startTimeUnixNano":10,"endTimeUnixNano":20,{span},{attributes},
        "events":[{{{event}}}],"links":[{{{id},{link}}}],"status":{{{status}}}}}"#
    );
    let scope = null(&["name", "version", "attributes", "droppedAttributesCount"]);
    let resource = null(&["attributes", "droppedAttributesCount"]);
    let json = format!(
        r#"{{"resourceSpans":[{{"resource":{{{resource}}},"schemaUrl":null,"scopeSpans":[
        {{"scope":{{{scope}}},"schemaUrl":null,"spans":[{span}]}},{{"scope":null,"spans":null}}]}},
        {{"resource":null,"scopeSpans":null}}]}}"#
    );
    let decoded = decode(json.as_bytes()).unwrap();
    let attribute = |key: &str, value| Attribute {
        key: key.into(),
        value,
    };
    let expected = Span {
        trace_id: [1; 16],
        span_id: [2; 8],
        start_nanos: 10,
        end_nanos: 20,
        attributes: Attributes {
            items: vec![
                attribute("k", Value::Null),
                attribute("", Value::Null),
                attribute("a", Value::Array(vec![])),
                attribute("m", Value::Map(vec![attribute("n", Value::Null)])),
                attribute("l", Value::Array(vec![Value::Null, Value::Null])),
            ],
            dropped: 0,
        },
        events: vec![Event::default()],
        links: vec![Link {
            trace_id: [1; 16],
            span_id: [2; 8],
            ..Link::default()
        }],
        ..Span::default()
    };
    assert_eq!(decoded.groups[0].spans, [expected]);
    assert_eq!(*decoded.groups[0].resource, Resource::default());
    assert_eq!(*decoded.groups[0].scope, Scope::default());
    let counts = Counts {
        received: 1,
        ..Counts::default()
    };
    assert_eq!(decoded.counts, counts);
    for list in ["events", "links", "attributes", "status"] {
        assert_eq!(span_of(&format!(r#","{list}":null"#)).1, counts, "{list}");
    }
}

// "Parsers should accept the same field being duplicated, and the last value provided should be
// retained." Of a oneof the same holds; a null is no value (OneofFieldNullSecond of the conformance
// suite).
#[test]
fn of_repeated_members_the_last_one_counts() {
    let (span, counts) = span_of(
        r#","name":"a","name":"b","name":null,"kind":1,"kind":3,"endTimeUnixNano":30,
        "status":{"code":2,"message":"m"},"status":{"code":1},
        "attributes":[{"key":"x"},{"key":"y"}],
        "attributes":[{"key":"k","key":"l","value":{"intValue":1},"value":{"boolValue":true}}],
        "events":[{"name":"e"}],"events":[{"name":"f"}],
        "links":[{}],"links":[]"#,
    );
    assert_eq!((span.name.as_str(), span.kind.as_str()), ("b", "CLIENT"));
    assert_eq!((span.end_nanos, span.status), (30, Status::Ok));
    assert_eq!(span.status_message, "");
    let [attribute] = span.attributes.items.as_slice() else {
        panic!("{span:?}")
    };
    assert_eq!(
        (attribute.key.as_str(), &attribute.value),
        ("l", &Value::Bool(true))
    );
    assert_eq!(span.events[0].name, "f");
    // The contents of the first lists are counted as dropped.
    assert_eq!((span.attributes.dropped, span.dropped_events), (2, 1));
    assert_eq!(counts.dropped, 4);

    for json in [
        r#"{"intValue":1,"stringValue":"s"}"#,
        r#"{"stringValue":"s","intValue":null}"#,
        r#"{"stringValue":"r","stringValue":"s"}"#,
    ] {
        assert_eq!(value_of(json).0, Some(Value::String("s".into())), "{json}");
    }
    let twice = r#"{"arrayValue":{"values":[{"intValue":1}],"values":[{"intValue":2}]}}"#;
    assert_eq!(value_of(twice).0, Some(Value::Array(vec![Value::Int(2)])));
}

/// The spans of a list that is there a second time are rejected, at each of the three levels.
#[test]
fn spans_of_repeated_lists_are_counted() {
    let span = |id: u8| {
        format!(
            r#"{{"traceId":"01010101010101010101010101010101","spanId":"{id:016x}",
            "startTimeUnixNano":1,"endTimeUnixNano":1}}"#
        )
    };
    let spans = |ids: &[u8]| {
        let spans: Vec<_> = ids.iter().map(|id| span(*id)).collect();
        format!(r#""spans":[{}]"#, spans.join(","))
    };
    let scopes = |inner: &str| format!(r#""scopeSpans":[{{{inner}}}]"#);
    let whole = |inner: &str| format!(r#""resourceSpans":[{{{inner}}}]"#);
    let (first, second) = (spans(&[1, 2]), spans(&[3]));
    let all = |inner: &str| whole(&scopes(inner));
    for json in [
        all(&format!("{first},{second}")),
        whole(&format!("{},{}", scopes(&first), scopes(&second))),
        format!("{},{}", all(&first), all(&second)),
    ] {
        let decoded = decode(format!("{{{json}}}").as_bytes()).unwrap();
        let kept: Vec<_> = decoded
            .groups
            .iter()
            .flat_map(|group| &group.spans)
            .collect();
        assert_eq!(kept.len(), 1, "{json}");
        assert_eq!(kept[0].span_id[7], 3);
        let expected = Counts {
            received: 3,
            repeated_spans: 2,
            ..Counts::default()
        };
        assert_eq!(decoded.counts, expected);
        assert_eq!(decoded.counts.message(), "2 in a list that was sent twice");
    }
}

// "Exponent notation (such as 1e2) is accepted in both quoted and unquoted forms", "1.0 is valid
// for an int32 field", "parsers accept both enum names and integer values".
#[test]
fn numbers_and_enums_are_read_in_every_spelling() {
    for number in [
        "100",
        "1e2",
        "100.0",
        r#""1e2""#,
        r#""100""#,
        r#""1.00E+2""#,
    ] {
        let (span, counts) = span_of(&format!(
            r#","endTimeUnixNano":{number},"flags":{number},"droppedLinksCount":{number},
            "attributes":[{{"key":"k","value":{{"intValue":{number}}}}}]"#
        ));
        assert_eq!(
            (span.end_nanos, span.flags, span.dropped_links),
            (100, 100, 100)
        );
        assert_eq!(span.attributes.items[0].value, Value::Int(100));
        assert_eq!(counts.unreadable, 0, "{number}");
    }
    for kind in ["3", "3.0", r#""3""#, r#""SPAN_KIND_CLIENT""#] {
        for code in ["2", "2.0", r#""STATUS_CODE_ERROR""#] {
            let (span, counts) = span_of(&format!(r#","kind":{kind},"status":{{"code":{code}}}"#));
            assert_eq!((span.kind.as_str(), span.status), ("CLIENT", Status::Error));
            assert_eq!(counts.unreadable, 0);
        }
    }
    // A number of a later version cannot be kept.
    assert_eq!(span_of(r#","kind":9"#).1.unreadable, 1);
}

#[test]
fn a_field_that_cannot_be_read_costs_itself_alone() {
    for (field, values) in [
        ("name", &["1", "true", "{}", "[]"][..]),
        ("traceState", &["1"]),
        (
            "flags",
            &["-1", "4294967296", "1.5", r#""""#, r#""x""#, "true", "{}"],
        ),
        ("kind", &["2.5", r#""CLIENT""#, "true", "1e300", "[1]"]),
        ("status", &["1", r#""OK""#, "[]"]),
        ("attributes", &["{}", "1", r#""x""#]),
        ("events", &["{}", "true"]),
        ("links", &["{}", "0"]),
        ("droppedEventsCount", &[r#""many""#, "-0.5", "1e10"]),
    ] {
        for value in values {
            let (span, counts) = span_of(&format!(r#","{field}":{value}"#));
            assert_eq!(span, one_span(&with_ids("")), "{field}: {value}");
            let expected = Counts {
                received: 1,
                unreadable: 1,
                first_unreadable: Some(field),
                ..Counts::default()
            };
            assert_eq!(counts, expected, "{field}: {value}");
        }
    }
    let (span, counts) = span_of(
        r#","events":[1,null,{"name":5,"timeUnixNano":"t"},{"name":"e"}],
        "links":[null,"x"],"attributes":[7,null,{"key":1},{"key":"k","value":{"intValue":1}}]"#,
    );
    assert_eq!((span.events.len(), span.dropped_events), (2, 2));
    assert_eq!(span.events[1].name, "e");
    assert_eq!((span.links.len(), span.dropped_links), (0, 2));
    assert_eq!(
        (span.attributes.items.len(), span.attributes.dropped),
        (1, 3)
    );
    assert_eq!((counts.unreadable, counts.dropped), (9, 7));
}

#[test]
fn times_and_elements_that_cannot_be_read_cost_their_span() {
    let good = r#"{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202","startTimeUnixNano":"1","endTimeUnixNano":"1"}"#;
    let start = |value: &str| good.replacen(r#""1""#, value, 1);
    let parent = |value: &str| {
        good.replacen(
            r#""spanId""#,
            &format!(r#""parentSpanId":{value},"spanId""#),
            1,
        )
    };
    let id = |value: &str| good.replacen(r#""0202020202020202""#, value, 1);
    let spans = [
        good.to_owned(),
        start("-1"),
        start(r#""soon""#),
        start("1.5"),
        start("18446744073709551616"),
        parent("5"),
        parent("{}"),
        id("5"),
        "null".into(),
        "[]".into(),
        "5".into(),
    ];
    let decoded = decode(request(&spans.join(",")).as_bytes()).unwrap();
    assert_eq!(decoded.groups[0].spans.len(), 1);
    let expected = Counts {
        received: 11,
        invalid_time: 4,
        invalid_parent_id: 2,
        invalid_span_id: 1,
        unreadable_spans: 3,
        unreadable: 4,
        first_unreadable: Some("startTimeUnixNano"),
        ..Counts::default()
    };
    assert_eq!(decoded.counts, expected);
    assert_eq!(decoded.counts.rejected(), 10);
}

#[test]
fn a_value_that_cannot_be_read_costs_its_attribute_alone() {
    for json in [
        r#"{"stringValue":1}"#,
        r#"{"boolValue":"true"}"#,
        r#"{"boolValue":1}"#,
        r#"{"intValue":"x"}"#,
        r#"{"intValue":""}"#,
        r#"{"intValue":1e400}"#,
        r#"{"intValue":"NaN"}"#,
        r#"{"doubleValue":1e400}"#,
        r#"{"doubleValue":"inf"}"#,
        r#"{"bytesValue":"A"}"#,
        r#"{"bytesValue":[1,2]}"#,
        r#"{"arrayValue":[]}"#,
        r#"{"arrayValue":{"values":{}}}"#,
        r#"{"arrayValue":{"values":[{"intValue":1},2]}}"#,
        r#"{"kvlistValue":{"values":[null]}}"#,
        r#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":{}}}]}}"#,
        r#""plain""#,
        "5",
        "[]",
    ] {
        let (value, counts) = value_of(json);
        assert_eq!(
            (value, counts.unreadable, counts.dropped),
            (None, 1, 1),
            "{json}"
        );
        assert_eq!(counts.rejected(), 0);
    }
}

// The texts that JSON.stringify makes of JavaScript's integers beyond 64 bits.
#[test]
fn numbers_beyond_64_bit_integers_are_kept_as_doubles() {
    for (json, expected) in [
        (
            r#"{"intValue":9223372036854776000}"#,
            9_223_372_036_854_775_808.0,
        ),
        (
            r#"{"intValue":-9223372036854776000}"#,
            -9_223_372_036_854_775_808.0,
        ),
        (
            r#"{"intValue":"9223372036854775808"}"#,
            9_223_372_036_854_775_808.0,
        ),
        (r#"{"intValue":1e+300}"#, 1e300),
        (r#"{"intValue":1.5}"#, 1.5),
    ] {
        let (value, counts) = value_of(json);
        assert_eq!(value, Some(Value::Double(expected)), "{json}");
        assert_eq!((counts.as_double, counts.unreadable), (1, 0), "{json}");
    }
}

#[test]
fn text_that_is_not_unicode_is_kept_and_counted() {
    let (span, counts) = span_of(
        r#","name":"n\ud800","status":{"message":"\udc00m"},
        "events":[{"name":"e\ud83d\ude00"}],
        "attributes":[{"key":"k\udfff","value":{"stringValue":"a\ud800b"}},
        {"key":"l","value":{"arrayValue":{"values":[{"stringValue":"\ud800"},{"stringValue":"\ud800"}]}}}],
        "unknown\ud800":"\ud800""#,
    );
    assert_eq!(
        (span.name.as_str(), span.status_message.as_str()),
        ("n\u{fffd}", "\u{fffd}m")
    );
    assert_eq!(span.events[0].name, "e\u{1f600}");
    let attribute = &span.attributes.items[0];
    assert_eq!(attribute.key, "k\u{fffd}");
    assert_eq!(attribute.value, Value::String("a\u{fffd}b".into()));
    assert_eq!((counts.replaced, counts.unreadable), (6, 0));
}
