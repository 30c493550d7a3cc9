//! A batch of records on its way to the exporters.

use std::{fmt, sync::Arc};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;

use super::SpanRecord;

/// A batch of ended spans of one resource, in the order in which the worker read them.
#[derive(Clone)]
pub struct SpanBatch {
    // The worker's own buffer, so that passing a batch on copies no record.
    records: Arc<Vec<u8>>,
    len: usize,
    resource: Arc<Resource>,
    scopes: Arc<[InstrumentationScope]>,
}

// Only sizes in the two `Debug` impls, because the contents of spans may be secret.
impl fmt::Debug for SpanBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanBatch")
            .field("len", &self.len)
            .field("record_bytes", &self.records.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SpanRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanRecords")
            .field("bytes", &self.rest.len())
            .finish_non_exhaustive()
    }
}

/// The size of a batch, or the largest size of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchSize {
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
}

impl SpanBatch {
    pub(crate) fn new(
        records: Vec<u8>,
        len: usize,
        resource: Arc<Resource>,
        scopes: Arc<[InstrumentationScope]>,
    ) -> Self {
        Self {
            records: Arc::new(records),
            len,
            resource,
            scopes,
        }
    }

    /// Returns how many spans the batch holds.
    pub fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn size(&self) -> BatchSize {
        BatchSize {
            spans: self.len as u64,
            bytes: self.records.len() as u64,
        }
    }

    /// Returns whether the batch holds no span.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the size of the records in bytes. It is within a few per cent of their size in OTLP.
    pub fn record_bytes(&self) -> usize {
        self.records.len()
    }

    /// Returns the resource of all spans of the batch.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Returns the instrumentation scopes of the provider, to which [`SpanRecord::scope_index`]
    /// refers. They may include scopes without a span in this batch.
    pub fn scopes(&self) -> &[InstrumentationScope] {
        &self.scopes
    }

    /// Iterates over the spans, in the order in which the worker read them.
    ///
    /// # Cost
    /// No allocation; a record is a view into the batch.
    pub fn spans(&self) -> SpanRecords<'_> {
        SpanRecords {
            rest: &self.records,
        }
    }
}

/// An iterator over the spans of a batch, returned by [`SpanBatch::spans`].
#[derive(Clone)]
pub struct SpanRecords<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for SpanRecords<'a> {
    type Item = SpanRecord<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = SpanRecord::read(self.rest)?;
        self.rest = self.rest.get(record.head.len as usize..)?;
        Some(record)
    }
}
