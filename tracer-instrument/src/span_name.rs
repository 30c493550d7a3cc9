//! The names of HTTP server and client spans (semantic conventions, "HTTP spans", Name).

use std::borrow::Cow;

use opentelemetry::StringValue;

use crate::method::standard;

/// Returns `{method} {target}`, or `{method}` if there is no target. The target is a route or URL template, which keeps
/// the cardinality low.
pub(crate) fn span_name(method: &StringValue, target: Option<&str>) -> Cow<'static, str> {
    match target {
        Some(target) => Cow::Owned([method.as_str(), " ", target].concat()),
        None => standard(method.as_str())
            .map_or_else(|| Cow::Owned(method.as_str().to_owned()), Cow::Borrowed),
    }
}
