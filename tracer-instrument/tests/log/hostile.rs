//! Values that fail, panic, or try to leave their place in the line.

use std::fmt;
use std::io::{self, Write};
use std::panic::resume_unwind;

use proptest::prelude::*;
use tracer_instrument::log::LineFormat;
use tracing::info;

use super::{SPAN_ID, TRACE_ID, in_example_span, json, lines, parse, text};

/// The documented limit of a line, and room for what closes it.
const MAX_LINE_BYTES: usize = 256 * 1024 + 64;

proptest! {
    #[test]
    fn json_gives_back_every_text(message: String, text: String, raw in "[\\x00-\\x1f\"\\\\\u{7f}-\u{a0}\u{2028}a]*") {
        let line = json(|| info!(text, raw = %raw, debug = ?Bare(&raw), number = 1, "{message}"));
        prop_assert_eq!(&line["message"], &message);
        prop_assert_eq!(&line["fields"]["text"], &text);
        prop_assert_eq!(&line["fields"]["raw"], &raw);
        prop_assert_eq!(&line["fields"]["debug"], &raw);
        prop_assert_eq!(&line["fields"]["number"], 1);
    }

    #[test]
    fn text_is_one_line_and_quoted_values_are_json_strings(value: String) {
        // `text` checks that it is one line.
        let line = text(|| info!(value, "{value}"));
        let (_, written) = line.rsplit_once("value=").unwrap_or_default();
        if written.starts_with('"') && !value.contains("value=") {
            prop_assert_eq!(serde_json::from_str::<String>(written).unwrap(), value);
        }
    }

    #[test]
    fn numbers_are_what_they_were(float: f64, int: i64, uint: u64) {
        let line = json(|| info!(int, uint));
        prop_assert_eq!(line["fields"]["int"].as_i64(), Some(int));
        prop_assert_eq!(line["fields"]["uint"].as_u64(), Some(uint));
        // serde_json may miss the last digit of a fraction; the standard library does not.
        let written = lines(LineFormat::json().service_name("orders"), || info!(float));
        let (_, number) = written.split_once("\"float\":").unwrap();
        prop_assert_eq!(number.trim_end().trim_end_matches('}').parse(), Ok(float));
    }
}

/// A `Debug` that is no Rust syntax.
struct Bare<'t>(&'t str);

impl fmt::Debug for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write!(f, "{c}"))
    }
}

/// Writes something and then fails.
#[derive(Clone, Copy)]
enum Broken {
    Error,
    Panic,
    PanicWithPanic,
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of \"it")?;
        // Without the hook, which would write to stderr.
        match self {
            Self::Error => Err(fmt::Error),
            Self::Panic => resume_unwind(Box::new("panic")),
            Self::PanicWithPanic => resume_unwind(Box::new(PanicsAtDrop)),
        }
    }
}

struct PanicsAtDrop;

impl Drop for PanicsAtDrop {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

#[test]
fn value_that_cannot_be_printed_costs_itself() {
    let _span = in_example_span();
    for broken in [Broken::Error, Broken::Panic, Broken::PanicWithPanic] {
        let line = json(|| info!(before = 1, ?broken, after = 2, "kept"));
        assert_eq!(line["trace_id"], TRACE_ID);
        assert_eq!(line["message"], "kept");
        assert_eq!(
            line["fields"],
            serde_json::json!({"before": 1, "broken": "<unprintable>", "after": 2})
        );
        let line = json(|| info!(kept = 1, "{broken:?}"));
        assert_eq!(line["message"], "<unprintable>");
        assert_eq!(line["fields"]["kept"], 1);
        let line = text(|| info!(target: "shop", ?broken, after = 2, "kept"));
        assert!(
            line.ends_with("shop: kept broken=<unprintable> after=2"),
            "{line}"
        );
    }
}

/// Never ends by itself.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("again\n")?;
        }
    }
}

#[test]
fn endless_value_is_cut_and_the_line_says_so() {
    let _span = in_example_span();
    let huge = "€\"".repeat(1 << 20);
    let in_fields = lines(LineFormat::json().service_name("orders"), || {
        info!(huge, lost = 1, "kept")
    });
    let line = parse(&in_fields);
    assert!(in_fields.len() <= MAX_LINE_BYTES);
    assert!(in_fields.len() > MAX_LINE_BYTES - 128);
    assert_eq!(line["span_id"], SPAN_ID);
    assert_eq!(line["message"], "kept");
    assert!(line["fields"]["huge"].as_str().unwrap().ends_with('…'));
    assert_eq!(line["fields"].get("lost"), None);
    assert_eq!(line["truncated"], true);

    let in_message = lines(LineFormat::json().service_name("orders"), || {
        info!(lost = 1, "{Endless:?}")
    });
    let line = parse(&in_message);
    assert!(in_message.len() <= MAX_LINE_BYTES);
    assert!(
        line["message"]
            .as_str()
            .unwrap()
            .starts_with("again\nagain")
    );
    assert_eq!(line.get("fields"), None);
    assert_eq!(line["truncated"], true);

    let in_text = text(|| info!(endless = ?Endless, lost = 1, "kept"));
    assert!(in_text.len() <= MAX_LINE_BYTES);
    assert!(in_text.ends_with("…\" truncated=true"));
}

#[test]
fn line_that_is_full_at_an_escape_is_cut_before_it() {
    // An odd and an even length: of escapes of two bytes, one of them would be halved.
    for length in 0..2 {
        for escaped in ["\n", "\"", "\\", "\u{1b}", "\u{85}"] {
            let value = format!("{}{}", "x".repeat(length), escaped.repeat(1 << 17));
            let in_fields = || info!(value, "kept");
            let in_message = || info!(lost = 1, "{value}");
            for log in [&in_fields as &dyn Fn(), &in_message] {
                let line = lines(LineFormat::json().service_name("orders"), log);
                assert!(line.len() <= MAX_LINE_BYTES, "{escaped:?}");
                assert_eq!(parse(&line)["truncated"], true, "{escaped:?}");
            }
            assert!(text(in_fields).ends_with(" truncated=true"), "{escaped:?}");
        }
    }
}

struct Refuses;

impl Write for Refuses {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("disk full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn failing_writer_is_not_the_callers_trouble() {
    let subscriber = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .event_format(LineFormat::json().service_name("orders"))
        .with_writer(|| Refuses)
        .finish();
    let went_on = tracing::subscriber::with_default(subscriber, || {
        info!("lost");
        true
    });
    assert!(went_on);
}
