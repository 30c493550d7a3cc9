//! `baggage`: W3C Baggage, section 3.

use crate::service::{Entry, Sent, call, decoded};

#[track_caller]
fn with(values: &[&str]) -> Sent {
    let lines: Vec<_> = values.iter().map(|value| ("baggage", *value)).collect();
    call(&lines)
}

/// Key, decoded value, properties.
fn entry(key: &str, value: &str, properties: &[&str]) -> Entry {
    let properties = properties.iter().map(|it| (*it).to_owned()).collect();
    (key.to_owned(), value.to_owned(), properties)
}

#[track_caller]
fn passes(values: &[&str], expected: &[Entry]) {
    assert_eq!(with(values).baggage(), expected, "{values:?}");
}

#[test]
fn a_member_is_passed_on_with_its_properties() {
    passes(
        &["SomeKey=SomeValue"],
        &[entry("SomeKey", "SomeValue", &[])],
    );
    passes(
        &["SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal"],
        &[
            entry("SomeKey", "SomeValue", &["SomeProp"]),
            entry("SomeKey2", "SomeValue2", &["ValueProp=PropVal"]),
        ],
    );
    passes(
        &["SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue"],
        &[entry(
            "SomeKey",
            "SomeValue",
            &[
                "SomeProp",
                "SomeProp=PropValue",
                "SomeProp=AnotherPropValue",
            ],
        )],
    );
}

#[test]
fn white_space_around_everything_is_ignored() {
    passes(
        &[
            "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = \t PropVal",
        ],
        &[
            entry("SomeKey", "SomeValue", &["SomeProp"]),
            entry("SomeKey2", "SomeValue2", &["ValueProp=PropVal"]),
        ],
    );
}

#[test]
fn a_value_may_hold_equals_signs() {
    passes(
        &["SomeKey=SomeValue=equals"],
        &[entry("SomeKey", "SomeValue=equals", &[])],
    );
    passes(&["a=="], &[entry("a", "=", &[])]);
}

#[test]
fn an_empty_value_is_a_value() {
    passes(&["a=,b=2"], &[entry("a", "", &[]), entry("b", "2", &[])]);
}

#[test]
fn percent_coding_is_read_and_written() {
    let value = "\t \"';=asdf!@#$%^&*()";
    let coded = "%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29";
    passes(
        &[&format!("SomeKey={coded}")],
        &[entry("SomeKey", value, &[])],
    );
    let sent = with(&[&format!("a=1;p={coded}")]);
    let [(_, _, properties)] = sent.baggage().try_into().expect("one member");
    let property = properties.first().map(|property| decoded(property));
    assert_eq!(property, Some(format!("p={value}")));
}

/// What is not UTF-8 becomes the replacement character.
#[test]
fn other_encodings_are_replaced() {
    passes(&["a=x%FFy"], &[entry("a", "x\u{fffd}y", &[])]);
}

/// An `=` that was encoded does not make a property a pair.
#[test]
fn the_key_of_a_property_is_not_decoded() {
    passes(
        &["SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal"],
        &[entry(
            "SomeKey",
            "SomeValue",
            &["ValueProp%20%09%20%3D%20%09%20PropVal"],
        )],
    );
}

#[test]
fn several_headers_are_one_list() {
    passes(
        &["a=1", "", "b=2,c=3"],
        &[
            entry("a", "1", &[]),
            entry("b", "2", &[]),
            entry("c", "3", &[]),
        ],
    );
}

#[test]
fn sixty_four_members_are_passed_on_and_no_partial_one() {
    let members: Vec<_> = (0..70).map(|n| format!("key{n:02}=value")).collect();
    let (one, other) = members.split_at(32);
    let sent = with(&[&one.join(","), &other.join(",")]).baggage();
    let expected: Vec<_> = (0..64)
        .map(|n| entry(&format!("key{n:02}"), "value", &[]))
        .collect();
    assert_eq!(sent, expected);
}

#[test]
fn eight_kibibytes_are_passed_on_over_all_headers() {
    let longest = format!("a={}", "0123456789".repeat(819));
    assert_eq!(longest.len(), 8192);
    assert_eq!(with(&[&longest]).baggage_line(), longest);

    let member = |key: char| format!("{key}={}", "v".repeat(1998));
    let headers = ['a', 'b', 'c', 'd', 'e'].map(member);
    let lines: Vec<_> = headers.iter().map(String::as_str).collect();
    assert_eq!(with(&lines).baggage_line(), headers[..4].join(","));
}

#[test]
fn a_bad_member_costs_neither_the_others_nor_the_trace() {
    let parent = "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01";
    for bad in [
        "no value", "k y=1", "=1", "a=\"1\"", "a=1 2", "a=\\", "a=é", "a=1;=2",
    ] {
        let sent = call(&[
            ("traceparent", parent),
            ("baggage", &format!("first=1,{bad},last=2")),
        ]);
        assert_eq!(sent.parent().trace_id, "5b8efff798038103d269b633813fc60c");
        let expected = [entry("first", "1", &[]), entry("last", "2", &[])];
        assert_eq!(sent.baggage(), expected, "{bad}");
    }
}

#[test]
fn without_a_trace_it_is_passed_on_all_the_same() {
    let sent = call(&[("traceparent", "00-1-1-1"), ("baggage", "a=1")]);
    assert_eq!(sent.baggage(), [entry("a", "1", &[])]);
}

/// Were they decoded before they are sent, the next service would read another member or header.
#[test]
fn what_was_encoded_smuggles_nothing() {
    for value in [
        "1%2Cevil=2",
        "1;p=%2Cevil=2",
        "1;p=%0D%0AX-Evil:1",
        "1%0D%0AX-Evil:1",
        "1;p=%3Bq",
    ] {
        let sent = with(&[&format!("a={value}")]);
        assert_eq!(sent.baggage().len(), 1, "{value}");
        assert!(!sent.has("x-evil"));
    }
}
