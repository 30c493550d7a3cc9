//! A span from its start to exactly one end, whatever happens to the code it covers.

use std::any;
use std::borrow::Cow;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue, StringValue};

use crate::semconv::OTHER;
use crate::status;

/// `error.type` of a server span whose request was given up: the client went away, or an outer layer stopped waiting.
pub(super) const CANCELLED: &str = "cancelled";

/// `error.type` of a span during which the covered code panicked.
pub(super) const PANIC: &str = "panic";

/// A running span. Dropping it ends the span.
#[derive(Debug)]
pub(super) struct ActiveSpan {
    context: Context,
    // Being dropped means that the work was given up.
    is_cancelled_by_drop: bool,
    // An error was recorded: what follows from it (a dropped body) is no second one.
    has_failed: bool,
}

impl ActiveSpan {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            is_cancelled_by_drop: true,
            has_failed: false,
        }
    }

    /// Runs `work` with the span in `slot`, if any, as the current one. A panic ends the span with an error and goes on.
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

    /// From now on being dropped is no error.
    pub(super) fn may_be_dropped(&mut self) {
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

    /// Records the first error; later ones are left out.
    pub(super) fn fail(&mut self, error_type: impl Into<StringValue>) {
        if !self.has_failed {
            self.has_failed = true;
            status::fail(&self.context, error_type);
        }
    }
}

impl Drop for ActiveSpan {
    fn drop(&mut self) {
        if self.is_cancelled_by_drop {
            self.fail(CANCELLED);
        }
        self.context.span().end();
    }
}

/// Sees that `work` did not return.
struct Unwinding<'s> {
    slot: Option<&'s mut Option<ActiveSpan>>,
}

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if let Some(mut span) = self.slot.take().and_then(Option::take) {
            span.fail(PANIC);
            span.end();
        }
    }
}

/// The name of an error type as a low-cardinality `error.type`. A boxed error has no name.
pub(super) fn error_type<E>() -> &'static str {
    let name = any::type_name::<E>();
    if name.contains("dyn ") { OTHER } else { name }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;

    use super::*;

    #[test]
    fn only_a_named_error_gives_its_name() {
        assert_eq!(error_type::<io::Error>(), "std::io::error::Error");
        assert_eq!(error_type::<Box<dyn Error + Send + Sync>>(), "_OTHER");
    }
}
