use super::*;
use crate::decode::validate::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NODES, MAX_TEXT_BYTES};
use crate::model::{Kind, Value};

// examples/trace.json of opentelemetry-proto 1.x, whose ids are upper-case hex.
const PUBLISHED: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",
"value":{"stringValue":"my.service"}}]},"scopeSpans":[{"scope":{"name":"my.library","version":"1.0.0",
"attributes":[{"key":"my.scope.attribute","value":{"stringValue":"some scope attribute"}}]},"spans":[
{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
"parentSpanId":"EEE19B7EC3C1B173","name":"I'm a server span","startTimeUnixNano":"1544712660000000000",
"endTimeUnixNano":"1544712661000000000","kind":2,"attributes":[{"key":"my.span.attr",
"value":{"stringValue":"some value"}}]}]}]}]}"#;

pub(super) fn request(span: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
}

pub(super) fn with_ids(fields: &str) -> String {
    request(&format!(
        r#"{{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202",
        "startTimeUnixNano":10,"endTimeUnixNano":20{fields}}}"#
    ))
}

#[track_caller]
pub(super) fn one_span(json: &str) -> Span {
    let decoded = decode(json.as_bytes()).unwrap();
    assert_eq!(decoded.counts.received, 1);
    decoded.groups[0].spans[0].clone()
}

#[track_caller]
fn value(json: &str) -> Value {
    let span = one_span(&with_ids(&format!(
        r#","attributes":[{{"key":"k","value":{json}}}]"#
    )));
    span.attributes.items[0].value.clone()
}

#[test]
fn the_published_example_reads_whole() {
    let decoded = decode(PUBLISHED.as_bytes()).unwrap();
    let group = &decoded.groups[0];
    assert_eq!(group.resource.service_name(), "my.service");
    assert_eq!(
        (group.scope.name.as_str(), group.scope.version.as_str()),
        ("my.library", "1.0.0")
    );
    let span = &group.spans[0];
    assert_eq!(span.trace_id[..3], [0x5b, 0x8e, 0xff]);
    assert_eq!(
        span.parent,
        Some([0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x73])
    );
    assert_eq!(span.start_nanos, 1_544_712_660_000_000_000);
    assert_eq!(span.kind, Kind::from_number(2));
    assert_eq!(
        span.attributes.items[0].value,
        Value::String("some value".into())
    );
}

#[test]
fn values_read_as_the_json_mapping_has_them() {
    assert_eq!(
        value(r#"{"intValue":"-9223372036854775808"}"#),
        Value::Int(i64::MIN)
    );
    assert_eq!(value(r#"{"intValue":7}"#), Value::Int(7));
    assert_eq!(value(r#"{"doubleValue":1}"#), Value::Double(1.0));
    assert_eq!(
        value(r#"{"doubleValue":"-Infinity"}"#),
        Value::Double(f64::NEG_INFINITY)
    );
    assert_eq!(
        value(r#"{"boolValue":true,"unknown":[{}]}"#),
        Value::Bool(true)
    );
    assert_eq!(
        value(r#"{"bytesValue":"/+8="}"#),
        Value::Bytes(vec![0xff, 0xef])
    );
    assert_eq!(
        value(r#"{"bytesValue":"_-8="}"#),
        Value::Bytes(vec![0xff, 0xef])
    );
    assert_eq!(value("{}"), Value::Null);
    assert_eq!(value("null"), Value::Null);
    let list = r#"{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"b"}]}}"#;
    assert_eq!(
        value(list),
        Value::Array(vec![Value::Int(1), Value::String("b".into())])
    );
    let map = r#"{"kvlistValue":{"values":[{"key":"a","value":{"boolValue":false}}]}}"#;
    let Value::Map(entries) = value(map) else {
        panic!("not a map")
    };
    assert_eq!(
        (entries[0].key.as_str(), &entries[0].value),
        ("a", &Value::Bool(false))
    );
}

// ProtoJSON, "Parsers accept both the lowerCamelCase name ... and the original proto field name".
// Names of opentelemetry/proto/trace/v1/trace.proto and common.proto.
#[test]
fn names_of_the_proto_files_are_taken_too() {
    let camel = r#"{"resourceSpans":[{"schemaUrl":"r","resource":{"droppedAttributesCount":1},
        "scopeSpans":[{"schemaUrl":"s","spans":[{"traceId":"01010101010101010101010101010101",
        "spanId":"0202020202020202","parentSpanId":"0303030303030303","traceState":"a=b",
        "startTimeUnixNano":10,"endTimeUnixNano":20,"droppedEventsCount":2,"droppedLinksCount":3,
        "attributes":[{"key":"k","value":{"stringValue":"v"}},
        {"key":"l","value":{"kvlistValue":{"values":[{"key":"n","value":{"intValue":1}}]}}}],
        "events":[{"timeUnixNano":5}],"links":[{"traceId":"01010101010101010101010101010101",
        "spanId":"0202020202020202"}]}]}]}]}"#;
    // A capital letter within a name, which no value above has, stands for an underscore.
    let snake = camel
        .chars()
        .flat_map(|c| {
            let underscore = c.is_ascii_uppercase().then_some('_');
            underscore.into_iter().chain([c.to_ascii_lowercase()])
        })
        .collect::<String>();
    assert!(snake.contains(r#""start_time_unix_nano""#));
    assert_eq!(decode(snake.as_bytes()), decode(camel.as_bytes()));
    assert_eq!(one_span(&snake).links.len(), 1);
}

#[test]
fn parts_that_are_not_kept_are_counted_and_named() {
    let attribute = r#"{"key":"k","value":{"intValue":1}}"#;
    let many = |one: &str| vec![one; 130].join(",");
    let id = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    let limits = format!(
        r#","name":"{long}","attributes":[{}],"events":[{}],"links":[{}]"#,
        many(attribute),
        many("{}"),
        many(&format!("{{{id}}}")),
    );
    for (fields, message) in [
        (
            limits.as_str(),
            "attributes, events and links beyond a limit dropped: 6; values and texts cut at a limit: 1",
        ),
        (
            r#","links":[{},{"traceId":"zz"}]"#,
            "links with invalid ids dropped: 2",
        ),
        (
            r#","events":[{},{}],"events":[]"#,
            "parts of a field that was sent twice dropped: 2",
        ),
        (
            r#","attributes":[{"key":"k","value":{"arrayValue":{"values":[{},{},{}],"values":[{}]}}}]"#,
            "parts of a field that was sent twice dropped: 3",
        ),
    ] {
        let decoded = decode(with_ids(fields).as_bytes()).unwrap();
        assert_eq!(decoded.counts.message(), message);
        assert_eq!(decoded.counts.rejected(), 0);
    }
    // The last resource and scope count, as every member that is there twice.
    let twice = |name: &str| {
        format!(
            r#""{name}":{{"attributes":[{attribute}]}},"{name}":{{"droppedAttributesCount":4}}"#
        )
    };
    let json = format!(
        r#"{{"resourceSpans":[{{{},"scopeSpans":[{{{},"spans":[{{{id},"startTimeUnixNano":1,"endTimeUnixNano":1}}]}}]}}]}}"#,
        twice("resource"),
        twice("scope")
    );
    let decoded = decode(json.as_bytes()).unwrap();
    let group = &decoded.groups[0];
    for attributes in [&group.resource.attributes, &group.scope.attributes] {
        assert_eq!((attributes.items.len(), attributes.dropped), (0, 5));
    }
    assert_eq!(
        (decoded.counts.replaced_parts, decoded.counts.dropped),
        (2, 2)
    );
}

#[test]
fn a_bad_id_refuses_its_span_only() {
    let good = r#"{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202","startTimeUnixNano":"1","endTimeUnixNano":"1"}"#;
    let bad_trace = good.replace("01010101010101010101010101010101", "xyz");
    let short_span = good.replace("0202020202020202", "02");
    let bad_parent = good.replace(r#""spanId""#, r#""parentSpanId":"g","spanId""#);
    let json = request(&[good, &bad_trace, &short_span, &bad_parent, "{}"].join(","));
    let decoded = decode(json.as_bytes()).unwrap();
    assert_eq!(decoded.groups[0].spans.len(), 1);
    let expected = Counts {
        received: 5,
        invalid_trace_id: 2,
        invalid_span_id: 1,
        invalid_parent_id: 1,
        ..Counts::default()
    };
    assert_eq!(decoded.counts, expected);
}

#[test]
fn malformed_json_is_refused_with_its_place() {
    for (broken, line, column) in [
        ("", 1, 1),
        ("{", 1, 2),
        ("{\"resourceSpans\":\n[<script>]}", 2, 2),
        (r#"{"resourceSpans":[]} x"#, 1, 22),
        ("{\n\n  \"a\": NaN}", 3, 8),
    ] {
        let expected = DecodeError::Json { line, column };
        assert_eq!(decode(broken.as_bytes()), Err(expected), "{broken}");
    }
}

#[test]
fn what_is_no_request_is_not_called_malformed() {
    for other in [
        "[]",
        "1",
        "null",
        r#"{"resourceSpans":1}"#,
        r#"{"resourceSpans":[null]}"#,
        r#"{"resourceSpans":[{"scopeSpans":{"spans":[]}}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":"all"}]}]}"#,
    ] {
        let result = decode(other.as_bytes());
        assert!(
            matches!(result, Err(DecodeError::NotARequest { .. })),
            "{other}: {result:?}"
        );
    }
    for empty in [
        "{}",
        r#"{"resourceSpans":null}"#,
        r#"{"resourceSpans":[{}]}"#,
    ] {
        assert_eq!(decode(empty.as_bytes()), Ok(Decoded::default()), "{empty}");
    }
}

#[test]
fn unknown_keys_may_nest_as_deep_as_they_like() {
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let span = one_span(&with_ids(&format!(r#","whatever":{deep}"#)));
    assert_eq!(span.end_nanos, 20);
}

fn nested(levels: usize, leaf: &str) -> String {
    let open = r#"{"kvlistValue":{"values":[{"key":"n","value":"#;
    format!("{}{leaf}{}", open.repeat(levels), "}]}}".repeat(levels))
}

#[test]
fn deep_values_are_cut_at_the_depth_limit() {
    let depth_of = |mut value: Value| {
        let mut depth = 0;
        while let Value::Map(mut entries) = value {
            depth += 1;
            value = entries.pop().map_or(Value::Null, |entry| entry.value);
        }
        (depth, value)
    };
    assert_eq!(
        depth_of(value(&nested(MAX_DEPTH, r#"{"intValue":1}"#))),
        (MAX_DEPTH, Value::Int(1))
    );
    assert_eq!(
        depth_of(value(&nested(200_000, "{}"))),
        (MAX_DEPTH, Value::Null)
    );
}

#[test]
fn nested_lists_of_values_cannot_hide_from_the_depth_limit() {
    let open = r#"{"values":"#;
    let deep = format!(
        r#"{{"arrayValue":{}{}}}"#,
        open.repeat(200_000),
        "}".repeat(200_000 - 1) + "}"
    );
    // Innermost is no value at all.
    let json = with_ids(&format!(r#","attributes":[{{"key":"k","value":{deep}}}]"#));
    assert!(matches!(
        decode(json.as_bytes()),
        Err(DecodeError::Json { .. })
    ));
    let deep = deep.replacen("}", "1}", 1);
    let json = with_ids(&format!(r#","attributes":[{{"key":"k","value":{deep}}}]"#));
    let span = one_span(&json);
    assert_eq!(
        (span.attributes.items.len(), span.attributes.dropped),
        (0, 1)
    );
}

#[test]
fn attributes_elements_and_text_are_bounded() {
    let one = r#"{"key":"k","value":{"intValue":1}}"#;
    let many = vec![one; MAX_ATTRIBUTES + 5].join(",");
    let span = one_span(&with_ids(&format!(
        r#","attributes":[{many}],"droppedAttributesCount":2"#
    )));
    assert_eq!(
        (span.attributes.items.len(), span.attributes.dropped),
        (MAX_ATTRIBUTES, 7)
    );

    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    let Value::String(text) = value(&format!(r#"{{"stringValue":"{long}"}}"#)) else {
        panic!()
    };
    assert_eq!(text.len(), MAX_TEXT_BYTES);

    let elements = vec!["{}"; MAX_NODES + 9].join(",");
    let Value::Array(values) = value(&format!(r#"{{"arrayValue":{{"values":[{elements}]}}}}"#))
    else {
        panic!()
    };
    assert_eq!(values.len(), MAX_NODES);
}
