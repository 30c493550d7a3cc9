//! The order in which processors of the application are called, changes that they make at the end
//! of a span, discarding, flush and shutdown.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    baggage::BaggageExt as _,
    trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{Resource, trace::SamplingDecision};
use tracer_core::{
    FlushError, ShutdownError, Span, SpanProcessor, SpanRecord, TracerProvider,
    TracerProviderBuilder,
    testing::{TestProvider, assert_trace},
};

use crate::support::{
    Recorder, TIMEOUT, balanced, eventually,
    sampler::{self},
};

fn exporting(recorder: &Recorder) -> TracerProviderBuilder {
    TracerProvider::builder().exporter(recorder.clone())
}

/// A processor that writes down its calls.
#[derive(Clone, Debug)]
struct Scribe {
    name: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Scribe {
    fn write(&self, line: &str) {
        let line = format!("{} {line}", self.name);
        self.lines.lock().unwrap().push(line);
    }
}

impl SpanProcessor for Scribe {
    fn set_resource(&mut self, resource: &Resource) {
        let from = resource.get(&"from".into()).map(|value| value.to_string());
        self.write(&format!("resource {from:?}"));
    }

    fn on_start(&self, span: &mut Span, parent: &Context) {
        let record = span.record().expect("recording");
        let tenant = parent.baggage().get("tenant").map(ToString::to_string);
        let (kind, a) = (record.kind(), record.attribute("a"));
        self.write(&format!(
            "start {} {kind:?} {a:?} {tenant:?}",
            record.name()
        ));
    }

    fn on_ending(&self, span: &mut Span) {
        assert!(span.is_recording());
        let record = span.record().expect("recording");
        let nanos = record.end_unix_nanos() - record.start_unix_nanos();
        let dropped = record.dropped_attributes();
        let scope = span.scope().expect("recording");
        let line = format!(
            "ending {nanos} {:?} {} {dropped}",
            record.status(),
            scope.name()
        );
        self.write(&line);
    }

    fn on_end(&self, span: &SpanRecord<'_>, scope: &InstrumentationScope) {
        let (scope, dropped) = (scope.name(), span.dropped_attributes());
        self.write(&format!("end {} {scope} {dropped}", span.name()));
    }

    fn force_flush(&self, _timeout: Duration) -> Result<(), FlushError> {
        self.write("flush");
        Ok(())
    }

    fn shutdown(&self, _timeout: Duration) -> Result<(), FlushError> {
        self.write("shutdown");
        Ok(())
    }
}

/// trace/sdk.md "Span processor" and "OnEnding".
#[test]
fn processors_are_called_in_order_with_what_they_are_promised() {
    let lines = Arc::default();
    let scribe = |name| Scribe {
        name,
        lines: Arc::clone(&lines),
    };
    let provider = TracerProvider::builder()
        .processor(scribe("first"))
        .processor(scribe("second"))
        .span_limits(tracer_core::SpanLimits::default().max_attributes(1))
        .resource(
            Resource::builder_empty()
                .with_attribute(KeyValue::new("from", "here"))
                .build(),
        )
        .build()
        .expect("provider");
    // Another scope, so that the right one of two is found.
    provider.tracer("other");
    let tracer = provider.tracer("scope");
    let parent = Context::new().with_baggage([KeyValue::new("tenant", "blue")]);
    let start = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let builder = tracer
        .span_builder("work")
        .with_kind(SpanKind::Server)
        .with_attributes([KeyValue::new("a", 1), KeyValue::new("over", 2)])
        .with_start_time(start);
    let mut span = tracer.build_with_context(builder, &parent);
    span.set_status(Status::error("late"));
    span.end_with_timestamp(start + Duration::from_nanos(42));
    assert_eq!(span.record().map(|_| ()), None, "it has ended");
    provider.force_flush(TIMEOUT).expect("flush");
    provider.shutdown(TIMEOUT).expect("shutdown");
    drop(provider);
    let expected: Vec<_> = [
        r#"resource Some("here")"#,
        r#"start work Server Some(I64(1)) Some("blue")"#,
        r#"ending 42 Error { description: "late" } scope 0"#,
        r#"end work scope 1"#,
        "flush",
        "shutdown",
    ]
    .iter()
    .flat_map(|line| [format!("first {line}"), format!("second {line}")])
    .collect();
    assert_eq!(*lines.lock().unwrap(), expected);
}

/// A processor that changes a span in every way, and keeps the span that it gets at the end.
#[derive(Clone, Debug, Default)]
struct Redactor {
    seen: Arc<Mutex<Vec<(String, bool)>>>,
}

impl SpanProcessor for Redactor {
    fn on_start(&self, span: &mut Span, _parent: &Context) {
        span.set_attribute(KeyValue::new("at.start", true));
    }

    fn on_ending(&self, span: &mut Span) {
        if span.record().is_some_and(|record| record.name() == "noise") {
            return span.discard();
        }
        assert!(span.remove_attribute("secret"));
        assert!(!span.remove_attribute("secret"));
        span.set_attribute(KeyValue::new("card", "****"));
        span.add_event("redacted", vec![]);
        span.update_name("GET /users/{id}");
        span.set_status(Status::Ok);
    }

    fn on_end(&self, span: &SpanRecord<'_>, _: &InstrumentationScope) {
        let seen = (span.name().to_owned(), span.trace_flags().is_sampled());
        self.seen.lock().unwrap().push(seen);
    }
}

#[test]
fn what_a_processor_changes_or_discards_at_the_end_is_so_at_the_exporter() {
    let redactor = Redactor::default();
    let trace = TestProvider::with(|builder| builder.processor(redactor.clone()));
    let tracer = trace.tracer("t");
    let mut span = tracer.start("GET /users/17");
    span.set_attributes(["card", "secret", "plain"].map(|key| KeyValue::new(key, "1234")));
    drop(span);
    tracer.start("noise").end();
    assert_trace!(
        trace,
        r#"
        "GET /users/{id}" ok exactly
            at.start = true
            card = "****"
            plain = "1234"
            event "redacted"
        "#
    );
    let stats = trace.balance();
    assert_eq!((stats.ended, stats.dropped.discarded), (2, 1));
    let seen = redactor.seen.lock().unwrap();
    assert_eq!(
        *seen,
        [
            ("GET /users/{id}".to_owned(), true),
            ("noise".to_owned(), false)
        ]
    );
}

/// trace/sdk.md "Sampling": processors receive record-only spans, exporters do not.
#[test]
fn record_only_spans_reach_processors_and_never_exporters() {
    let redactor = Redactor::default();
    let trace = TestProvider::with(|builder| {
        builder
            .processor(redactor.clone())
            .sampler(sampler::always(SamplingDecision::RecordOnly))
    });
    trace.tracer("t").start("noise").end();
    assert_trace!(trace, "");
    assert_eq!(
        *redactor.seen.lock().unwrap(),
        [("noise".to_owned(), false)]
    );
    let stats = trace.balance();
    assert_eq!((stats.not_sampled, stats.dropped.discarded), (1, 0));
}

/// trace/api.md "Enabled", trace/sdk.md "Enabled".
#[test]
fn tracer_is_enabled_while_a_processor_or_exporter_gets_its_spans() {
    let bare = TracerProvider::builder().build().expect("provider");
    assert!(!bare.tracer("t").enabled());
    let seen = TracerProvider::builder()
        .processor(Redactor::default())
        .build()
        .expect("provider");
    let tracer = seen.tracer("t");
    assert!(tracer.enabled());
    let sent = exporting(&Recorder::default()).build().expect("provider");
    assert!(sent.tracer("t").enabled());
    seen.shutdown(TIMEOUT).expect("shutdown");
    assert!(!tracer.enabled());
}

/// A processor that hangs in each flush and in the shutdown until it is released, and then returns
/// a given result.
#[derive(Debug)]
struct Stubborn {
    go_on: Mutex<mpsc::Receiver<()>>,
    then: Result<(), FlushError>,
}

impl SpanProcessor for Stubborn {
    fn force_flush(&self, _timeout: Duration) -> Result<(), FlushError> {
        // An error means that the sender is gone, which also releases this call.
        let _ = self.go_on.lock().unwrap().recv();
        self.then.clone()
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.force_flush(timeout)
    }
}

#[test]
fn hung_processor_delays_no_caller_beyond_the_deadline_and_no_export() {
    let recorder = Recorder::default();
    let (hold, go_on) = mpsc::channel::<()>();
    let stubborn = Stubborn {
        go_on: Mutex::new(go_on),
        then: Ok(()),
    };
    let provider = exporting(&recorder)
        .processor(stubborn)
        .build()
        .expect("provider");
    provider.tracer("t").start("x").end();
    let began = Instant::now();
    let short = Duration::from_millis(100);
    assert_eq!(provider.force_flush(short), Err(FlushError::Deadline));
    eventually("the export", || recorder.distinct() == 1);
    let late = ShutdownError::Flush(FlushError::Deadline);
    assert_eq!(provider.shutdown(short), Err(late));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    balanced(&provider);
    drop(hold);
}

#[test]
fn error_of_a_processor_is_that_of_the_flush() {
    let (hold, go_on) = mpsc::channel::<()>();
    drop(hold);
    let stubborn = Stubborn {
        go_on: Mutex::new(go_on),
        then: Err(FlushError::NotDelivered { spans: 7 }),
    };
    let provider = TracerProvider::builder()
        .processor(stubborn)
        .build()
        .expect("provider");
    let failed = FlushError::NotDelivered { spans: 7 };
    assert_eq!(provider.force_flush(TIMEOUT), Err(failed.clone()));
    assert_eq!(
        provider.shutdown(TIMEOUT),
        Err(ShutdownError::Flush(failed))
    );
}
