//! Events under the span of a `Context`, and where the API holds its lock.

use std::{error::Error, fmt, sync::mpsc, thread, time::Duration};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{Status, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracer_core::{
    InSpan as _, SpanProcessor, SpanRecord, current_context, span, start_span, traced,
};
use tracing::{error, info, info_span};

use super::{
    events::{check, owners},
    support::{Ours, map},
};

#[test]
fn event_is_that_of_the_active_span_of_a_context() {
    let expected = [
        ("1", "1 otel"),
        ("2", "2 tracing"),
        ("3", "3 otel"),
        ("4", "4 native"),
        ("3 again", "3 otel"),
        ("2 again", "2 tracing"),
    ];
    check(&expected, |ours| {
        let tracer = ours.provider.tracer("test");
        let attach = |name| Context::current_with_span(tracer.start(name)).attach();
        let _one = attach("1 otel");
        info!("1");
        let _two = info_span!("2 tracing").entered();
        info!("2");
        {
            let _three = attach("3 otel");
            info!("3");
            {
                let _four = span!("4 native");
                info!("4");
            }
            info!("3 again");
        }
        info!("2 again");
    });
}

/// It has the span of a guard as a parent only, or none at all.
#[test]
fn context_that_is_attached_for_others_hides_no_span() {
    check(&[("native", "native"), ("tracing", "tracing")], |_| {
        let _tracing = info_span!("tracing").entered();
        {
            let _empty = Context::new().attach();
            info!("tracing");
        }
        let _native = span!("native");
        let _same = current_context().attach();
        info!("native");
    });
}

#[test]
fn event_of_a_future_is_its_spans() {
    #[traced]
    async fn charge() {
        info!("traced");
    }
    check(
        &[("in", "request"), ("traced", "charge"), ("after", "outer")],
        |_| {
            let _outer = info_span!("outer").entered();
            let request = async {
                charge().await;
                info!("in");
            };
            let request = request.in_span(start_span!("request"));
            futures_util::FutureExt::now_or_never(request).expect("ready");
            info!("after");
        },
    );
}

/// Logs where the API, or the provider, holds the lock of the span that is current.
#[derive(Debug)]
struct Logs;

impl SpanProcessor for Logs {
    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        info!("in a processor");
    }
}

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!("in a text");
        f.write_str("logs")
    }
}

impl Error for Logs {}

#[test]
fn code_that_logs_while_the_current_span_is_locked_does_not_wait_for_itself() {
    let (done, is_done) = mpsc::channel();
    let worker = thread::spawn(move || {
        for guards in [false, true] {
            let ours = Ours::with(|builder| builder.context_activation(guards).processor(Logs));
            let _default = ours.provider.set_thread_default();
            ours.run(|| {
                let span = ours.provider.tracer("test").start("otel");
                let context = Context::current_with_span(span);
                let _attached = context.clone().attach();
                info!("otel");
                context.span().record_error(&Logs);
                context.span().end();
                {
                    let native = span!("native");
                    info!("native");
                    native.record_error(&Logs);
                    Context::current().span().record_error(&Logs);
                    Context::current().span().end();
                    native.end();
                }
                let tracing = info_span!("tracing", field = %Logs).entered();
                info!("tracing");
                Context::current().span().record_error(&Logs);
                drop(tracing);
            });
            let spans = ours.spans();
            for name in ["otel", "native", "tracing"] {
                assert_eq!(owners(&spans, name), [name]);
            }
        }
        // The receiver waits for it.
        let _ = done.send(());
    });
    let result = is_done.recv_timeout(Duration::from_secs(30));
    assert_ne!(result, Err(mpsc::RecvTimeoutError::Timeout), "a deadlock");
    worker.join().expect("no panic");
}

/// A span of the stock SDK's in a `Context`.
#[test]
fn span_of_another_sdk_takes_events() {
    let memory = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(memory.clone())
        .build();
    let ours = Ours::new();
    ours.run(|| {
        let _tracing = info_span!("tracing").entered();
        provider.tracer("stock").in_span("stock", |_| {
            error!(n = 1, "in");
        });
    });
    let [stock] = memory
        .get_finished_spans()
        .expect("spans")
        .try_into()
        .expect("one");
    assert_eq!(stock.status, Status::error(""));
    assert_eq!(
        map(&stock.events.events[0].attributes).get("n"),
        Some(&1.into())
    );
    assert!(owners(&ours.spans(), "in").is_empty());
}
