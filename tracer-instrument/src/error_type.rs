//! How a failure is recorded.

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue, StringValue};

use crate::semconv::ERROR_TYPE;

/// Records an error on the span of the context. The description stays empty: the messages of errors may carry what a peer
/// sent.
pub(crate) fn fail(context: &Context, error_type: impl Into<StringValue>) {
    let span = context.span();
    span.set_attribute(KeyValue::new(ERROR_TYPE, error_type.into()));
    span.set_status(Status::error(""));
}
