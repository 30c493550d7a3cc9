//! Turns a decoded request into segments: what the writer puts in the store for each trace.
//!
//! This is the expensive part of storing (encoding, hashing, compressing) and is done by the task
//! that decoded the request, on any core, so that the one writer has only rows to insert.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::{Catalog, Seen};
use super::encode::resource_spans;
use super::summary::{Identity, Summary};
use super::terms::{self, Term};
use crate::decode::Decoded;
use crate::model::{Attribute, Group, Span, Status, TraceId};

/// zstd's level: 1 costs a fraction of encoding and leaves about a third of the bytes.
const LEVEL: i32 = 1;
/// Below this a segment is stored as it is.
const MIN_COMPRESSED_BYTES: usize = 256;
/// The first byte of a segment: how the rest is stored.
pub(crate) const RAW: u8 = 0;
/// See [`RAW`].
pub(crate) const ZSTD: u8 = 1;

/// The spans of one trace from one request, ready to be stored.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) summary: Summary,
    /// The [`Identity`] of each span, in the order of the segment, uncompressed as they have nothing
    /// to compress and are needed to add segments up.
    pub(crate) ids: Vec<u8>,
    /// One byte of format, then OTLP `TracesData`.
    pub(crate) spans: Vec<u8>,
    /// Sorted, each once.
    pub(crate) terms: Vec<Term>,
    pub(crate) span_count: u64,
}

impl Segment {
    /// Memory this takes while it waits for the writer, nearly.
    pub(crate) fn cost_bytes(&self) -> usize {
        size_of::<Self>() + self.ids.len() + self.spans.len() + self.terms.len() * size_of::<Term>()
    }
}

/// Splits a request by trace. Names that have no row yet are returned beside the segments.
pub(crate) fn segments(decoded: Decoded, catalog: &Catalog) -> (Vec<Segment>, Seen) {
    let mut places: HashMap<TraceId, usize> = HashMap::new();
    let mut traces: Vec<Vec<Group>> = Vec::new();
    for group in decoded.groups {
        for span in group.spans {
            let place = *places.entry(span.trace_id).or_insert(traces.len());
            if place == traces.len() {
                traces.push(Vec::new());
            }
            let Some(parts) = traces.get_mut(place) else {
                continue;
            };
            match parts.last_mut() {
                Some(part)
                    if Arc::ptr_eq(&part.resource, &group.resource)
                        && Arc::ptr_eq(&part.scope, &group.scope) =>
                {
                    part.spans.push(span);
                }
                _ => parts.push(Group {
                    resource: Arc::clone(&group.resource),
                    scope: Arc::clone(&group.scope),
                    spans: vec![span],
                }),
            }
        }
    }
    let seen = catalog.observe(&traces);
    let mut builder = Builder::default();
    let segments = traces.iter().filter_map(|groups| builder.segment(groups));
    (segments.collect(), seen)
}

/// What is used again from segment to segment.
#[derive(Default)]
struct Builder {
    encoded: Vec<u8>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    // Terms of the resource last seen: the spans of a request share a handful of resources.
    resource: Option<Arc<crate::model::Resource>>,
    resource_terms: Vec<Term>,
}

impl Builder {
    fn segment(&mut self, groups: &[Group]) -> Option<Segment> {
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

    fn terms_of(&mut self, resource: &Arc<crate::model::Resource>) -> &[Term] {
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
        // zstd out of memory is the one way to get here with a large segment: stored is stored.
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
