//! A batch as the bytes of an `ExportTraceServiceRequest`
//! (`opentelemetry/proto/collector/trace/v1/trace_service.proto`).
//!
//! Attributes, events and links of a span are already protobuf when a batch arrives, so a span
//! costs its head fields and one copy. The request groups spans by scope, and a batch mixes
//! scopes; sorting would need a second buffer. Instead a first pass over the batch adds up what
//! each scope needs, which fixes where each scope begins, and a second pass writes every span at
//! its scope's cursor:
//!
//! ```text
//! | resource | scope 0 | span span span | schema URL | scope 2 | span .. | schema URL | schema URL |
//!                           ^ cursor 0 moves right              ^ cursor 2
//! ```

mod messages;

use opentelemetry::InstrumentationScope;
use tracer_core::{ExportError, SpanBatch};

use self::messages::{ResourceMessage, ScopeMessage, SpanMessage};
use crate::protobuf::{Count, Fill, Message, len_head, message_field, text_field};

/// `ExportTraceServiceRequest.resource_spans`.
const RESOURCE_SPANS: u32 = 1;
/// `ResourceSpans.resource`, `.scope_spans`, `.schema_url`.
const RESOURCE: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const RESOURCE_SCHEMA_URL: u32 = 3;
/// `ScopeSpans.scope`, `.spans`, `.schema_url`.
const SCOPE: u32 = 1;
const SPANS: u32 = 2;
const SCOPE_SCHEMA_URL: u32 = 3;

/// Encodes batches into memory that it keeps for the next one: for exporters that send OTLP in ways
/// of their own, as through a queue or a file.
///
/// # Cost
/// No allocation once the memory has grown to the size of the largest batch.
#[derive(Debug, Default)]
pub struct Encoder {
    // Longer than the last encoding if an earlier one was: that spares zeroing new space.
    buffer: Vec<u8>,
    scopes: Vec<ScopeLayout>,
}

/// What one scope takes in the request. A scope without spans is not written.
#[derive(Clone, Copy, Debug, Default)]
struct ScopeLayout {
    spans_len: usize,
    /// Where its next span goes.
    cursor: usize,
}

impl Encoder {
    /// The bytes of the `ExportTraceServiceRequest` for `batch`.
    ///
    /// # Errors
    /// [`ExportError::Encode`] if the batch contradicts itself.
    ///
    /// # Examples
    /// ```
    /// use std::{io::Write, time::Duration};
    ///
    /// use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    /// use tracer_core::{ExportError, ExportFuture, ExportSuccess, SpanBatch, SpanExporter, Status};
    /// use tracer_export::OtlpEncoder;
    ///
    /// /// Writes each batch to standard error.
    /// #[derive(Debug)]
    /// struct Stderr;
    ///
    /// impl SpanExporter for Stderr {
    ///     fn component_type(&self) -> &'static str {
    ///         "stderr"
    ///     }
    ///
    ///     fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
    ///         Box::pin(async {
    ///             let mut encoder = OtlpEncoder::default();
    ///             let written = std::io::stderr().write_all(encoder.request(batch)?);
    ///             let status = Status::Other;
    ///             written.map_err(|_| ExportError::NonRetryable { status })?;
    ///             Ok(ExportSuccess::default())
    ///         })
    ///     }
    /// }
    ///
    /// let provider = tracer_core::TracerProvider::builder().exporter(Stderr).build()?;
    /// provider.tracer("shop").in_span("checkout", |_context| {});
    /// provider.shutdown(Duration::from_secs(5))?;
    /// assert_eq!(provider.stats().exporters[0].exported, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request(&mut self, batch: &SpanBatch) -> Result<&[u8], ExportError> {
        let len = self.encode(batch, 0).ok_or(ExportError::Encode)?;
        Ok(self.bytes(len))
    }

    /// Encodes `batch` behind `lead` bytes that are the caller's, and returns the length of both.
    /// `None` if the batch contradicts itself.
    pub(crate) fn encode(&mut self, batch: &SpanBatch, lead: usize) -> Option<usize> {
        self.measure_spans(batch)?;
        let resource_spans_len = resource_spans_len(batch, &self.scopes);
        let mut count = Count::default();
        len_head(&mut count, RESOURCE_SPANS, resource_spans_len);
        let len = lead + count.0 + resource_spans_len;
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        let mut out = Fill::new(self.buffer.get_mut(..len)?);
        out.skip(lead);
        len_head(&mut out, RESOURCE_SPANS, resource_spans_len);
        write_around_spans(&mut out, batch, &mut self.scopes);
        let complete = out.is_complete();
        self.write_spans(batch)?;
        complete.then_some(len)
    }

    /// The first `len` bytes of the last encoding.
    pub(crate) fn bytes(&self, len: usize) -> &[u8] {
        self.buffer.get(..len).unwrap_or_default()
    }

    /// The first `len` bytes of the last encoding.
    pub(crate) fn bytes_mut(&mut self, len: usize) -> &mut [u8] {
        self.buffer.get_mut(..len).unwrap_or_default()
    }

    /// The memory kept for the next batch, in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    fn measure_spans(&mut self, batch: &SpanBatch) -> Option<()> {
        self.scopes.clear();
        self.scopes
            .resize(batch.scopes().len(), ScopeLayout::default());
        let mut spans = 0;
        for record in batch.spans() {
            let span_len = field_len(SPANS, SpanMessage(&record).encoded_len());
            self.scopes.get_mut(record.scope_index())?.spans_len += span_len;
            spans += 1;
        }
        (spans == batch.len()).then_some(())
    }

    fn write_spans(&mut self, batch: &SpanBatch) -> Option<()> {
        for record in batch.spans() {
            let layout = self.scopes.get_mut(record.scope_index())?;
            let mut out = Fill::new(self.buffer.get_mut(layout.cursor..)?);
            message_field(&mut out, SPANS, &SpanMessage(&record));
            layout.cursor += out.position();
        }
        Some(())
    }
}

/// Writes a `ResourceSpans` but for the spans, and sets each scope's cursor to its first span.
fn write_around_spans(out: &mut Fill<'_>, batch: &SpanBatch, scopes: &mut [ScopeLayout]) {
    message_field(out, RESOURCE, &ResourceMessage(batch.resource()));
    for (scope, layout) in batch.scopes().iter().zip(scopes) {
        if layout.spans_len == 0 {
            continue;
        }
        len_head(out, SCOPE_SPANS, scope_spans_len(scope, layout));
        message_field(out, SCOPE, &ScopeMessage(scope));
        layout.cursor = out.position();
        out.skip(layout.spans_len);
        text_field(
            out,
            SCOPE_SCHEMA_URL,
            scope.schema_url().unwrap_or_default(),
        );
    }
    let schema_url = batch.resource().schema_url().unwrap_or_default();
    text_field(out, RESOURCE_SCHEMA_URL, schema_url);
}

/// What [`write_around_spans`] writes and leaves for the spans, in bytes.
fn resource_spans_len(batch: &SpanBatch, scopes: &[ScopeLayout]) -> usize {
    let mut count = Count::default();
    message_field(&mut count, RESOURCE, &ResourceMessage(batch.resource()));
    for (scope, layout) in batch.scopes().iter().zip(scopes) {
        if layout.spans_len > 0 {
            count.0 += field_len(SCOPE_SPANS, scope_spans_len(scope, layout));
        }
    }
    let schema_url = batch.resource().schema_url().unwrap_or_default();
    text_field(&mut count, RESOURCE_SCHEMA_URL, schema_url);
    count.0
}

fn scope_spans_len(scope: &InstrumentationScope, layout: &ScopeLayout) -> usize {
    let mut count = Count::default();
    message_field(&mut count, SCOPE, &ScopeMessage(scope));
    let schema_url = scope.schema_url().unwrap_or_default();
    text_field(&mut count, SCOPE_SCHEMA_URL, schema_url);
    count.0 + layout.spans_len
}

/// The length of a field whose content is `len` bytes long.
fn field_len(field: u32, len: usize) -> usize {
    let mut count = Count::default();
    len_head(&mut count, field, len);
    count.0 + len
}

#[cfg(test)]
mod tests;
