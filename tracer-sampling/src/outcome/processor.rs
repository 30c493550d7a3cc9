//! The span processor that reports outcomes of sampled spans.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::Outcome;
use crate::composable::SpanToSample;
use crate::otel_trace_state;

/// A span processor that reports the outcomes of local roots to a sampler. Create it with
/// [`Adaptive::outcome_processor`](crate::Adaptive::outcome_processor) or
/// [`Learned::outcome_processor`](crate::Learned::outcome_processor).
///
/// A local root is a span without a parent in this process. The request failed if the status of the
/// span is an error. Its weight follows from `th` in its trace state. A root without `th` was
/// sampled for another reason than probability. Such a root is ignored, because it does not
/// represent other requests.
///
/// The outcome belongs to the operation with the name that the span has at its end. If a framework
/// renames spans after their start, the sampler decides under one name and learns under another.
/// Give such spans their final name at the start.
#[derive(Clone)]
pub struct OutcomeProcessor {
    report: Arc<Report>,
}

/// A callback that takes what was known of the span, and its outcome.
type Report = dyn Fn(&SpanToSample<'_>, Outcome) + Send + Sync;

impl OutcomeProcessor {
    pub(crate) fn new(report: impl Fn(&SpanToSample<'_>, Outcome) + Send + Sync + 'static) -> Self {
        Self {
            report: Arc::new(report),
        }
    }
}

impl fmt::Debug for OutcomeProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeProcessor").finish_non_exhaustive()
    }
}

impl SpanProcessor for OutcomeProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.parent_span_id != SpanId::INVALID && !span.parent_span_is_remote {
            return;
        }
        // A span that is only recorded may still have the threshold of its parent.
        if !span.span_context.is_sampled() {
            return;
        }
        let Some(threshold) = otel_trace_state::threshold(span.span_context.trace_state()) else {
            return;
        };
        let outcome = Outcome {
            duration: span
                .end_time
                .duration_since(span.start_time)
                .unwrap_or_default(),
            is_error: matches!(span.status, Status::Error { .. }),
            probability: threshold.probability(),
        };
        let mut started = SpanToSample::new(&span.name);
        started.kind = &span.span_kind;
        started.attributes = &span.attributes;
        (self.report)(&started, outcome);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
