//! The interface through which a tail sampler and its policies read a span.

use opentelemetry::trace::TraceId;

/// A span that a [`TailSampler`](super::TailSampler) can hold.
///
/// The trait has one method for each value that the sampler and the built-in policies read. A
/// [`Policy`](super::Policy) that you implement can read any other value, because it knows the type
/// of the span.
///
/// If a method panics while a policy runs, that policy fails for the trace, and
/// `policy_evaluation_errors` counts the failure. The sampler itself reads a span only in
/// [`add`](super::TailSampler::add), before it changes anything: its id, times and size, and
/// whether it is a root.
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
    /// Returns the id of the trace.
    fn trace_id(&self) -> TraceId;

    /// Returns whether the span is the root of its trace, or of the part of the trace that the
    /// sampler sees.
    ///
    /// A root starts the time `decision_wait_after_root_received`. If the sampler runs inside an
    /// application, return `true` for spans with a remote parent, too.
    fn is_root(&self) -> bool;

    /// Returns the name of the span.
    fn name(&self) -> &str;

    /// Returns the time at which the span started, in nanoseconds since the Unix epoch.
    fn start_unix_nanos(&self) -> u64;

    /// Returns the time at which the span ended, in nanoseconds since the Unix epoch.
    ///
    /// An end before the start counts as a duration of 0.
    fn end_unix_nanos(&self) -> u64;

    /// Returns the status code.
    fn status(&self) -> StatusCode;

    /// Returns the flags of OTLP. The lowest bit is the sampled flag of W3C Trace Context.
    fn flags(&self) -> u32;

    /// Returns the trace state in the form of the `tracestate` header; empty if there is none.
    fn trace_state(&self) -> &str;

    /// Returns the attribute of the span with this key. Arrays, maps and bytes are `None`, too.
    fn attribute(&self, key: &str) -> Option<AttributeValue<'_>>;

    /// Returns the attribute of the span's resource with this key. Arrays, maps and bytes are
    /// `None`, too.
    fn resource_attribute(&self, key: &str) -> Option<AttributeValue<'_>>;

    /// Returns the `service.name` of the resource; empty if it has none.
    fn service_name(&self) -> &str {
        match self.resource_attribute("service.name") {
            Some(AttributeValue::String(name)) => name,
            _ => "",
        }
    }

    /// Returns the bytes that the span occupies, including its memory on the heap.
    ///
    /// The bounds of the buffer and `bytes_limiting` use this size. It must not change while the
    /// sampler holds the span. Sizes above 4 GiB count as 4 GiB.
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

/// The status code of a span, which configurations spell `ERROR`, `OK` or `UNSET`.
///
/// The enum is complete, because OTLP defines only these three codes.
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
