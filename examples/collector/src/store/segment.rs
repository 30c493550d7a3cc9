//! Segments: the spans of one trace from one request, encoded as OTLP and compressed.

use std::sync::Arc;

use super::encode::resource_spans;
use super::summary::{Identity, Summary};
use super::terms::{self, Term};
use crate::model::{Attribute, Group, Resource, Span, Status};

/// The level of zstd. Level 1 takes a fraction of the time of encoding and leaves about a third of
/// the bytes.
const LEVEL: i32 = 1;
/// Shorter segments are stored uncompressed.
const MIN_COMPRESSED_BYTES: usize = 256;
/// The first byte of a segment whose other bytes are not compressed.
pub(super) const RAW: u8 = 0;
/// The first byte of a segment whose other bytes are a zstd frame.
pub(super) const ZSTD: u8 = 1;

/// The memory of a segment besides its ids, spans and terms.
pub(crate) const SEGMENT_OVERHEAD_BYTES: usize = size_of::<Segment>();

/// A row of the segment table, with the terms by which searches find its trace.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) summary: Summary,
    /// The [`Identity`] of each span, in the order of `spans`. Identities hardly compress, and each
    /// commit reads those of all segments of a trace, so they are stored uncompressed.
    pub(super) ids: Vec<u8>,
    /// One byte of format, then OTLP `TracesData`, compressed or not.
    pub(super) spans: Vec<u8>,
    /// Sorted, each once.
    pub(super) terms: Vec<Term>,
    pub(super) span_count: u64,
}

impl Segment {
    /// Returns the approximate memory that the segment takes while it waits for the writer.
    pub(super) fn cost_bytes(&self) -> usize {
        size_of::<Self>() + self.ids.len() + self.spans.len() + self.terms.len() * size_of::<Term>()
    }
}

/// Builds the segments of one request, and keeps its buffers from one segment to the next.
#[derive(Default)]
pub(super) struct SegmentBuilder {
    encoded: Vec<u8>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    // The last resource and its terms: the spans of a request share a handful of resources.
    resource: Option<Arc<Resource>>,
    resource_terms: Vec<Term>,
}

impl SegmentBuilder {
    /// Encodes the spans of one trace. Returns `None` if there are none.
    pub(super) fn build(&mut self, groups: &[Group]) -> Option<Segment> {
        let mut summary: Option<Summary> = None;
        let (mut ids, mut terms) = (Vec::new(), Vec::new());
        let mut span_count = 0;
        self.encoded.clear();
        for group in groups {
            let service = group.resource.service_name();
            terms.push(terms::service(service));
            terms.extend_from_slice(self.terms_of(&group.resource));
            for span in &group.spans {
                span_count += 1;
                span_terms(span, service, &mut terms);
                match &mut summary {
                    Some(summary) => summary.add(span, service),
                    None => summary = Some(Summary::of(span, service)),
                }
            }
            let Group {
                resource,
                scope,
                spans,
            } = group;
            let hashes = resource_spans(&mut self.encoded, resource, scope, spans);
            for (span, hash) in spans.iter().zip(hashes) {
                Identity::new(span, hash).write(&mut ids);
            }
        }
        terms.sort_unstable();
        terms.dedup();
        terms.shrink_to_fit();
        Some(Segment {
            summary: summary?,
            ids,
            spans: self.compress(),
            terms,
            span_count,
        })
    }

    fn terms_of(&mut self, resource: &Arc<Resource>) -> &[Term] {
        if !self
            .resource
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, resource))
        {
            self.resource_terms.clear();
            attribute_terms(&resource.attributes.items, &mut self.resource_terms);
            self.resource = Some(Arc::clone(resource));
        }
        &self.resource_terms
    }

    fn compress(&mut self) -> Vec<u8> {
        if self.encoded.len() >= MIN_COMPRESSED_BYTES {
            if self.compressor.is_none() {
                self.compressor = zstd::bulk::Compressor::new(LEVEL).ok();
            }
            let mut out = vec![0; zstd::zstd_safe::compress_bound(self.encoded.len()) + 1];
            if let Some((format, room)) = out.split_first_mut()
                && let Some(compressor) = &mut self.compressor
                && let Ok(len) = compressor.compress_to_buffer(&self.encoded, room)
                && len < self.encoded.len()
            {
                *format = ZSTD;
                out.truncate(len + 1);
                out.shrink_to_fit();
                return out;
            }
        }
        // A large segment gets here only if zstd is out of memory. It is stored uncompressed.
        [&[RAW], self.encoded.as_slice()].concat()
    }
}

fn span_terms(span: &Span, service: &str, out: &mut Vec<Term>) {
    out.push(terms::operation(&span.name));
    out.push(terms::service_operation(service, &span.name));
    if span.status == Status::Error {
        out.push(terms::error());
    }
    attribute_terms(&span.attributes.items, out);
}

fn attribute_terms(attributes: &[Attribute], out: &mut Vec<Term>) {
    out.extend(attributes.iter().filter_map(|attribute| {
        Some(terms::attribute(
            &attribute.key,
            &attribute.value.search_text()?,
        ))
    }));
}
