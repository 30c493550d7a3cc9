//! Helpers: a span, samplers built from text, and times.

use std::time::Duration;

use opentelemetry::trace::TraceId;
use tracer_sampling::tail::{
    AttributeValue, DecidedTrace, StatusCode, TailSampler, TailSamplingConfig, TailSpan,
};

/// A span of a trace. Tests use `number` to identify a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    pub trace: u128,
    pub number: u32,
    pub root: bool,
    pub status: StatusCode,
    pub size: usize,
    pub service: String,
    pub name: String,
    pub start: u64,
    pub end: u64,
    pub flags: u32,
    pub trace_state: String,
    pub attributes: Vec<(String, Value)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Double(f64),
    Int(i64),
    Text(String),
}

impl TailSpan for Span {
    fn trace_id(&self) -> TraceId {
        TraceId::from(self.trace)
    }
    fn is_root(&self) -> bool {
        self.root
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn start_unix_nanos(&self) -> u64 {
        self.start
    }
    fn end_unix_nanos(&self) -> u64 {
        self.end
    }
    fn status(&self) -> StatusCode {
        self.status
    }
    fn flags(&self) -> u32 {
        self.flags
    }
    fn trace_state(&self) -> &str {
        &self.trace_state
    }
    fn attribute(&self, key: &str) -> Option<AttributeValue<'_>> {
        let (_, value) = self.attributes.iter().find(|(name, _)| name == key)?;
        Some(match value {
            Value::Bool(value) => AttributeValue::Bool(*value),
            Value::Double(value) => AttributeValue::Double(*value),
            Value::Int(value) => AttributeValue::Int(*value),
            Value::Text(value) => AttributeValue::String(value),
        })
    }
    fn resource_attribute(&self, key: &str) -> Option<AttributeValue<'_>> {
        (key == "service.name").then_some(AttributeValue::String(&self.service))
    }
    fn size_bytes(&self) -> usize {
        self.size
    }
}

/// Returns a span of ten bytes.
pub fn span(trace: u128) -> Span {
    Span {
        trace,
        size: 10,
        ..Span::default()
    }
}

pub fn root(trace: u128) -> Span {
    Span {
        root: true,
        ..span(trace)
    }
}

pub fn error(trace: u128) -> Span {
    Span {
        status: StatusCode::Error,
        ..span(trace)
    }
}

pub const ERRORS: &str =
    r#"{"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}"#;
pub const ALWAYS: &str = r#"{"name": "always", "type": "always_sample"}"#;

pub fn config(settings: &str, policies: &str) -> TailSamplingConfig {
    let comma = if settings.is_empty() { "" } else { "," };
    let text = format!(r#"{{{settings}{comma} "policies": [{policies}]}}"#);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Returns a sampler with these settings and policies, which are JSON without the outer brackets.
pub fn sampler(settings: &str, policies: &str) -> TailSampler<Span> {
    config(settings, policies).build().unwrap()
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the traces that are decided at a time: (id, spans, sampled).
pub fn decided(sampler: &mut TailSampler<Span>, at: u64) -> Vec<(u128, usize, bool)> {
    sampler.advance(seconds(at)).map(summary).collect()
}

pub fn summary(trace: DecidedTrace<Span>) -> (u128, usize, bool) {
    (
        u128::from_be_bytes(trace.trace_id.to_bytes()),
        trace.spans.len(),
        trace.decision.is_sampled(),
    )
}

/// Checks that each span and trace is accounted for.
#[track_caller]
pub fn check_balance(sampler: &TailSampler<Span>) {
    let stats = sampler.stats();
    assert!(stats.balances(), "{stats:?}");
}
