//! Vectors from the specification and from the conformance suite of the W3C (`test/test.py`).

use super::*;

#[track_caller]
fn check(values: &[&str], expected: Result<&str, Error>) {
    let parsed = parse(values.iter().map(|value| value.as_bytes()));
    assert_eq!(
        parsed.map(|state| state.header()),
        expected.map(str::to_owned),
        "{values:?}"
    );
}

#[test]
fn lists_of_the_specification_are_read() {
    check(&["rojo=00f067aa0ba902b7"], Ok("rojo=00f067aa0ba902b7"));
    check(
        &["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
        Ok("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    );
    check(&["0digit=1"], Ok("0digit=1"));
    check(&["tenant@system=1"], Ok("tenant@system=1"));
}

#[test]
fn several_headers_are_one_list_in_order() {
    check(
        &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
        Ok("foo=1,bar=2,rojo=1,congo=2,baz=3"),
    );
    check(&["", "foo=1", " \t"], Ok("foo=1"));
    check(&[], Ok(""));
}

#[test]
fn white_space_around_members_is_ignored_and_inside_values_kept() {
    check(&["foo=1 \t , \t bar=2, \t baz=3"], Ok("foo=1,bar=2,baz=3"));
    check(&["\t foo=1 \t"], Ok("foo=1"));
    check(&["foo=  a b"], Ok("foo=  a b"));
}

#[test]
fn all_allowed_characters_pass() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (0x20..=0x7e_u8)
        .map(char::from)
        .filter(|c| !",=".contains(*c))
        .collect();
    let member = format!("{key}={value}");
    check(&[&member], Ok(&member));
}

#[test]
fn one_bad_member_spoils_the_list() {
    check(&["foo =1"], Err(Error::TracestateKey { offset: 0 }));
    check(&["FOO=1"], Err(Error::TracestateKey { offset: 0 }));
    check(&["a=1,foo.bar=1"], Err(Error::TracestateKey { offset: 4 }));
    check(&["@foo=1,bar=2"], Err(Error::TracestateKey { offset: 0 }));
    check(&["a=1,b"], Err(Error::TracestateKey { offset: 4 }));
    check(&["a=1, \tB=2"], Err(Error::TracestateKey { offset: 6 }));
    check(&["=1"], Err(Error::TracestateKey { offset: 0 }));
    check(&["foo=bar=baz"], Err(Error::TracestateValue { offset: 4 }));
    check(&["foo=,bar=3"], Err(Error::TracestateValue { offset: 4 }));
    check(
        &["foo=1\r\nx: 2"],
        Err(Error::TracestateValue { offset: 4 }),
    );
    check(&["foo=a\tb"], Err(Error::TracestateValue { offset: 4 }));
    check(&["foo=é"], Err(Error::TracestateValue { offset: 4 }));
}

#[test]
fn the_33rd_member_spoils_the_list_over_all_headers() {
    let members = |range: std::ops::Range<usize>| {
        range
            .map(|n| format!("bar{n:02}={n:02}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    check(&[&members(0..16), &members(16..32)], Ok(&members(0..32)));
    check(
        &[&members(0..16), &members(16..33)],
        Err(Error::TracestateMembers),
    );
    check(&[&["a=1"; 33].join(",")], Err(Error::TracestateMembers));
}

#[test]
fn lengths_of_key_and_value_are_exact() {
    let key = |len| format!("{}=1", "z".repeat(len));
    let value = |len| format!("a={}", "z".repeat(len));
    check(&[&key(256)], Ok(&key(256)));
    check(&[&key(257)], Err(Error::TracestateKey { offset: 0 }));
    check(&[&value(256)], Ok(&value(256)));
    check(&[&value(257)], Err(Error::TracestateValue { offset: 2 }));
}

/// A second member with the same key would survive an update of the first.
#[test]
fn the_first_of_two_equal_keys_stays() {
    check(&["foo=1,bar=2", "foo=3"], Ok("foo=1,bar=2"));
}

#[test]
fn a_list_too_long_loses_large_members_first_then_the_last() {
    let large = |key: &str| format!("{key}={}", "x".repeat(250));
    let small = |n: usize| format!("s{n}={}", "y".repeat(100));
    // 16 x 252 + 15 commas = 4,047 bytes; with "s0=..." and its comma 4,151.
    let mut members: Vec<String> = (0..16).map(|n| large(&n.to_string())).collect();
    members[10..]
        .iter_mut()
        .enumerate()
        .for_each(|(n, m)| *m = large(&((b'a' + n as u8) as char).to_string()));
    members.truncate(16);
    members.insert(10, small(0));
    let mut fitting = members.clone();
    fitting.pop();
    check(&[&members.join(",")], Ok(&fitting.join(",")));

    // 31 x 128 + 98 bytes and 31 commas: 4,097. Members of 128 bytes are not large: the last goes.
    let mut members: Vec<String> = (10..41)
        .map(|n| format!("k{n}={}", "z".repeat(124)))
        .collect();
    let kept = members.join(",");
    members.push(format!("last={}", "z".repeat(93)));
    assert_eq!((members[0].len(), members.join(",").len()), (128, 4097));
    check(&[&members.join(",")], Ok(&kept));
}

#[test]
fn a_list_that_just_fits_is_read_and_sent_whole() {
    // 31 x 128 + 97 bytes and 31 commas: 4,096.
    let mut members: Vec<String> = (10..41)
        .map(|n| format!("k{n}={}", "z".repeat(124)))
        .collect();
    members.push(format!("last={}", "z".repeat(92)));
    let list = members.join(",");
    assert_eq!(list.len(), 4096);
    check(&[&list], Ok(&list));
    let state = parse([list.as_bytes()]).unwrap();
    assert_eq!(header(&state).as_deref(), Some(list.as_str()));
    let level2 = Level2Members::empty();
    assert_eq!(to_header(&state, Some(&level2)), Some(list));
}

/// One fault at a time, for each is looked for by itself.
#[test]
fn a_member_that_may_not_go_out_goes_alone() {
    for member in [
        ("", "1"),
        ("a", ""),
        ("a", " "),
        ("a", "\t"),
        ("a", "\u{e9}"),
    ] {
        let state = TraceState::from_key_value([("b", "2"), member, ("c", "3")]).unwrap();
        assert_eq!(header(&state).as_deref(), Some("b=2,c=3"), "{member:?}");
    }
    let state = TraceState::from_key_value([("b", "2 "), ("c", "3")]).unwrap();
    assert_eq!(header(&state).as_deref(), Some("b=2,c=3"));
    let state = TraceState::from_key_value([("b", "2"), ("c", "3"), ("b", "4")]).unwrap();
    assert_eq!(header(&state).as_deref(), Some("b=2,c=3"));
}

/// Level 2 allows these keys; the type of `opentelemetry` does not, and the rest must not suffer.
#[test]
fn a_key_the_type_refuses_costs_only_its_member() {
    for key in ["foo@@bar", "foo@bar@baz", &format!("t@{}", "v".repeat(15))] {
        check(&[&format!("{key}=1,bar=2")], Ok("bar=2"));
    }
    check(&["foo@=1,bar=2"], Ok("foo@=1,bar=2"));
}

#[test]
fn kept_members_go_back_to_their_places() {
    let mut list = MemberList::default();
    list.extend(b"a@@1=1,b=2,c@@3=3,d=4,e@@5=5").unwrap();
    let (state, complete) = to_trace_state(&list);
    assert!(!complete);
    let level2 = Level2Members::new(TraceId::from(1), &list);
    let header = |state| to_list(state, Some(&level2)).to_header().unwrap();

    assert_eq!(header(&state), "a@@1=1,b=2,c@@3=3,d=4,e@@5=5");
    let updated = state.insert("d", "new").unwrap();
    assert_eq!(header(&updated), "d=new,a@@1=1,b=2,c@@3=3,e@@5=5");
    assert_eq!(header(&TraceState::NONE), "a@@1=1,c@@3=3,e@@5=5");
}

#[test]
fn only_valid_members_go_out() {
    let state = TraceState::from_key_value([("a", "1\r\nx: 2"), ("", "1"), ("b", ""), ("c", "3 ")]);
    assert_eq!(header(&state.unwrap()).as_deref(), Some("c=3"));
    let repeated = TraceState::from_key_value([("a", "1"), ("b", "2"), ("a", "3")]);
    assert_eq!(header(&repeated.unwrap()).as_deref(), Some("a=1,b=2"));
}

/// A state that is sent as it is has been checked by its type alone for what would break the list.
#[test]
fn the_type_takes_no_key_and_no_separator_that_would_have_to_be_looked_for() {
    for byte in (0..=u8::MAX).map(char::from) {
        for key in [format!("{byte}"), format!("a{byte}"), format!("a{byte}b")] {
            let taken = TraceState::from_key_value([(&key, "1")]).is_ok();
            assert!(!taken || member_list::is_key(&key), "{key:?}");
        }
    }
    for separator in [',', '='] {
        let value = format!("a{separator}");
        assert!(TraceState::from_key_value([("a", value)]).is_err());
    }
}

#[test]
fn a_value_ends_at_the_first_byte_that_it_may_not_have() {
    let may_have = |byte: u8| matches!(byte, 0x20..=0x7e) && !b",=".contains(&byte);
    for len in 1..20 {
        for place in 0..len {
            for byte in 0..=u8::MAX {
                // What comes after must not count.
                let mut text = vec![b'='; len];
                text[..place].fill(b'z');
                text[place] = byte;
                let expected = if may_have(byte) { place + 1 } else { place };
                assert_eq!(
                    member_list::value_len(&text),
                    expected,
                    "{byte} at {place} of {len}"
                );
            }
        }
    }
    assert_eq!(member_list::value_len(&[b' '; 100]), 100);
}

use opentelemetry::trace::TraceId;
