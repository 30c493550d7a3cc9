//! The examples of the specifications, as they stand there.

use crate::service::{Sent, call};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[track_caller]
fn state(sent: &Sent) -> String {
    let members = sent.state();
    let members: Vec<_> = members.iter().map(|(k, v)| format!("{k}={v}")).collect();
    members.join(",")
}

/// W3C Trace Context, section 3.1: the way of a request from Congo over Rojo to Congo.
#[test]
fn trace_context_section_3_1() {
    for (parent, members) in [
        ("b7ad6b7169203331", "congo=t61rcWkgMzE"),
        (
            "00f067aa0ba902b7",
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        ),
        (
            "b9c7c989f97918e1",
            "congo=ucfJifl5GOE,rojo=00f067aa0ba902b7",
        ),
    ] {
        let traceparent = format!("00-{TRACE}-{parent}-01");
        let sent = call(&[("traceparent", &traceparent), ("tracestate", members)]);
        assert_eq!(sent.parent().trace_id, TRACE);
        assert_eq!(sent.parent().flags & 1, 1);
        assert_ne!(sent.parent().span_id, parent);
        assert_eq!(state(&sent), members);
    }
}

/// Section 3.2.3: sampled and not.
#[test]
fn trace_context_section_3_2_3() {
    for (flags, sampled) in [("01", 1), ("00", 0)] {
        let traceparent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        let sent = call(&[("traceparent", &traceparent)]);
        assert_eq!(sent.parent().trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(sent.parent().flags & 1, sampled);
    }
}

/// W3C Baggage, section 3.3.2.1.
#[test]
fn baggage_with_properties() {
    let value =
        "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue";
    let sent = call(&[("baggage", value)]).baggage();
    let text = |entry: &(String, String, Vec<String>)| {
        let (key, value, properties) = entry;
        format!("{key}={value} {}", properties.join(" "))
    };
    assert_eq!(
        sent.iter().map(text).collect::<Vec<_>>(),
        [
            "key1=value1 property1 property2",
            "key2=value2 ",
            "key3=value3 propertyKey=propertyValue",
        ]
    );
}

/// W3C Baggage, section 3.4: one header or two, white space, characters beyond ASCII.
#[test]
fn baggage_in_headers() {
    let forms: [&[&str]; 4] = [
        &["userId=alice,serverNode=DF%2028,isProduction=false"],
        &["userId=alice", "serverNode=DF%2028,isProduction=false"],
        &[
            "userId =   alice",
            "serverNode = DF%2028, isProduction = false",
        ],
        &["userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false"],
    ];
    for (form, user) in forms.iter().zip(["alice", "alice", "alice", "Amélie"]) {
        let lines: Vec<_> = form.iter().map(|value| ("baggage", *value)).collect();
        let sent = call(&lines).baggage();
        let pairs: Vec<_> = sent
            .iter()
            .map(|(k, v, _)| (k.as_str(), v.as_str()))
            .collect();
        let expected = [
            ("isProduction", "false"),
            ("serverNode", "DF 28"),
            ("userId", user),
        ];
        assert_eq!(pairs, expected);
    }
}
