//! The `baggage` header: W3C Baggage.

mod decode;
mod encode;
mod prefixed_headers;

use std::borrow::Cow;
use std::sync::LazyLock;

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::SpanContext;

pub(crate) use self::decode::Values;
pub(crate) use self::prefixed_headers::PrefixedHeaders;
use crate::baggage::decode::Reader;
use crate::carrier::{Carrier, CarrierMut};
use crate::error::Error;
use crate::limits::{BAGGAGE_BYTES, BAGGAGE_MEMBERS};
use crate::propagator::{Propagator, text_map};
use crate::stats;

/// Carries [`Baggage`] in `baggage` headers, by W3C Baggage.
///
/// - One budget of 64 members and 8,192 bytes covers all headers together, in and out. Members
///   that do not fit are left out whole.
/// - A malformed member costs itself only, and never the trace context.
/// - Values are percent-decoded when read and encoded when sent. The properties of a member are
///   its `BaggageMetadata`, in the form they have in the header, still encoded: decoding them
///   would lose which `;` and `,` separate and which are text.
/// - What is sent is visible ASCII. A `,`, `;` or line break in a value or property goes out
///   encoded and cannot become a member or a header of its own.
/// - `Baggage` is a map: of two members with one key the last stays, and members go out sorted.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use tracer_propagation::BaggagePropagator;
///
/// let mut headers = http::HeaderMap::new();
/// headers.append("baggage", "userId=Am%C3%A9lie".parse().unwrap());
/// headers.append("baggage", "query = a=b ; ttl=60, no value".parse().unwrap());
///
/// let propagator = BaggagePropagator::new();
/// let baggage = propagator.extract_baggage(&headers).unwrap();
/// assert_eq!(baggage.get("userId").unwrap().as_str(), "Amélie");
/// let (value, metadata) = baggage.get_with_metadata("query").unwrap();
/// assert_eq!((value.as_str(), metadata.as_str()), ("a=b", "ttl=60"));
///
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_baggage(&baggage, &mut outgoing);
/// assert_eq!(outgoing["baggage"], "query=a%3Db;ttl=60,userId=Am%C3%A9lie");
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct BaggagePropagator;

impl BaggagePropagator {
    /// Makes the propagator; it has no settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator;
    ///
    /// let propagator = tracer_propagation::BaggagePropagator::new();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["baggage"]);
    /// ```
    pub const fn new() -> Self {
        Self
    }

    /// Reads the baggage; `None` if there is no valid member.
    ///
    /// # Cost
    ///
    /// Without a `baggage` header nothing is allocated.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use tracer_propagation::BaggagePropagator;
    ///
    /// let map = HashMap::from([("baggage".to_owned(), "serverNode=DF%2028".to_owned())]);
    /// let baggage = BaggagePropagator::new().extract_baggage(&map).unwrap();
    /// assert_eq!(baggage.get("serverNode").unwrap().as_str(), "DF 28");
    /// ```
    pub fn extract_baggage<C: Carrier + ?Sized>(&self, carrier: &C) -> Option<Baggage> {
        let mut reader: Option<Reader> = None;
        let mut dropped = 0;
        carrier.each_value(BAGGAGE, &mut |value| {
            reader
                .get_or_insert_with(Reader::new)
                .extend(value, &mut |_| dropped += 1)
        });
        if dropped > 0 {
            stats::add(&stats::BAGGAGE_MEMBERS_DROPPED, dropped);
        }
        reader
            .map(Reader::finish)
            .filter(|baggage| !baggage.is_empty())
    }

    /// Writes the baggage; if it is empty, leaves the carrier as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use opentelemetry::baggage::Baggage;
    /// use tracer_propagation::{BaggagePropagator, carrier::InjectorCarrier};
    ///
    /// let mut map: HashMap<String, String> = HashMap::new();
    /// BaggagePropagator::new().inject_baggage(&Baggage::new(), &mut InjectorCarrier(&mut map));
    /// assert!(map.is_empty());
    /// ```
    pub fn inject_baggage<C: CarrierMut + ?Sized>(&self, baggage: &Baggage, carrier: &mut C) {
        if let Some(header) = header(baggage) {
            carrier.set(BAGGAGE, Cow::Owned(header));
        }
    }
}

/// Reads the values of all `baggage` headers of one message, and says what was left out and why.
///
/// There is one error a member left out, and at the 65th member one for all that follow.
///
/// # Examples
///
/// ```
/// use tracer_propagation::{Error, baggage};
///
/// let (baggage, errors) = baggage::parse([&b"a=1, b c=2"[..], b"d=3"]);
/// assert_eq!(baggage.len(), 2);
/// assert_eq!(errors, [Error::BaggageKey { offset: 5 }]);
/// ```
pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> (Baggage, Vec<Error>) {
    let mut reader = Reader::new();
    let mut errors = Vec::new();
    for value in values {
        if reader
            .extend(value, &mut |error| errors.push(error))
            .is_break()
        {
            break;
        }
    }
    (reader.finish(), errors)
}

/// Writes the value of one `baggage` header, or `None` if there is nothing to write.
///
/// # Examples
///
/// ```
/// use opentelemetry::baggage::Baggage;
///
/// let mut baggage = Baggage::new();
/// baggage.insert("serverNode", "DF 28");
/// baggage.insert_with_metadata("a", "1,2", "p=\r\nx: 1");
/// let header = tracer_propagation::baggage::header(&baggage);
/// assert_eq!(header.as_deref(), Some("a=1%2C2;p=%0D%0Ax:%201,serverNode=DF%2028"));
/// ```
pub fn header(baggage: &Baggage) -> Option<String> {
    if baggage.is_empty() {
        return None;
    }
    let (header, dropped) = encode::header(baggage);
    if dropped > 0 {
        stats::add(&stats::BAGGAGE_MEMBERS_DROPPED, dropped);
    }
    (!header.is_empty()).then_some(header)
}

/// The members of both under the budget of one message; of two with one key that of `first`.
pub(crate) fn merge(first: &Baggage, more: &Baggage) -> Baggage {
    let mut merged = Baggage::new();
    let (mut bytes, mut dropped) = (0, 0);
    for (key, value, metadata) in encode::sorted(first)
        .into_iter()
        .chain(encode::sorted(more))
    {
        if merged.get(key).is_some() {
            continue;
        }
        let size = usize::from(bytes > 0) + size(key, value, metadata);
        if merged.len() < BAGGAGE_MEMBERS && bytes + size <= BAGGAGE_BYTES {
            bytes += size;
            merged.insert_with_metadata(key.to_owned(), value.to_owned(), metadata);
        } else {
            dropped += 1;
        }
    }
    if dropped > 0 {
        stats::add(&stats::BAGGAGE_MEMBERS_DROPPED, dropped);
    }
    merged
}

impl Propagator for BaggagePropagator {
    fn extract_from(&self, cx: &Context, carrier: &dyn Carrier) -> Context {
        match self.extract_baggage(carrier) {
            Some(baggage) => cx.with_baggage(baggage),
            None => cx.clone(),
        }
    }

    /// Always `None`: the format says nothing of a span.
    fn extract_span_context(&self, _carrier: &dyn Carrier) -> Option<SpanContext> {
        None
    }

    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        self.inject_baggage(cx.baggage(), carrier);
    }

    /// Writes nothing.
    fn inject_span_context(&self, _span_context: &SpanContext, _carrier: &mut dyn CarrierMut) {}
}

text_map!(BaggagePropagator, |_this| FIELDS.as_slice());

/// Length of a member in a header, if nothing in its value has to be encoded.
fn size(key: &str, value: &str, metadata: &str) -> usize {
    let separators = 1 + usize::from(!metadata.is_empty());
    separators + key.len() + value.len() + metadata.len()
}

/// `token` of RFC 7230 §3.2.6: what the key of a member or property may hold.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `baggage-octet`: what a value may hold without percent-encoding.
fn is_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

const BAGGAGE: &str = "baggage";
static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [BAGGAGE.to_owned()]);

#[cfg(test)]
mod tests;
