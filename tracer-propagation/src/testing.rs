//! What the tests of the formats share.

use std::collections::{BTreeMap, HashMap};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use crate::propagator::Propagator;
use crate::sampling_state::SamplingState;

/// Ids and state that a parent has, the ids as hex digits.
pub(crate) type Expected<'a> = (&'a str, &'a str, SamplingState);

pub(crate) fn extract(
    propagator: &dyn Propagator,
    cx: &Context,
    headers: &[(&str, &str)],
) -> Context {
    propagator.extract_from(cx, &headers)
}

/// `None` stands for no valid parent.
#[track_caller]
pub(crate) fn check_extract(
    propagator: &dyn Propagator,
    headers: &[(&str, &str)],
    expected: Option<Expected<'_>>,
) {
    let cx = extract(propagator, &Context::new(), headers);
    let span = cx.span();
    let span = span.span_context();
    let found = span.is_valid().then(|| {
        let ids = (span.trace_id().to_string(), span.span_id().to_string());
        assert!(span.is_remote(), "{headers:?}");
        assert_eq!(span.trace_flags().to_u8() & !1, 0, "{headers:?}");
        let sampled = SamplingState::of(&cx).is_sampled();
        assert_eq!(span.is_sampled(), sampled, "{headers:?}");
        (ids.0, ids.1, SamplingState::of(&cx))
    });
    let expected = expected.map(|(trace, span, state)| (trace.to_owned(), span.to_owned(), state));
    assert_eq!(found, expected, "{headers:?}");
    let direct = propagator.extract_span_context(&headers);
    assert_eq!(direct.as_ref(), found.map(|_| span), "{headers:?}");
}

/// A context whose span is this process's own.
pub(crate) fn context(trace_id: u128, span_id: u64, flags: u8) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(trace_id),
        SpanId::from(span_id),
        TraceFlags::new(flags),
        false,
        TraceState::NONE,
    ))
}

pub(crate) fn inject(propagator: &dyn Propagator, cx: &Context) -> BTreeMap<String, String> {
    let mut map: HashMap<String, String> = HashMap::new();
    propagator.inject_context(cx, &mut map);
    map.into_iter().collect()
}

#[track_caller]
pub(crate) fn check_inject(propagator: &dyn Propagator, cx: &Context, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(inject(propagator, cx), expected);
}
