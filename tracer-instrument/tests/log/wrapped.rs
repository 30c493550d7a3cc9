//! The lines of tracing-subscriber's own formats with our fields.

use serde_json::json;
use tracer_instrument::log::CorrelatedFormat;
use tracing::{info, info_span};
use tracing_subscriber::fmt::format;

use super::{SPAN_ID, TRACE_ID, Written, in_example_span, one_line, parse};

fn json_lines(log: impl FnOnce()) -> String {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .event_format(CorrelatedFormat::json(format().json()).service_name("orders"))
        .with_writer(written.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, log);
    written.text()
}

fn text_lines(log: impl FnOnce()) -> String {
    let written = Written::default();
    let lines =
        CorrelatedFormat::text(format().without_time().with_ansi(false)).service_name("orders");
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .event_format(lines)
        .with_writer(written.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, log);
    written.text()
}

#[test]
fn json_of_the_other_format_keeps_its_shape() {
    let _span = in_example_span();
    let written = json_lines(|| {
        info_span!("price", sku = "teapot")
            .in_scope(|| info!(target: "shop", cents = 1200, "priced}}"));
    });
    let mut line = parse(&written);
    line.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(
        line,
        json!({
            "level": "INFO",
            "target": "shop",
            "fields": {"message": "priced}", "cents": 1200},
            "span": {"name": "price", "sku": "teapot"},
            "spans": [{"name": "price", "sku": "teapot"}],
            "service.name": "orders",
            "trace_id": TRACE_ID,
            "span_id": SPAN_ID,
            "trace_flags": "01",
        })
    );
}

#[test]
fn json_outside_of_spans_has_the_service_alone() {
    let line = parse(&json_lines(|| info!("starting")));
    assert_eq!(line["service.name"], "orders");
    assert_eq!(line.get("trace_id"), None);
}

#[test]
fn empty_object_gets_no_comma() {
    let written = Written::default();
    let bare = format()
        .without_time()
        .with_level(false)
        .with_target(false)
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    let subscriber = tracing_subscriber::fmt()
        .json()
        .event_format(CorrelatedFormat::json(bare).service_name("orders"))
        .with_writer(written.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || info!(n = tracing::field::Empty));
    assert_eq!(written.text(), "{\"service.name\":\"orders\"}\n");
}

#[test]
fn text_of_the_other_format_comes_after_the_fields() {
    let _span = in_example_span();
    let written = text_lines(|| {
        info_span!("price", sku = "teapot")
            .in_scope(|| info!(target: "shop", cents = 1200, "priced"));
    });
    let expected = format!(
        "service.name=orders trace_id={TRACE_ID} span_id={SPAN_ID} trace_flags=01  INFO price{{sku=\"teapot\"}}: shop: priced cents=1200"
    );
    assert_eq!(one_line(&written), expected);
}

#[test]
fn line_breaks_of_the_other_format_are_escaped() {
    let written = text_lines(|| info!(target: "shop", "one\ntwo\r\nthree"));
    let expected = r"service.name=orders  INFO shop: one\ntwo\r\nthree";
    assert_eq!(one_line(&written), expected);
}
