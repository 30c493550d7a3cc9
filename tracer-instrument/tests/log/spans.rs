//! The ids are those of the innermost current span, of whatever API.

use opentelemetry::Context;
use opentelemetry::trace::{FutureExt as _, SpanContext, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde_json::Value;
use tracer_core::span;
use tracer_instrument::log::TraceFields;
use tracing::{Instrument as _, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

use super::{Written, json, parse};

#[track_caller]
fn assert_is_of(line: &Value, span: &SpanContext) {
    // The API's own text of ids is an independent implementation.
    assert_eq!(line["trace_id"], span.trace_id().to_string());
    assert_eq!(line["span_id"], span.span_id().to_string());
    assert_eq!(
        line["trace_flags"],
        format!("{:02x}", span.trace_flags().to_u8())
    );
}

#[test]
fn line_in_a_span_has_its_ids_and_after_it_the_parents() {
    let tracer = SdkTracerProvider::builder().build().tracer("shop");
    tracer.in_span("order", |order| {
        let order = order.span().span_context().clone();
        let price = tracer.in_span("price", |price| {
            let line = json(|| info!("inside"));
            assert_is_of(&line, price.span().span_context());
            line
        });
        let after = json(|| info!("after"));
        assert_is_of(&after, &order);
        assert_eq!(after["trace_id"], price["trace_id"]);
        assert_ne!(after["span_id"], price["span_id"]);
    });
    assert_eq!(json(|| info!("outside")).get("trace_id"), None);
}

#[test]
fn unsampled_span_has_ids_and_flags_that_say_so() {
    let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff);
    provider.build().tracer("shop").in_span("order", |context| {
        let line = json(|| info!("not recorded"));
        assert_is_of(&line, context.span().span_context());
        assert_eq!(line["trace_flags"], "00");
    });
}

#[test]
fn native_span_gives_its_ids_and_the_newer_one_wins() {
    let provider = tracer_core::TracerProvider::builder().build().unwrap();
    let _default = provider.set_thread_default();
    let native = span!("order");
    assert_is_of(&json(|| info!("native")), &native.span_context());
    provider.tracer("shop").in_span("price", |context| {
        let inner = json(|| info!("of Context"));
        assert_is_of(&inner, context.span().span_context());
        let innermost = span!("discount");
        assert_is_of(&json(|| info!("native")), &innermost.span_context());
    });
    assert_is_of(&json(|| info!("native again")), &native.span_context());
    drop(native);
    assert_eq!(json(|| info!("outside")).get("trace_id"), None);
}

#[tokio::test]
async fn line_of_a_future_has_the_ids_of_its_span() {
    let tracer = SdkTracerProvider::builder().build().tracer("shop");
    let context = Context::current_with_span(tracer.start("order"));
    let expected = TraceFields::of(context.span().span_context());
    let seen = async {
        tokio::task::yield_now().await;
        TraceFields::current()
    };
    assert_eq!(seen.with_context(context).await, expected);
    assert_eq!(TraceFields::current(), None);
}

#[tokio::test]
async fn line_in_a_span_of_our_layer_for_tracing_has_its_ids() {
    let written = Written::default();
    let provider = tracer_core::TracerProvider::builder().build().unwrap();
    let _default = provider.set_thread_default();
    let lines = tracing_subscriber::fmt::layer()
        .event_format(tracer_instrument::log::LineFormat::json().service_name("orders"))
        .with_writer(written.clone());
    let subscriber = tracing_subscriber::registry()
        .with(tracer_instrument::tracing::layer())
        .with(lines);
    let _subscriber = tracing::subscriber::set_default(subscriber);
    let native = span!("request");
    let order = async {
        tokio::task::yield_now().await;
        info!("inside");
        Context::current().span().span_context().clone()
    };
    let order = order.instrument(info_span!("order")).await;
    info!("after");
    let written = written.text();
    let (inside, after) = written.split_once('\n').unwrap();
    assert_eq!(order.trace_id(), native.span_context().trace_id());
    assert_is_of(&parse(&format!("{inside}\n")), &order);
    assert_is_of(&parse(after), &native.span_context());
}

/// Its layer makes the spans that it makes current in `opentelemetry::Context`, unless told otherwise.
#[test]
fn line_in_a_span_of_tracing_opentelemetry_has_its_ids() {
    let written = Written::default();
    let tracer = SdkTracerProvider::builder().build().tracer("shop");
    let lines = tracing_subscriber::fmt::layer()
        .event_format(tracer_instrument::log::LineFormat::json().service_name("orders"))
        .with_writer(written.clone());
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .with(lines);
    let span = tracing::subscriber::with_default(subscriber, || {
        info_span!("order").in_scope(|| {
            info!("inside");
            Context::current().span().span_context().clone()
        })
    });
    assert!(span.is_valid());
    assert_is_of(&parse(&written.text()), &span);
}
