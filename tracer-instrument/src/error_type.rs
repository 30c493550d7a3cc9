//! The attribute `error.type`: its values, and recording it on a span.
//!
//! The HTTP client takes its values from the classes of reqwest's errors, in `reqwest/span.rs`.

#[cfg(feature = "tower")]
use std::any::type_name;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue, StringValue};

use crate::semconv::ERROR_TYPE;
#[cfg(feature = "tower")]
use crate::semconv::OTHER;

/// The value for work that was cancelled: the client disconnected, or an outer layer timed out.
#[cfg(feature = "tower")]
pub(crate) const CANCELLED: &str = "cancelled";

/// The value for work that panicked.
#[cfg(feature = "tower")]
pub(crate) const PANIC: &str = "panic";

/// Returns the name of an error's type. A boxed error has no type name of its own, so it is `_OTHER`.
#[cfg(feature = "tower")]
pub(crate) fn of_type<E>() -> &'static str {
    let name = type_name::<E>();
    if name.contains("dyn ") { OTHER } else { name }
}

/// Records an error on the span of the context. The status description stays empty, because error
/// messages may contain bytes that a peer sent.
pub(crate) fn record(context: &Context, error_type: impl Into<StringValue>) {
    let span = context.span();
    span.set_attribute(KeyValue::new(ERROR_TYPE, error_type.into()));
    span.set_status(Status::error(""));
}

#[cfg(all(test, feature = "tower"))]
mod tests {
    use std::error::Error;
    use std::io;

    use super::*;

    #[test]
    fn only_a_named_error_gives_its_name() {
        assert_eq!(of_type::<io::Error>(), "std::io::error::Error");
        assert_eq!(of_type::<Box<dyn Error + Send + Sync>>(), "_OTHER");
    }
}
