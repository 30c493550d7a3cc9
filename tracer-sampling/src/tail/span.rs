//! The span that a tail sampler holds, as its policies read it.

use opentelemetry::trace::TraceId;

/// A span that a [`TailSampler`](super::TailSampler) can hold.
///
/// The trait has one method for each value that a built-in policy reads, and nothing else: a
/// [`Policy`](super::Policy) of your own is generic over the span and reads what it wants.
///
/// A method that panics while a policy runs fails this policy for this trace, which
/// `policy_evaluation_errors` counts. The sampler reads the id, the times, the size and whether the
/// span is a root once, in [`add`](super::TailSampler::add), before it changes anything.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::TraceId;
/// use tracer_sampling::tail::{AttributeValue, StatusCode, TailSpan};
///
/// struct Span {
///     trace_id: TraceId,
///     parent: Option<u64>,
///     name: String,
///     start_unix_nanos: u64,
///     end_unix_nanos: u64,
/// }
///
/// impl TailSpan for Span {
///     fn trace_id(&self) -> TraceId {
///         self.trace_id
///     }
///     fn is_root(&self) -> bool {
///         self.parent.is_none()
///     }
///     fn name(&self) -> &str {
///         &self.name
///     }
///     fn start_unix_nanos(&self) -> u64 {
///         self.start_unix_nanos
///     }
///     fn end_unix_nanos(&self) -> u64 {
///         self.end_unix_nanos
///     }
///     fn status(&self) -> StatusCode {
///         StatusCode::Unset
///     }
///     fn flags(&self) -> u32 {
///         1
///     }
///     fn trace_state(&self) -> &str {
///         ""
///     }
///     fn attribute(&self, _key: &str) -> Option<AttributeValue<'_>> {
///         None
///     }
///     fn resource_attribute(&self, key: &str) -> Option<AttributeValue<'_>> {
///         (key == "service.name").then_some(AttributeValue::String("shop"))
///     }
///     fn size_bytes(&self) -> usize {
///         size_of::<Self>() + self.name.capacity()
///     }
/// }
///
/// let span = Span {
///     trace_id: TraceId::from(1),
///     parent: None,
///     name: "checkout".to_owned(),
///     start_unix_nanos: 5,
///     end_unix_nanos: 9,
/// };
/// assert_eq!(span.service_name(), "shop");
/// ```
pub trait TailSpan: 'static {
    /// The id of the trace.
    fn trace_id(&self) -> TraceId;

    /// Whether the span is the root of its trace, or of the part of it that the sampler sees.
    ///
    /// A root starts `decision_wait_after_root_received`. A sampler inside a process answers `true`
    /// for spans with a remote parent, too.
    fn is_root(&self) -> bool;

    /// The name of the span.
    fn name(&self) -> &str;

    /// When the span started, in nanoseconds since the Unix epoch.
    fn start_unix_nanos(&self) -> u64;

    /// When the span ended, in nanoseconds since the Unix epoch.
    ///
    /// An end before the start is a duration of 0.
    fn end_unix_nanos(&self) -> u64;

    /// The status code.
    fn status(&self) -> StatusCode;

    /// The flags of OTLP; the lowest bit is the sampled flag of W3C Trace Context.
    fn flags(&self) -> u32;

    /// The trace state as the `tracestate` header writes it; empty if there is none.
    fn trace_state(&self) -> &str;

    /// The attribute of the span with this key; `None` also for arrays, maps and bytes.
    fn attribute(&self, key: &str) -> Option<AttributeValue<'_>>;

    /// The attribute of the span's resource with this key; `None` also for arrays, maps and bytes.
    fn resource_attribute(&self, key: &str) -> Option<AttributeValue<'_>>;

    /// The `service.name` of the resource; empty if it has none.
    fn service_name(&self) -> &str {
        match self.resource_attribute("service.name") {
            Some(AttributeValue::String(name)) => name,
            _ => "",
        }
    }

    /// The bytes that the span occupies, with what it owns on the heap.
    ///
    /// The bounds of the buffer and `bytes_limiting` use this size, and it must not change while
    /// the sampler holds the span. Sizes above 4 GiB count as 4 GiB.
    fn size_bytes(&self) -> usize;
}

/// A value of an attribute.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttributeValue<'a> {
    /// A boolean.
    Bool(bool),
    /// A floating point number.
    Double(f64),
    /// An integer.
    Int(i64),
    /// A string.
    String(&'a str),
}

/// The status code of a span, in configurations `ERROR`, `OK` or `UNSET`.
///
/// The enum is complete: OTLP defines these three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatusCode {
    /// The operation failed.
    Error,
    /// The operation was confirmed to be successful.
    Ok,
    /// No status was set.
    #[default]
    Unset,
}
