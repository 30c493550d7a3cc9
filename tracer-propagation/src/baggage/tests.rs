//! Vectors from the specification, from the tests of the W3C (`w3c/baggage`, `test_baggage.py`),
//! and from the defects of other implementations.

use opentelemetry::propagation::TextMapPropagator;

use super::*;

/// `(key, value, metadata)` of every member, sorted by key.
fn members(baggage: &Baggage) -> Vec<(String, String, String)> {
    let mut members: Vec<_> = baggage
        .iter()
        .map(|(key, (value, metadata))| (key.to_string(), value.to_string(), metadata.to_string()))
        .collect();
    members.sort();
    members
}

#[track_caller]
fn check(values: &[&str], expected: &[(&str, &str, &str)], errors: &[Error]) {
    let (baggage, found) = parse(values.iter().map(|value| value.as_bytes()));
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, value, metadata)| (key.to_string(), value.to_string(), metadata.to_string()))
        .collect();
    assert_eq!(members(&baggage), expected, "{values:?}");
    assert_eq!(found, errors, "{values:?}");
}

/// What the next process reads after one hop.
fn hop(value: &str) -> String {
    header(&parse([value.as_bytes()]).0).unwrap_or_default()
}

#[test]
fn examples_of_the_specification_are_read() {
    check(
        &["key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"],
        &[
            ("key1", "value1", "property1;property2"),
            ("key2", "value2", ""),
            ("key3", "value3", "propertyKey=propertyValue"),
        ],
        &[],
    );
    check(
        &[
            "userId =   alice",
            "serverNode = DF%2028, isProduction = false",
        ],
        &[
            ("isProduction", "false", ""),
            ("serverNode", "DF 28", ""),
            ("userId", "alice", ""),
        ],
        &[],
    );
    check(&["userId=Am%C3%A9lie"], &[("userId", "Amélie", "")], &[]);
}

#[test]
fn vectors_of_the_w3c_tests_are_read() {
    check(
        &[
            "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = \t PropVal",
        ],
        &[
            ("SomeKey", "SomeValue", "SomeProp"),
            ("SomeKey2", "SomeValue2", "ValueProp=PropVal"),
        ],
        &[],
    );
    check(
        &["SomeKey=SomeValue=equals"],
        &[("SomeKey", "SomeValue=equals", "")],
        &[],
    );
    check(
        &["SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29"],
        &[("SomeKey", "\t \"';=asdf!@#$%^&*()", "")],
        &[],
    );
    check(
        &["SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue"],
        &[(
            "SomeKey",
            "SomeValue",
            "SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue",
        )],
        &[],
    );
    check(
        &["SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal"],
        &[(
            "SomeKey",
            "SomeValue",
            "ValueProp%20%09%20%3D%20%09%20PropVal",
        )],
        &[],
    );
}

#[test]
fn a_malformed_member_costs_itself_only() {
    check(
        &["a=1,b,=2,c d=3,é=4,e=\"5\",f=6"],
        &[("a", "1", ""), ("f", "6", "")],
        &[
            Error::BaggageKey { offset: 4 },
            Error::BaggageKey { offset: 6 },
            Error::BaggageKey { offset: 9 },
            Error::BaggageKey { offset: 15 },
            Error::BaggageValue { offset: 22 },
        ],
    );
    check(
        &["a=1;b c,d=2"],
        &[("d", "2", "")],
        &[Error::BaggageKey { offset: 4 }],
    );
    check(
        &["a=1;b=\\,d=2"],
        &[("d", "2", "")],
        &[Error::BaggageValue { offset: 6 }],
    );
    check(&["a=1; \tb c"], &[], &[Error::BaggageKey { offset: 6 }]);
    check(&["a=1; b= \\"], &[], &[Error::BaggageValue { offset: 8 }]);
    check(&["a=1\r\nx: 2"], &[], &[Error::BaggageValue { offset: 2 }]);
    check(&["a=1;b;\t;c d"], &[], &[Error::BaggageKey { offset: 8 }]);
    check(
        &[",, a=1 ,\t,", "", "b=2; ;;"],
        &[("a", "1", ""), ("b", "2", "")],
        &[],
    );
}

/// RFC 7230 §3.2.6 names what a token may hold.
#[test]
fn a_key_is_a_token() {
    for byte in 0..=u8::MAX {
        let member = [b'k', byte, b'=', b'1'];
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        // White space before the `=`, and one more of those in the value.
        let is_other = b" \t=".contains(&byte);
        let (baggage, errors) = parse([&member[..]]);
        if is_token || is_other {
            assert_eq!((baggage.len(), errors.len()), (1, 0), "{byte}");
        } else {
            assert_eq!((baggage.len(), errors.is_empty()), (0, false), "{byte}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_become_the_replacement_character() {
    check(&["a=%FF%C3x"], &[("a", "\u{fffd}\u{fffd}x", "")], &[]);
    check(
        &["a=100%,b=%ZZ"],
        &[("a", "100%", ""), ("b", "%ZZ", "")],
        &[],
    );
}

#[test]
fn the_last_of_two_equal_keys_stays() {
    check(&["a=1,b=2", "a=3"], &[("a", "3", ""), ("b", "2", "")], &[]);
}

#[test]
fn one_budget_of_members_covers_all_headers() {
    let values: Vec<String> = (0..100).map(|n| format!("k{n:02}={n}")).collect();
    let (baggage, errors) = parse(values.iter().map(|value| value.as_bytes()));
    assert_eq!(baggage.len(), 64);
    assert!(baggage.get("k63").is_some() && baggage.get("k64").is_none());
    assert_eq!(errors, [Error::BaggageLimit]);
    // Rubbish counts too.
    let rubbish = "x,".repeat(64) + "a=1";
    assert_eq!(parse([rubbish.as_bytes()]).0.len(), 0);
}

#[test]
fn one_budget_of_bytes_covers_all_headers() {
    // 2 + 8,190 bytes, the largest member there is (`test_serialize_long_entry`).
    let largest = format!("a={}", "0123456789".repeat(819));
    let (baggage, errors) = parse([largest.as_bytes()]);
    assert_eq!((baggage.len(), errors.len()), (1, 0));
    assert_eq!(header(&baggage), Some(largest.clone()));
    let too_large = largest.replace("a=", "aa=");
    check(
        &[&too_large, "b=2"],
        &[("b", "2", "")],
        &[Error::BaggageLimit],
    );

    // 4,095 + comma + 4,096 = 8,192, in two headers; one byte more does not fit.
    let half = |key: &str, len: usize| format!("{key}={}", "x".repeat(len - 2));
    let fitting = [half("a", 4095), half("b", 4096)];
    assert_eq!(
        parse(fitting.iter().map(|value| value.as_bytes())).0.len(),
        2
    );
    let beyond = [half("a", 4095), half("b", 4097), "c=3".to_owned()];
    let (baggage, errors) = parse(beyond.iter().map(|value| value.as_bytes()));
    assert_eq!((baggage.len(), errors), (2, vec![Error::BaggageLimit]));
    assert!(baggage.get("b").is_none());

    // 8,189 bytes and three commas.
    let lengths = [2047, 2047, 2048, 2047];
    let four = ["a", "b", "c", "d"]
        .iter()
        .zip(lengths)
        .map(|(key, len)| half(key, len));
    let mut four: Vec<String> = four.collect();
    assert_eq!(parse(four.iter().map(|value| value.as_bytes())).0.len(), 4);
    four[3].push('x');
    assert_eq!(parse(four.iter().map(|value| value.as_bytes())).0.len(), 3);
}

/// Read as `%25`, as it is sent, a stray `%` took three bytes. `Baggage` dropped a member that became
/// too long in silence, and of two with one key kept the first.
#[test]
fn a_member_does_not_grow_when_it_is_read() {
    let stray = format!("p={}", "%".repeat(2800));
    check(
        &["a=0", &format!("a=1;{stray}"), "b=2"],
        &[("a", "1", &stray), ("b", "2", "")],
        &[],
    );
    assert_eq!(hop("a=1;p=%;q=100%25"), "a=1;p=%25;q=100%25");
    // Sent it does grow, and is left out and counted if it no longer fits.
    assert_eq!(hop(&format!("a=1;{stray},b=2")), "b=2");
}

#[test]
fn at_least_64_members_and_8192_bytes_go_out_and_no_partial_ones() {
    // 64 members of 127 bytes and 63 commas: 8,191 bytes (`test_serialize_many_entries`).
    let mut baggage = Baggage::new();
    for n in 0..64 {
        baggage.insert(format!("{n:02}"), "x".repeat(124));
    }
    assert_eq!(
        header(&baggage).map(|header| header.len()),
        Some(64 * 127 + 63)
    );
    // Encoded it is three times as long: 64 x (2 + 1 + 372) + 63 does not fit.
    let mut baggage = Baggage::new();
    for n in 0..64 {
        baggage.insert(format!("{n:02}"), ",".repeat(124));
    }
    let header = header(&baggage).unwrap();
    assert!(header.len() <= 8192 && header.len() > 8192 - 376);
    assert!(header.split(',').all(|member| member.len() == 375));
}

/// The stock propagator decodes properties and sends them raw: a member from nowhere.
#[test]
fn a_property_cannot_become_a_member() {
    assert_eq!(hop("a=1;p=%2Cevil=2"), "a=1;p=%2Cevil=2");
    assert_eq!(hop(&hop("a=1;p=%2Cevil=2")), "a=1;p=%2Cevil=2");
    let mut baggage = Baggage::new();
    baggage.insert_with_metadata("a", "1,evil=2;x", "p,evil=3; q r =\u{e9} \r\n%zz;;=v");
    assert_eq!(
        header(&baggage).as_deref(),
        Some("a=1%2Cevil%3D2%3Bx;p%2Cevil=3;q%20r=%C3%A9%20%0D%0A%25zz"),
    );
    baggage.insert_with_metadata("a", "1", "p = %4g%g4%4G%4a ; q= v\t");
    assert_eq!(
        header(&baggage).as_deref(),
        Some("a=1;p=%254g%25g4%254G%4a;q=v"),
    );
}

/// The stock propagator sends a decoded line break raw.
#[test]
fn a_line_break_cannot_become_a_header() {
    assert_eq!(
        hop("a=1;p=%0d%0aX: 1"),
        "",
        "a raw space is not a baggage-octet"
    );
    assert_eq!(hop("a=1;p=%0d%0aX:1"), "a=1;p=%0d%0aX:1");
    assert_eq!(hop("a=%0d%0aX:1"), "a=%0D%0AX:1");
}

/// Receivers that decode forms read `+` as a space.
#[test]
fn a_plus_sign_is_encoded() {
    assert_eq!(hop("a=1+1"), "a=1%2B1");
}

/// The stock propagator cuts the value at its second `=`.
#[test]
fn a_value_with_equals_signs_arrives_whole() {
    assert_eq!(hop("a=b=c=;p=q=r"), "a=b%3Dc%3D;p=q=r");
}

#[test]
fn baggage_in_the_context_stays_if_none_is_received() {
    let propagator = BaggagePropagator::new();
    let cx = Context::new().with_baggage([opentelemetry::KeyValue::new("a", "1")]);
    let map = std::collections::HashMap::from([("baggage".to_owned(), "rubbish".to_owned())]);
    assert_eq!(
        propagator.extract_with_context(&cx, &map).baggage().len(),
        1
    );
    let mut out = std::collections::HashMap::new();
    propagator.inject_context(&Context::new(), &mut out);
    assert!(out.is_empty(), "no empty header");
}
