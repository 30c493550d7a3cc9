//! Outcomes of sampled spans.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{SpanId, Status};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::Outcome;
use crate::otel_trace_state;

/// Reports the outcomes of local roots to a sampler:
/// [`Adaptive::outcome_processor`](crate::Adaptive::outcome_processor),
/// [`Learned::outcome_processor`](crate::Learned::outcome_processor).
///
/// A local root is a span without a parent in this process. It failed if its status is an error.
/// Its weight follows from the `th` in its trace state; a root without `th` was sampled for another
/// reason than probability, and is left out, because it does not stand for other requests.
///
/// The outcome belongs to the operation that has the name which the span has at its end. Where a
/// framework renames spans after their start, give them their final name at start, so that both
/// are one operation.
#[derive(Clone)]
pub struct OutcomeProcessor {
    report: Arc<Report>,
}

/// Takes the name of the operation, the attributes of the span, and its outcome.
type Report = dyn Fn(&str, &[KeyValue], Outcome) + Send + Sync;

impl OutcomeProcessor {
    pub(crate) fn new(report: impl Fn(&str, &[KeyValue], Outcome) + Send + Sync + 'static) -> Self {
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
        (self.report)(&span.name, &span.attributes, outcome);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
