//! To `opentelemetry_sdk` and back. Its traits will change again before they are stable, so all
//! that touches them is here.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use opentelemetry::{
    Array, Context, KeyValue, StringValue, Value,
    trace::{Event, Link, SpanContext, SpanId, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanEvents, SpanExporter as SdkSpanExporter, SpanLinks},
};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::{
    clock::system_time,
    exporter::{self, ExportError, ExportFuture, ExportResult, ExportSuccess, SpanExporter},
    pipeline::{SpanBatch, SpanRecord},
    span::wire::{Field, next_field},
};

/// How long a wrapped exporter may take to shut down: the SDK's own default.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Any [`opentelemetry_sdk::trace::SpanExporter`] as an exporter of ours.
///
/// # Runtime
/// The SDK's exporters are of two kinds: some block (the blocking HTTP client), some need a tokio
/// runtime (gRPC). This adapter suits both: it runs them on a blocking thread of the provider's own
/// runtime, where tokio's handle is current and blocking is allowed. Calls never overlap, as the
/// SDK's trait demands.
///
/// # Cost
/// Each span is rebuilt as a [`SpanData`], which only those pay who use this adapter.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider as _};
/// use opentelemetry_sdk::trace::InMemorySpanExporter;
/// use std::time::Duration;
///
/// let memory = InMemorySpanExporter::default();
/// let provider = tracer_core::TracerProvider::builder()
///     .exporter(tracer_core::sdk::SdkExporter::new(memory.clone()))
///     .build()?;
/// provider.tracer("shop").start("checkout");
/// provider.force_flush(Duration::from_secs(5))?;
/// assert_eq!(memory.get_finished_spans()?[0].name, "checkout");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SdkExporter<E> {
    exporter: Arc<E>,
    /// Held during a call, so that calls do not overlap.
    turn: Arc<Mutex<()>>,
}

impl<E: SdkSpanExporter + 'static> SdkExporter<E> {
    /// Wraps an exporter.
    pub fn new(exporter: E) -> Self {
        Self {
            exporter: Arc::new(exporter),
            turn: Arc::default(),
        }
    }

    /// Runs `call` on a blocking thread, after the calls before it.
    async fn run<F>(&self, call: F) -> ExportResult
    where
        F: FnOnce(&E) -> OTelSdkResult + Send + 'static,
    {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let exporter = Arc::clone(&self.exporter);
        let done = spawn_blocking(move || {
            // Kept until the call returns, even when the waiting future is dropped by a timeout.
            let _turn = turn;
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            call(&exporter)
        });
        match done.await {
            Ok(Ok(())) => Ok(ExportSuccess::default()),
            Ok(Err(OTelSdkError::AlreadyShutdown)) => Err(ExportError::AlreadyShutdown),
            Ok(Err(OTelSdkError::Timeout(after))) => Err(ExportError::Deadline { after }),
            // The text may hold anything the destination said, so it goes no further.
            Ok(Err(OTelSdkError::InternalFailure(_))) => Err(ExportError::NonRetryable {
                status: exporter::Status::Other,
            }),
            Err(_) => Err(ExportError::Panicked),
        }
    }
}

impl<E: SdkSpanExporter + 'static> SpanExporter for SdkExporter<E> {
    fn component_type(&self) -> &'static str {
        "sdk_span_exporter"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            let spans = batch.to_span_data();
            self.run(move |exporter| block_on(exporter.export(spans)))
                .await
        })
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }

    fn force_flush(&self) -> ExportFuture<'_> {
        Box::pin(self.run(E::force_flush))
    }

    fn shutdown(&self) -> ExportFuture<'_> {
        Box::pin(self.run(|exporter| exporter.shutdown_with_timeout(SHUTDOWN_TIMEOUT)))
    }
}

impl<E> fmt::Debug for SdkExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkExporter").finish_non_exhaustive()
    }
}

/// Polls a future on this thread, which sleeps between polls. Not tokio's `block_on`: inside it,
/// blocking clients panic.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = TaskContext::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

impl SpanBatch {
    /// The spans as the SDK's type, for code written against it.
    ///
    /// # Cost
    /// Allocates every string anew.
    pub fn to_span_data(&self) -> Vec<SpanData> {
        self.spans()
            .map(|span| {
                let scope = self.scopes().get(span.scope_index()).cloned();
                let mut data = SpanData {
                    span_context: SpanContext::new(
                        span.trace_id(),
                        span.span_id(),
                        span.trace_flags(),
                        false,
                        span.trace_state().parse().unwrap_or_default(),
                    ),
                    parent_span_id: span.parent_span_id(),
                    parent_span_is_remote: span.parent_is_remote(),
                    span_kind: span.kind(),
                    name: span.name().to_owned().into(),
                    start_time: system_time(span.start_unix_nanos()),
                    end_time: system_time(span.end_unix_nanos()),
                    attributes: Vec::new(),
                    dropped_attributes_count: 0,
                    events: SpanEvents::default(),
                    links: SpanLinks::default(),
                    status: status(&span),
                    instrumentation_scope: scope.unwrap_or_default(),
                };
                read_fields(span.otlp_fields(), &mut data);
                data
            })
            .collect()
    }
}

fn status(span: &SpanRecord<'_>) -> Status {
    match span.otlp_status_code() {
        1 => Status::Ok,
        2 => Status::error(span.status_message().to_owned()),
        _ => Status::Unset,
    }
}

// The messages below were written by `span::recording`; fields of other kinds cannot occur and are
// passed over.

fn read_fields(mut rest: &[u8], data: &mut SpanData) {
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            (9, Field::Bytes(bytes)) => data.attributes.extend(key_value(bytes)),
            (10, Field::Varint(count)) => data.dropped_attributes_count = saturate(count),
            (11, Field::Bytes(bytes)) => data.events.events.push(event(bytes)),
            (12, Field::Varint(count)) => data.events.dropped_count = saturate(count),
            (13, Field::Bytes(bytes)) => data.links.links.push(link(bytes)),
            (14, Field::Varint(count)) => data.links.dropped_count = saturate(count),
            _ => {}
        }
    }
}

fn event(mut rest: &[u8]) -> Event {
    let (mut name, mut nanos, mut attributes, mut dropped) = (String::new(), 0, Vec::new(), 0);
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            (1, Field::Fixed64(time)) => nanos = time,
            (2, Field::Bytes(bytes)) => name = text(bytes),
            (3, Field::Bytes(bytes)) => attributes.extend(key_value(bytes)),
            (4, Field::Varint(count)) => dropped = saturate(count),
            _ => {}
        }
    }
    Event::new(name, system_time(nanos), attributes, dropped)
}

fn link(mut rest: &[u8]) -> Link {
    let (mut trace_id, mut span_id) = (TraceId::INVALID, SpanId::INVALID);
    let (mut flags, mut state) = (0_u32, TraceState::NONE);
    let (mut attributes, mut dropped) = (Vec::new(), 0);
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            (1, Field::Bytes(bytes)) => {
                trace_id = bytes.try_into().map_or(trace_id, TraceId::from_bytes);
            }
            (2, Field::Bytes(bytes)) => {
                span_id = bytes.try_into().map_or(span_id, SpanId::from_bytes);
            }
            (3, Field::Bytes(bytes)) => state = text(bytes).parse().unwrap_or_default(),
            (4, Field::Bytes(bytes)) => attributes.extend(key_value(bytes)),
            (5, Field::Varint(count)) => dropped = saturate(count),
            (6, Field::Fixed32(bits)) => flags = bits,
            _ => {}
        }
    }
    let remote = flags & 0x200 != 0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bits 0 to 7 are the W3C flags"
    )]
    let flags = TraceFlags::new(flags as u8);
    let context = SpanContext::new(trace_id, span_id, flags, remote, state);
    Link::new(context, attributes, dropped)
}

fn key_value(mut rest: &[u8]) -> Option<KeyValue> {
    let (mut key, mut value) = (String::new(), None);
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            (1, Field::Bytes(bytes)) => key = text(bytes),
            (2, Field::Bytes(bytes)) => value = any_value(bytes),
            _ => {}
        }
    }
    Some(KeyValue::new(key, value?))
}

fn any_value(mut rest: &[u8]) -> Option<Value> {
    Some(match next_field(&mut rest)? {
        (1, Field::Bytes(bytes)) => Value::String(text(bytes).into()),
        (2, Field::Varint(bool)) => Value::Bool(bool != 0),
        (3, Field::Varint(int)) => Value::I64(int.cast_signed()),
        (4, Field::Fixed64(bits)) => Value::F64(f64::from_bits(bits)),
        (5, Field::Bytes(bytes)) => Value::Array(array(bytes)),
        _ => return None,
    })
}

/// The elements are of one type, because the API's arrays are; an empty array has forgotten which.
fn array(mut rest: &[u8]) -> Array {
    let mut elements = Vec::new();
    while let Some((1, Field::Bytes(bytes))) = next_field(&mut rest) {
        elements.extend(any_value(bytes));
    }
    let bools: Vec<bool> = each(&elements, |value| match value {
        Value::Bool(bool) => Some(*bool),
        _ => None,
    });
    let ints: Vec<i64> = each(&elements, |value| match value {
        Value::I64(int) => Some(*int),
        _ => None,
    });
    let doubles: Vec<f64> = each(&elements, |value| match value {
        Value::F64(double) => Some(*double),
        _ => None,
    });
    match elements.first() {
        Some(Value::Bool(_)) => Array::Bool(bools),
        Some(Value::I64(_)) => Array::I64(ints),
        Some(Value::F64(_)) => Array::F64(doubles),
        _ => Array::String(each(&elements, |value| match value {
            Value::String(string) => Some(string.clone()),
            _ => None::<StringValue>,
        })),
    }
}

fn each<T>(elements: &[Value], element: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    elements.iter().filter_map(element).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn saturate(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
