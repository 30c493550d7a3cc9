use std::hash::{BuildHasher as _, RandomState};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Deserialize as _;
use serde::de::IgnoredAny;

use super::*;

fn skip(text: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(text)?;
    reader.skip()?;
    reader.end()
}

/// Whether serde_json, the independent reader here, takes it for JSON. It checks neither surrogates
/// nor the range of numbers in what it ignores.
fn is_json(text: &[u8]) -> bool {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let read = IgnoredAny::deserialize(&mut deserializer);
    read.and_then(|_| deserializer.end()).is_ok() && std::str::from_utf8(text).is_ok()
}

// RFC 8259; the places by hand.
#[test]
fn what_is_not_json_is_found_at_its_first_byte() {
    for (text, at) in [
        ("", 0),
        ("  ", 2),
        ("{", 1),
        ("[1,", 3),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("[}", 1),
        (r#"{"a"}"#, 4),
        (r#"{"a":}"#, 5),
        (r#"{"a":1,}"#, 7),
        (r#"{a:1}"#, 1),
        (r#"{'a':1}"#, 1),
        ("01", 1),
        ("-", 1),
        ("1.", 2),
        (".5", 0),
        ("1e", 2),
        ("1e+", 3),
        ("+1", 0),
        ("NaN", 0),
        ("Infinity", 0),
        ("-Infinity", 1),
        ("tru", 3),
        ("nul1", 3),
        ("True", 0),
        ("\"a", 2),
        ("\"\n\"", 1),
        (r#""\x""#, 2),
        (r#""\u12g4""#, 5),
        (r#""\"#, 2),
        ("1 1", 2),
        ("\u{feff}1", 0),
        ("\u{a0}1", 0),
        ("/**/1", 0),
    ] {
        assert_eq!(skip(text.as_bytes()), Err(Malformed { at }), "{text}");
        assert!(!is_json(text.as_bytes()), "{text}");
    }
    assert_eq!(skip(b"\"\xff\""), Err(Malformed { at: 1 }));
}

// Section 8.2 of the RFC: its grammar allows halves of surrogate pairs.
#[test]
fn strings_keep_what_is_unicode() {
    for (text, expected, is_replaced) in [
        (r#""""#, "", false),
        (r#""é漢🎉""#, "é漢🎉", false),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t", false),
        (r#""a\u0000b\u00E9\u6f22""#, "a\0bé漢", false),
        (r#""\ud83d\uDE00""#, "😀", false),
        (r#""\ud800""#, "\u{fffd}", true),
        (r#""a\udc00b""#, "a\u{fffd}b", true),
        (r#""\ud800\ud83d\ude00""#, "\u{fffd}😀", true),
        (r#""\ud800\u0041""#, "\u{fffd}A", true),
        (r#""\ud800\n""#, "\u{fffd}\n", true),
        (r#""\udc00\ud800""#, "\u{fffd}\u{fffd}", true),
    ] {
        let mut reader = Reader::new(text.as_bytes()).unwrap();
        let expected = Text {
            text: expected.into(),
            replaced: is_replaced,
        };
        assert_eq!(reader.scalar(), Ok(Scalar::Text(expected)), "{text}");
        reader.end().unwrap();
        if !is_replaced {
            let read: String = serde_json::from_str(text).unwrap();
            let Ok(Scalar::Text(ours)) = Reader::new(text.as_bytes()).unwrap().scalar() else {
                panic!("{text}")
            };
            assert_eq!(ours.text, read);
        }
    }
}

#[test]
fn parts_of_objects_and_arrays_are_read_in_order() {
    let text = br#" { "a" : [ 1 , true , null , "x" ] , "a" : -2.5E+3 , "\u0062" : {} } "#;
    let mut reader = Reader::new(text).unwrap();
    assert_eq!(reader.shape(), Ok(Shape::Object));
    let mut object = reader.enter();
    assert_eq!(reader.key(&mut object).unwrap().unwrap(), "a");
    assert_eq!(reader.shape(), Ok(Shape::Array));
    let mut array = reader.enter();
    let mut elements = Vec::new();
    while reader.element(&mut array).unwrap() {
        assert_eq!(reader.shape(), Ok(Shape::Scalar));
        elements.push(reader.scalar().unwrap());
    }
    assert_eq!(
        elements[..3],
        [Scalar::Number("1"), Scalar::Bool(true), Scalar::Null]
    );
    assert_eq!(reader.key(&mut object).unwrap().unwrap(), "a");
    assert_eq!(reader.scalar(), Ok(Scalar::Number("-2.5E+3")));
    assert_eq!(reader.key(&mut object).unwrap().unwrap(), "b");
    reader.skip().unwrap();
    assert_eq!(reader.key(&mut object), Ok(None));
    assert_eq!(reader.key(&mut object), Ok(None));
    reader.end().unwrap();
}

#[test]
fn what_is_skipped_may_nest_as_deep_as_it_likes() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":["#, "]}]")] {
        let depth = 500_000;
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        skip(deep.as_bytes()).unwrap();
        assert!(skip(&deep.as_bytes()[..deep.len() - 1]).is_err());
    }
}

/// Every text that is a few changes away from a request is JSON for this reader if it is for
/// serde_json.
#[test]
fn texts_are_json_for_this_reader_as_for_another() {
    let seed = std::env::var("TRACER_SEED").ok();
    let seed = seed.map_or_else(
        || RandomState::new().hash_one(0),
        |seed| seed.parse().unwrap(),
    );
    println!("TRACER_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let whole = br#"{"a":[{"b":-12.5e+3,"c":"x\"\\\u00e9\ud83d\ude00"},true,false,null,0,[],{}]}"#;
    let bytes = br#"{}[]",:\/ue+-.0129aftn "#;
    let mut taken = 0;
    for _ in 0..200_000 {
        let mut text = whole.to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..=text.len());
            let byte = bytes[random.random_range(0..bytes.len())];
            match random.random_range(0..4) {
                0 => text.insert(at, byte),
                1 => text.truncate(at),
                _ if at == text.len() => {}
                2 => text[at] = byte,
                _ => drop(text.remove(at)),
            }
        }
        let ours = skip(&text).is_ok();
        assert_eq!(ours, is_json(&text), "{}", String::from_utf8_lossy(&text));
        taken += u32::from(ours);
    }
    assert!(taken > 1000, "{taken}");
}
