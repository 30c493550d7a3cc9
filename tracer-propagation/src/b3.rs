//! B3, the headers of Zipkin: one `b3`, or several `x-b3-*`.

mod multi;
mod single;

use std::sync::LazyLock;

use crate::carrier::{Carrier, CarrierMut};
use crate::remote_parent::{self, RemoteParent, remote_parent_propagator};
use crate::sampling_state::SamplingState;

/// Carries the span context in the headers of B3 (openzipkin `b3-propagation`; OpenTelemetry,
/// *B3 Requirements*).
///
/// Both encodings are always read; the constructor says which is sent. `b3` wins, and if it
/// names no span the `x-b3-*` headers are read. Of a header that comes twice, the first
/// value counts, as the specification has it.
///
/// - Trace ids of 16 digits are padded to 32 with zeros on the left, and go on as 32.
/// - A debug trace (`d`, `x-b3-flags: 1`) is sampled, and is sent on as debug.
/// - A caller that defers the decision gives an unsampled span context; the context remembers it
///   ([`SamplingState::Defer`]), and so what goes out under the caller's own span defers too.
/// - A state alone (`b3: 0`) gives no parent; the context remembers it, for a sampler that asks
///   ([`SamplingState`]).
/// - The parent's parent id is neither used nor sent.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use tracer_propagation::{B3Propagator, Propagator as _};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-b3-traceid", "463ac35c9f6413ad48485a3953bb6124".parse().unwrap());
/// headers.insert("x-b3-spanid", "a2fb4a1d1a96d312".parse().unwrap());
/// headers.insert("x-b3-flags", "1".parse().unwrap());
///
/// let propagator = B3Propagator::single();
/// let cx = propagator.extract_from(&Context::new(), &headers);
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&cx, &mut outgoing);
/// assert_eq!(outgoing["b3"], "463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-d");
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct B3Propagator {
    inject: Encoding,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Both,
    Multi,
    Single,
}

impl B3Propagator {
    /// Sends the one header `b3`: what the specification has as the default.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::B3Propagator::single();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["b3"]);
    /// ```
    pub const fn single() -> Self {
        let inject = Encoding::Single;
        Self { inject }
    }

    /// Sends `x-b3-traceid`, `x-b3-spanid` and `x-b3-sampled` or `x-b3-flags`.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::B3Propagator::multi();
    /// assert_eq!(propagator.fields().count(), 4);
    /// ```
    pub const fn multi() -> Self {
        let inject = Encoding::Multi;
        Self { inject }
    }

    /// Sends both, for receivers of which some know one and some the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::B3Propagator::both();
    /// assert_eq!(propagator.fields().count(), 5);
    /// ```
    pub const fn both() -> Self {
        let inject = Encoding::Both;
        Self { inject }
    }

    fn read(&self, carrier: &dyn Carrier) -> Option<RemoteParent> {
        remote_parent::either(single::read(carrier), || multi::read(carrier))
    }

    fn write(&self, parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
        if matches!(self.inject, Encoding::Single | Encoding::Both) {
            single::write(parent, carrier);
        }
        if matches!(self.inject, Encoding::Multi | Encoding::Both) {
            multi::write(parent, carrier);
        }
    }
}

/// [`B3Propagator::single`].
impl Default for B3Propagator {
    fn default() -> Self {
        Self::single()
    }
}

remote_parent_propagator!(B3Propagator, None, |this| match this.inject {
    Encoding::Both => FIELDS.as_slice(),
    Encoding::Multi => FIELDS.get(1..).unwrap_or_default(),
    Encoding::Single => FIELDS.get(..1).unwrap_or_default(),
});

/// The letter of a state; none for a deferred decision.
fn letter(state: SamplingState) -> Option<&'static str> {
    match state {
        SamplingState::Accept => Some("1"),
        SamplingState::Debug => Some("d"),
        SamplingState::Defer => None,
        SamplingState::Deny => Some("0"),
    }
}

const B3: &str = "b3";
const FLAGS: &str = "x-b3-flags";
const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
const SAMPLED: &str = "x-b3-sampled";
const SPAN_ID: &str = "x-b3-spanid";
const TRACE_ID: &str = "x-b3-traceid";
static FIELDS: LazyLock<[String; 5]> =
    LazyLock::new(|| [B3, TRACE_ID, SPAN_ID, SAMPLED, FLAGS].map(str::to_owned));

#[cfg(test)]
mod tests;
