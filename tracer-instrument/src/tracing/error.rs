//! Why a span did not get the parent that it was to have.

/// Why [`set_parent`](super::OpenTelemetrySpanExt::set_parent) changed nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetParentError {
    /// The ids of the span are known to others, which could not follow: a child or a link has them,
    /// [`context`](super::OpenTelemetrySpanExt::context) has given them away, or the provider has
    /// processors, which have seen the span start.
    #[error("the ids of the span are already known to others")]
    AlreadySeen,

    /// The span is closed.
    #[error("the span is closed")]
    Closed,

    /// The span is entered on another thread, several times, or not as the innermost one, so that
    /// its ids are current where they cannot be changed.
    #[error("the span is entered elsewhere")]
    EnteredElsewhere,

    /// The layer does not record this span: no layer of ours is installed on the registry, a filter
    /// keeps the span from it, or there was no provider when the span was made.
    #[error("the span is not recorded by the layer")]
    NotRecorded,

    /// The span is disabled by a level, a filter, or because there is no subscriber.
    #[error("the span is disabled")]
    SpanDisabled,
}
