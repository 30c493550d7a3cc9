//! A server span with exactly one end, however the work that it covers ends.

use std::borrow::Cow;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue, StringValue};

use crate::error_type::{self, CANCELLED, PANIC};

/// A started span. Dropping it ends the span.
#[derive(Debug)]
pub(super) struct ActiveSpan {
    context: Context,
    // Whether the work is cancelled if this is dropped now.
    is_cancelled_by_drop: bool,
    // Whether an error is recorded. What follows from it, such as a dropped body, is not a second error.
    has_error: bool,
}

impl ActiveSpan {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            is_cancelled_by_drop: true,
            has_error: false,
        }
    }

    /// Runs `work` with the span in `slot`, if any, as the current one. If `work` panics, the span ends with an error and the
    /// panic continues.
    pub(super) fn scope<R>(slot: &mut Option<Self>, work: impl FnOnce() -> R) -> R {
        let Some(span) = slot else { return work() };
        let _current = span.context.clone().attach();
        let mut unwinding = Unwinding { slot: Some(slot) };
        let result = work();
        unwinding.slot = None;
        result
    }

    pub(super) fn end(mut self) {
        self.is_cancelled_by_drop = false;
    }

    /// Makes a drop from now on end the span without an error.
    pub(super) fn allow_drop(&mut self) {
        self.is_cancelled_by_drop = false;
    }

    pub(super) fn is_recording(&self) -> bool {
        self.context.span().is_recording()
    }

    pub(super) fn set_attributes(&self, attributes: impl IntoIterator<Item = KeyValue>) {
        self.context.span().set_attributes(attributes);
    }

    pub(super) fn update_name(&self, name: impl Into<Cow<'static, str>>) {
        self.context.span().update_name(name);
    }

    /// Records the first error, and ignores later ones.
    pub(super) fn record_error(&mut self, error_type: impl Into<StringValue>) {
        if !self.has_error {
            self.has_error = true;
            error_type::record(&self.context, error_type);
        }
    }
}

impl Drop for ActiveSpan {
    fn drop(&mut self) {
        if self.is_cancelled_by_drop {
            self.record_error(CANCELLED);
        }
        self.context.span().end();
    }
}

/// Ends the span if `work` does not return.
struct Unwinding<'s> {
    slot: Option<&'s mut Option<ActiveSpan>>,
}

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if let Some(mut span) = self.slot.take().and_then(Option::take) {
            span.record_error(PANIC);
            span.end();
        }
    }
}
