//! A span for the tests of policies, and a check of a policy against spans.

use opentelemetry::trace::TraceId;

use super::{Context, build};
use crate::tail::config::PolicyConfig;
use crate::tail::decision::{BoxedPolicy, Verdict};
use crate::tail::span::{AttributeValue, StatusCode, TailSpan};
use crate::tail::trace::{BufferedTrace, Extent};

/// The trace id of all spans here.
pub(crate) const TRACE_ID: u128 = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;

#[derive(Clone, Debug, Default)]
pub(crate) struct Span {
    pub(crate) root: bool,
    pub(crate) name: String,
    pub(crate) service: Option<String>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) status: StatusCode,
    pub(crate) flags: u32,
    pub(crate) trace_state: String,
    pub(crate) attribute: Option<(&'static str, AttributeValue<'static>)>,
    pub(crate) resource: Option<(&'static str, AttributeValue<'static>)>,
    pub(crate) size: usize,
}

impl Span {
    pub(crate) fn service(name: &str) -> Self {
        Self {
            service: Some(name.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn operation(service: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            root: true,
            ..Self::service(service)
        }
    }

    pub(crate) fn attribute(key: &'static str, value: AttributeValue<'static>) -> Self {
        Self {
            attribute: Some((key, value)),
            ..Self::default()
        }
    }

    pub(crate) fn resource(key: &'static str, value: AttributeValue<'static>) -> Self {
        Self {
            resource: Some((key, value)),
            ..Self::default()
        }
    }

    pub(crate) fn millis(mut self, start: u64, end: u64) -> Self {
        self.start = start * 1_000_000;
        self.end = end * 1_000_000;
        self
    }
}

pub(crate) fn ok() -> Span {
    Span {
        status: StatusCode::Ok,
        ..Span::default()
    }
}

pub(crate) fn error() -> Span {
    Span {
        status: StatusCode::Error,
        ..Span::default()
    }
}

impl TailSpan for Span {
    fn trace_id(&self) -> TraceId {
        TraceId::from(TRACE_ID)
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
        self.attribute
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
    fn resource_attribute(&self, key: &str) -> Option<AttributeValue<'_>> {
        if let Some(service) = self.service.as_deref().filter(|_| key == "service.name") {
            return Some(AttributeValue::String(service));
        }
        self.resource
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
    fn size_bytes(&self) -> usize {
        self.size
    }
}

/// Creates the policy that a configuration describes.
#[track_caller]
pub(crate) fn policy(config: &str) -> BoxedPolicy<Span> {
    let config: PolicyConfig = serde_json::from_str(config).unwrap();
    let mut context = Context {
        sketch_seed: 0,
        make: &mut |_| None,
    };
    build(&config, &mut context).unwrap()
}

/// Evaluates a policy for a trace, and lets it observe the trace, as the sampler does.
pub(crate) fn ask(policy: &mut BoxedPolicy<Span>, now_nanos: u64, spans: &[Span]) -> Verdict {
    let mut extent = Extent::EMPTY;
    for span in spans {
        extent.extend(Extent::of(span));
    }
    let trace = BufferedTrace::new(TraceId::from(TRACE_ID), spans, extent);
    let verdict = policy.evaluate(now_nanos, &trace);
    policy.observe(now_nanos, &trace);
    verdict
}

/// Checks the verdict of a new policy about a trace.
#[track_caller]
pub(crate) fn check(config: &str, spans: &[Span], sampled: bool) {
    let verdict = ask(&mut policy(config), 0, spans);
    assert_eq!(verdict, Verdict::sampled_if(sampled), "{config} {spans:?}");
}
