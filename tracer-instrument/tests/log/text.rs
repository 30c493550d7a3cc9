//! Lines of text.

use tracing::{info, warn};

use super::{SPAN_ID, TRACE_ID, in_example_span, text};

#[test]
fn line_has_the_ids_before_what_the_event_brings() {
    let _span = in_example_span();
    let line = text(|| info!(target: "shop", cents = 1200, "order {}", 7));
    let expected = format!(
        "INFO service.name=orders trace_id={TRACE_ID} span_id={SPAN_ID} trace_flags=01 shop: order 7 cents=1200"
    );
    assert_eq!(line, expected);
}

#[test]
fn outside_of_spans_there_are_no_ids() {
    let line = text(|| warn!(target: "shop", "starting"));
    assert_eq!(line, "WARN service.name=orders shop: starting");
}

#[test]
fn no_text_makes_a_line_of_its_own() {
    let line = text(
        || info!(target: "shop", name = "\n2026 INFO forged", "a\r\nb\u{1b}[2Jc\u{9b}\u{2028}\u{202e}\u{2066}"),
    );
    let expected = r#"INFO service.name=orders shop: a\r\nb\u001b[2Jc\u009b\u2028\u202e\u2066 name="\n2026 INFO forged""#;
    assert_eq!(line, expected);
}

#[test]
fn values_are_in_quotes_where_they_could_be_misread() {
    let line = text(|| {
        info!(target: "shop", a = "word", b = "two words", c = "x=1", d = "say \"x\"", e = "", f = "C:\\", g = ?Some(1));
    });
    let expected = r#"INFO service.name=orders shop: a=word b="two words" c="x=1" d="say \"x\"" e="" f="C:\\" g=Some(1)"#;
    assert_eq!(line, expected);
}

#[test]
fn message_keeps_quotes_and_backslashes() {
    let line = text(|| info!(target: "shop", r#"opened "C:\x""#));
    assert_eq!(line, r#"INFO service.name=orders shop: opened "C:\x""#);
}
