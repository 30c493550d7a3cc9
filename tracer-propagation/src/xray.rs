//! The tracing header of AWS X-Ray: `x-amzn-trace-id`.

mod lineage;

use std::borrow::Cow;
use std::ffi::OsString;
use std::sync::LazyLock;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

use crate::carrier::{Carrier, CarrierMut};
use crate::hex;
use crate::ows::trim;
use crate::propagator::{Propagator, text_map};
use crate::remote_parent::{self, RemoteParent, count_refused};
use crate::sampling_state::SamplingState;
use crate::stack_string::StackString;
use crate::xray::lineage::Lineage;

/// Carries the span context in `x-amzn-trace-id` (AWS X-Ray, *Tracing header*).
///
/// `Root=1-{8 digits}-{24 digits};Parent={16 digits};Sampled={0, 1 or ?}`, the fields in any order.
///
/// - A load balancer sends `Root` without `Parent`. That names no span, so there is no parent; what
///   it says about sampling is kept in the context.
/// - `Sampled=?`, no `Sampled` and an unknown value leave the decision to the receiver
///   ([`SamplingState::Defer`]). A deferred decision is sent on without `Sampled`: `?` asks for an
///   answer in the response, which nobody would read, and some receivers refuse it.
/// - `Lineage={0 to 32767}:{8 digits}:{0 to 255}`, by which Lambda finds functions that call each
///   other in a circle, is sent on as the last field. It stays with the trace that it came with,
///   and in this header: no other format shows it, and it is neither `tracestate` nor baggage.
///   AWS does not document the form: it is that of the propagator for Java. In another one, twice,
///   or without `Parent` it is skipped; another one is the list, a function an entry, that AWS once
///   showed (`a87bd80c:1|68fd508a:5`).
/// - Other fields (`Self`, those of applications) are skipped and not sent on.
/// - A field without `=`, `Root`, `Parent` or `Sampled` twice, and a second header give no parent.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use tracer_propagation::{Propagator as _, XrayPropagator};
///
/// let mut headers = http::HeaderMap::new();
/// let value = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// headers.insert("x-amzn-trace-id", value.parse().unwrap());
///
/// let propagator = XrayPropagator::new();
/// let cx = propagator.extract_from(&Context::new(), &headers);
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&cx, &mut outgoing);
/// assert_eq!(outgoing["x-amzn-trace-id"], value);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct XrayPropagator {
    /// Reads a variable of the process, if those are asked.
    environment: Option<Variables>,
}

type Variables = fn(&str) -> Option<OsString>;

impl XrayPropagator {
    /// Makes a propagator of the header.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::XrayPropagator::new();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["x-amzn-trace-id"]);
    /// ```
    pub const fn new() -> Self {
        Self { environment: None }
    }

    /// Makes a propagator that also asks the variable `_X_AMZN_TRACE_ID`, in which the runtime of
    /// AWS Lambda hands each invocation its context: `xray-lambda` in `OTEL_PROPAGATORS`
    /// (semantic conventions, *Instrumenting AWS Lambda*).
    ///
    /// The variable wins over the header, unless the given context has a valid span already. It
    /// is to replace [`XrayPropagator::new`], and only where spans go to X-Ray.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::Context;
    /// use opentelemetry::trace::TraceContextExt as _;
    /// use tracer_propagation::{Propagator as _, XrayPropagator};
    ///
    /// let headers = std::collections::BTreeMap::new();
    /// let propagator = XrayPropagator::lambda();
    /// let cx = propagator.extract_from(&Context::new(), &headers);
    /// assert!(!cx.span().span_context().is_valid(), "not a process of Lambda");
    /// ```
    pub const fn lambda() -> Self {
        Self {
            environment: Some(variable),
        }
    }
}

impl Propagator for XrayPropagator {
    fn extract_from(&self, cx: &Context, carrier: &dyn Carrier) -> Context {
        let has_span = cx.span().span_context().is_valid();
        let environment = self.environment.filter(|_| !has_span);
        let Some(Message { parent, lineage }) = read(environment, carrier) else {
            return cx.clone();
        };
        let cx = parent.add_to(cx);
        if parent.has_ids() {
            Lineage::add_to_context(lineage, parent.trace_id, cx)
        } else {
            cx
        }
    }

    fn extract_span_context(&self, carrier: &dyn Carrier) -> Option<SpanContext> {
        read(self.environment, carrier)?.parent.span_context()
    }

    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        if let Some(parent) = RemoteParent::current(cx) {
            write(&parent, Lineage::of(cx, parent.trace_id), carrier);
        }
    }

    fn inject_span_context(&self, span_context: &SpanContext, carrier: &mut dyn CarrierMut) {
        if let Some(parent) = RemoteParent::of(span_context) {
            write(&parent, None, carrier);
        }
    }
}

text_map!(XrayPropagator, |_this| FIELDS.as_slice());

/// What the header or the variable says.
struct Message {
    parent: RemoteParent,
    lineage: Option<Lineage>,
}

impl AsRef<RemoteParent> for Message {
    fn as_ref(&self) -> &RemoteParent {
        &self.parent
    }
}

/// The variable, if it is asked, or the header; a state alone only where neither names a span.
fn read(environment: Option<Variables>, carrier: &dyn Carrier) -> Option<Message> {
    let value = environment.and_then(|environment| environment(VARIABLE));
    let variable = value.and_then(|value| count_refused(parse(value.as_encoded_bytes())));
    remote_parent::either(variable, || {
        remote_parent::read(carrier, X_AMZN_TRACE_ID, parse)
    })
}

fn write(parent: &RemoteParent, lineage: Option<Lineage>, carrier: &mut dyn CarrierMut) {
    if !parent.has_ids() {
        return;
    }
    let trace_id = parent.trace_id.to_bytes();
    let (time, rest) = trace_id.split_at(4);
    let mut header_value = StackString::new();
    header_value.text("Root=1-").hex(time).text("-").hex(rest);
    header_value
        .text(";Parent=")
        .hex(&parent.span_id.to_bytes());
    header_value.text(match parent.state {
        SamplingState::Accept | SamplingState::Debug => ";Sampled=1",
        SamplingState::Defer => "",
        SamplingState::Deny => ";Sampled=0",
    });
    if let Some(lineage) = lineage {
        lineage.write(&mut header_value);
    }
    carrier.set(X_AMZN_TRACE_ID, Cow::Borrowed(header_value.as_str()));
}

fn parse(value: &[u8]) -> Option<Message> {
    let (mut root, mut parent, mut sampled) = (None, None, None);
    let mut lineage = None;
    for field in value.split(|&byte| byte == b';').map(trim) {
        if field.is_empty() {
            continue;
        }
        let equals = field.iter().position(|&byte| byte == b'=')?;
        let (key, value) = field.split_at_checked(equals)?;
        let value = value.strip_prefix(b"=")?;
        let seen = match key {
            b"Root" => &mut root,
            b"Parent" => &mut parent,
            b"Sampled" => &mut sampled,
            b"Lineage" => {
                let first = lineage.is_none();
                lineage = Some(Lineage::parse(value).filter(|_| first));
                continue;
            }
            _ => continue,
        };
        if seen.replace(value).is_some() {
            return None;
        }
    }
    let state = match sampled {
        Some(b"0") => SamplingState::Deny,
        Some(b"1") => SamplingState::Accept,
        _ => SamplingState::Defer,
    };
    let trace_id = trace_id(root?)?;
    let parent = match parent {
        Some(parent) => RemoteParent::new(trace_id, hex::span_id(parent)?, state)?,
        None => RemoteParent::state_alone(state),
    };
    Some(Message {
        parent,
        lineage: lineage.flatten(),
    })
}

/// `1-{time}-{the rest}`, together the 32 digits of the trace id.
fn trace_id(root: &[u8]) -> Option<u128> {
    let (time, rest) = root.strip_prefix(b"1-")?.split_first_chunk::<8>()?;
    let rest = rest.strip_prefix(b"-").filter(|rest| rest.len() == 24)?;
    Some((u128::from(hex::decode(time)?) << 96) | hex::decode_wide(rest)?)
}

/// [`std::env::var_os`] of one type.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

const VARIABLE: &str = "_X_AMZN_TRACE_ID";
const X_AMZN_TRACE_ID: &str = "x-amzn-trace-id";
static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [X_AMZN_TRACE_ID.to_owned()]);

#[cfg(test)]
mod tests;
