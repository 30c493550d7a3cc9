//! The data of a page, in both formats. This is the one place that hides and cuts values.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId};
use serde::Serialize;
use tracer_core::SpanRecord;
use tracer_core::live::{Bucket, EndedSpan, LiveView, NameSummary, RunningSpan};

use crate::thread_id;
use crate::zpages::query::{BUCKETS, Query, bucket_name};

/// How many spans one page shows at most.
const MAX_SPANS: usize = 200;
/// How many bytes of names, keys and values one page shows. The last span may exceed it.
const MAX_BYTES: usize = 512 * 1024;
/// A value is cut to so many characters.
const MAX_VALUE_CHARS: usize = 256;
/// Descriptions of errors are shown or hidden under this key, their name outside of OTLP.
const DESCRIPTION: &str = "otel.status_description";

/// Returns for the key of an attribute whether its value is shown.
pub(super) type ValueFilter<'a> = dyn Fn(&str) -> bool + 'a;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageData {
    pub(super) running: Vec<SpanView>,
    /// How many run beside those shown.
    pub(super) running_left_out: usize,
    /// Those that were never listed.
    pub(super) running_unlisted: u64,
    pub(super) names: Vec<Name>,
    pub(super) ended_of_other_names: u64,
    pub(super) ended: Vec<Ended>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) running: u64,
    pub(super) ended: Vec<Count>,
}

#[derive(Debug, Serialize)]
pub(super) struct Count {
    #[serde(serialize_with = "name_of_bucket")]
    pub(super) bucket: Bucket,
    pub(super) count: u64,
}

/// The last spans of one bucket.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ended {
    #[serde(serialize_with = "name_of_bucket")]
    pub(super) bucket: Bucket,
    pub(super) count: u64,
    pub(super) spans: Vec<SpanView>,
}

/// A span as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanView {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) trace_id: String,
    pub(super) span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_span_id: Option<String>,
    pub(super) sampled: bool,
    pub(super) start_time_unix_nano: String,
    /// How long ago it started. Left out of JSON, which has the start.
    #[serde(skip)]
    pub(super) ago: Duration,
    /// The age of a running span, the latency of one that has ended.
    #[serde(rename = "durationNano", serialize_with = "nanos")]
    pub(super) duration: Duration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<String>,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_description: Option<String>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) events: Vec<Event>,
    pub(super) links: usize,
    /// Whether the view holds only a part.
    pub(super) truncated: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Scope {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Attribute {
    pub(super) key: String,
    /// Nothing if it is hidden.
    pub(super) value: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) name: String,
    /// Since the start of the span.
    #[serde(rename = "afterNano", serialize_with = "nanos")]
    pub(super) after: Duration,
    pub(super) attributes: Vec<Attribute>,
}

impl PageData {
    pub(super) fn new(live: &LiveView, query: &Query, shows_value: &ValueFilter<'_>) -> Self {
        let mut budget = Budget::default();
        let only = query.name.as_deref();
        let is_asked = |name: &str| only.is_none_or(|only| only == name);
        let summary = live.summary();
        let mut running = live.running();
        running.retain(|span| query.bucket.is_none() && is_asked(span.record().name()));
        let all = running.len();
        let running = budget.fill(
            running
                .iter()
                .map(|span| SpanView::running(span, shows_value)),
        );
        let (count, mut ended) = (|name: &NameSummary, bucket| name.count(bucket), Vec::new());
        if let Some(name) = summary.names.iter().find(|name| only == Some(name.name())) {
            for (_, bucket) in BUCKETS {
                let is_wanted = query.bucket.is_none_or(|wanted| wanted == bucket);
                let recent = live.recent(name.name(), bucket);
                if is_wanted && !recent.is_empty() {
                    let spans =
                        budget.fill(recent.iter().map(|span| SpanView::ended(span, shows_value)));
                    let count = count(name, bucket);
                    ended.push(Ended {
                        bucket,
                        count,
                        spans,
                    });
                }
            }
        }
        Self {
            running_left_out: all - running.len(),
            running,
            running_unlisted: summary.unlisted,
            names: summary
                .names
                .iter()
                .filter(|name| is_asked(name.name()))
                .map(|name| Name {
                    name: name.name().to_owned(),
                    running: name.running(),
                    ended: BUCKETS
                        .map(|(_, bucket)| Count {
                            bucket,
                            count: count(name, bucket),
                        })
                        .into(),
                })
                .collect(),
            ended_of_other_names: summary.other,
            ended,
        }
    }
}

/// The spans and bytes that a page may still hold.
struct Budget {
    spans: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            spans: MAX_SPANS,
            bytes: MAX_BYTES,
        }
    }
}

impl Budget {
    fn fill(&mut self, spans: impl Iterator<Item = SpanView>) -> Vec<SpanView> {
        let mut kept = Vec::new();
        for span in spans {
            if self.spans == 0 || self.bytes == 0 {
                break;
            }
            self.spans -= 1;
            self.bytes = self.bytes.saturating_sub(span.bytes());
            kept.push(span);
        }
        kept
    }
}

impl SpanView {
    fn running(span: &RunningSpan, shows_value: &ValueFilter<'_>) -> Self {
        let mut shown = Self::of(&span.record(), span.scope(), shows_value);
        shown.duration = span.age();
        shown.thread = span.thread_id().map(|id| {
            let number = thread_id::number(id);
            match span.thread_name() {
                Some(name) => format!("{} #{number}", cut(name)),
                None => format!("#{number}"),
            }
        });
        shown.truncated = span.is_truncated();
        shown
    }

    fn ended(span: &EndedSpan, shows_value: &ValueFilter<'_>) -> Self {
        let mut shown = Self::of(&span.record(), Some(span.scope()), shows_value);
        shown.duration = span.latency();
        shown.truncated = span.is_truncated();
        shown
    }

    fn of(
        record: &SpanRecord<'_>,
        scope: Option<&InstrumentationScope>,
        shows_value: &ValueFilter<'_>,
    ) -> Self {
        let parent = record.parent_span_id();
        let start = UNIX_EPOCH + Duration::from_nanos(record.start_unix_nanos());
        let attributes = |list: &mut dyn Iterator<Item = KeyValue>| {
            list.map(|one| Attribute::new(&one, shows_value)).collect()
        };
        let status = record.status();
        Self {
            name: record.name().to_owned(),
            kind: match record.kind() {
                SpanKind::Client => "Client",
                SpanKind::Consumer => "Consumer",
                SpanKind::Internal => "Internal",
                SpanKind::Producer => "Producer",
                SpanKind::Server => "Server",
            },
            trace_id: record.trace_id().to_string(),
            span_id: record.span_id().to_string(),
            parent_span_id: (parent != SpanId::INVALID).then(|| parent.to_string()),
            sampled: record.trace_flags().is_sampled(),
            start_time_unix_nano: record.start_unix_nanos().to_string(),
            ago: SystemTime::now().duration_since(start).unwrap_or_default(),
            duration: Duration::ZERO,
            scope: scope.map(|scope| Scope {
                name: cut(scope.name()),
                version: scope.version().map(cut),
            }),
            thread: None,
            status: match status {
                Status::Unset => "Unset",
                Status::Ok => "Ok",
                Status::Error { .. } => "Error",
            },
            status_description: Some(cut(record.status_message()))
                .filter(|text| !text.is_empty() && shows_value(DESCRIPTION)),
            attributes: attributes(&mut record.attributes()),
            events: record
                .events()
                .map(|event| Event {
                    after: event.timestamp.duration_since(start).unwrap_or_default(),
                    attributes: attributes(&mut event.attributes.into_iter()),
                    name: cut(&event.name),
                })
                .collect(),
            links: record.links().count(),
            truncated: false,
        }
    }

    /// Its texts, and some more for what surrounds them.
    fn bytes(&self) -> usize {
        let attributes = |list: &[Attribute]| {
            let bytes = list
                .iter()
                .map(|one| one.key.len() + one.value.as_ref().map_or(0, String::len) + 16);
            bytes.sum::<usize>()
        };
        let events = self
            .events
            .iter()
            .map(|event| event.name.len() + 32 + attributes(&event.attributes));
        let description = self.status_description.as_ref().map_or(0, String::len);
        256 + self.name.len() + description + attributes(&self.attributes) + events.sum::<usize>()
    }
}

impl Attribute {
    fn new(attribute: &KeyValue, shows_value: &ValueFilter<'_>) -> Self {
        let key = attribute.key.as_str();
        Self {
            value: shows_value(key).then(|| cut(&attribute.value.as_str())),
            key: cut(key),
        }
    }
}

/// The start of a text, with a sign where it is cut.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn name_of_bucket<S: serde::Serializer>(bucket: &Bucket, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(bucket_name(*bucket))
}

fn nanos<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
