//! What headers are read from and written to.
//!
//! `opentelemetry`'s [`Extractor`] hands out one `&str` per name and a fresh `Vec` for several;
//! its [`Injector`] wants an owned `String`. [`Carrier`] and [`CarrierMut`] do the same work on
//! bytes, without allocation, and see every value of a repeated header.
//!
//! | what | carrier |
//! | --- | --- |
//! | HTTP | `http::HeaderMap`, with feature `http` |
//! | gRPC | the `HeaderMap` of tonic's metadata: `request.metadata().as_ref()`, `metadata_mut().as_mut()` |
//! | Kafka and other messages | `Vec<(String, Vec<u8>)>`, and any list of names and bytes |
//! | maps | `HashMap<String, String>`, `BTreeMap<String, String>` |
//! | processes | [`Environment`] to read, `std::process::Command` to write (tokio's has `as_std_mut()`) |
//! | the traits of `opentelemetry` | [`ExtractorCarrier`] and [`InjectorCarrier`]; the other way [`CarrierExtractor`] and [`CarrierInjector`] |
//!
//! Limits are those of a propagator and count over all headers of its format, whatever carries them.

mod environment;
#[cfg(feature = "http")]
mod http;
mod list;
mod map;

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;

use opentelemetry::propagation::{Extractor, Injector};

use crate::limits::BAGGAGE_MEMBERS;

pub use self::environment::Environment;

/// A place that headers are read from. Names are matched without regard to case.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// use tracer_propagation::carrier::Carrier;
///
/// /// Stands for the message of a client library.
/// struct Record(Vec<(String, Vec<u8>)>);
///
/// impl Carrier for Record {
///     fn each_value<'a>(
///         &'a self,
///         name: &str,
///         visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>,
///     ) {
///         for (key, value) in &self.0 {
///             if key.eq_ignore_ascii_case(name) && visit(value).is_break() {
///                 return;
///             }
///         }
///     }
///
///     fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
///         for (key, _) in &self.0 {
///             if visit(key).is_break() {
///                 return;
///             }
///         }
///     }
/// }
///
/// let record = Record(vec![("Baggage".into(), b"a=1".into()), ("baggage".into(), b"b=2".into())]);
/// let baggage = tracer_propagation::BaggagePropagator::new().extract_baggage(&record).unwrap();
/// assert_eq!(baggage.len(), 2);
/// ```
pub trait Carrier {
    /// Calls `visit` with each value of the named header, in order, until it breaks.
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>);

    /// Calls `visit` with each header name, in any order, until it breaks. A name may come twice.
    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>);

    /// Calls `visit` with each header whose name starts with `prefix`, until it breaks: for formats
    /// that name headers after the keys of baggage. Names come in any order, the values of one in
    /// theirs.
    ///
    /// The default asks for the values of each name that it is shown, of one more name than there
    /// may be members of baggage, because a carrier may show names and find no value of theirs. One
    /// that searches for each name does it in one pass instead.
    fn each_prefixed<'a>(
        &'a self,
        prefix: &str,
        visit: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) {
        // A name that comes twice is shown twice, each time with all its values.
        let mut seen: Vec<&str> = Vec::new();
        self.each_name(&mut |name| {
            let is_known = |seen: &&str| seen.eq_ignore_ascii_case(name);
            if !starts_with(name, prefix) || seen.iter().any(is_known) {
                return ControlFlow::Continue(());
            }
            if seen.len() > BAGGAGE_MEMBERS {
                return ControlFlow::Break(());
            }
            seen.push(name);
            let mut flow = ControlFlow::Continue(());
            self.each_value(name, &mut |value| {
                flow = visit(name, value);
                flow
            });
            flow
        });
    }
}

/// Without regard to case.
pub(crate) fn starts_with(name: &str, prefix: &str) -> bool {
    let start = name.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A reference to a carrier is one: that makes a `&dyn Carrier` of a slice.
impl<C: Carrier + ?Sized> Carrier for &C {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        (**self).each_value(name, visit);
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        (**self).each_name(visit);
    }

    fn each_prefixed<'a>(
        &'a self,
        prefix: &str,
        visit: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) {
        (**self).each_prefixed(prefix, visit);
    }
}

/// A place that headers are written to.
pub trait CarrierMut {
    /// Sets the named header to one value, in place of all it had.
    ///
    /// The propagators of this crate hand over lowercase names, and values of visible ASCII and
    /// inner spaces: never a line break.
    fn set(&mut self, name: &str, value: Cow<'_, str>);

    /// Removes all values of the named header.
    fn remove(&mut self, name: &str);
}

/// Makes a [`Carrier`] of an [`Extractor`].
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use tracer_propagation::carrier::ExtractorCarrier;
/// use tracer_propagation::{Propagator as _, TraceContextPropagator};
///
/// // Stands for an extractor of another crate: this map is a carrier by itself.
/// let map = HashMap::from([(
///     "traceparent".to_owned(),
///     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
/// )]);
/// let parent = TraceContextPropagator::new().extract_span_context(&ExtractorCarrier(&map));
/// assert!(parent.unwrap().is_sampled());
/// ```
#[derive(Clone, Copy)]
pub struct ExtractorCarrier<'e>(
    /// What to read from.
    pub &'e dyn Extractor,
);

impl Carrier for ExtractorCarrier<'_> {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        for value in self.0.get_all(name).unwrap_or_default() {
            if visit(value.as_bytes()).is_break() {
                return;
            }
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        for name in self.0.keys() {
            if visit(name).is_break() {
                return;
            }
        }
    }
}

impl fmt::Debug for ExtractorCarrier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExtractorCarrier").finish_non_exhaustive()
    }
}

/// Makes a [`CarrierMut`] of an [`Injector`].
///
/// An injector cannot take a header away, so [`CarrierMut::remove`] does nothing here: a map that
/// is used for a second message must be emptied of the propagator's `fields()` first.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use tracer_propagation::carrier::{CarrierMut, InjectorCarrier};
///
/// let mut map = HashMap::new();
/// InjectorCarrier(&mut map).set("baggage", "a=1".into());
/// assert_eq!(map["baggage"], "a=1");
/// ```
pub struct InjectorCarrier<'i>(
    /// What to write to.
    pub &'i mut dyn Injector,
);

impl CarrierMut for InjectorCarrier<'_> {
    fn set(&mut self, name: &str, value: Cow<'_, str>) {
        self.0.set(name, value.into_owned());
    }

    fn remove(&mut self, _name: &str) {}
}

impl fmt::Debug for InjectorCarrier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InjectorCarrier").finish_non_exhaustive()
    }
}

/// Makes an [`Extractor`] of a [`Carrier`], for propagators that know only the traits of
/// `opentelemetry`.
///
/// An extractor hands out text, so a value that is not UTF-8 is shown as U+FFFD, the replacement
/// character: no format allows that, and a header that is there must not look as if it were not.
/// What was valid in such a value is lost; a [`Propagator`](crate::Propagator) that reads the
/// carrier itself keeps it.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::propagation::Extractor;
/// use tracer_propagation::carrier::CarrierExtractor;
///
/// let mut headers = http::HeaderMap::new();
/// headers.append("baggage", "a=1".parse().unwrap());
/// headers.append("baggage", "b=2".parse().unwrap());
/// let extractor = CarrierExtractor(&headers);
/// assert_eq!(extractor.get("baggage"), Some("a=1"));
/// assert_eq!(extractor.get_all("baggage"), Some(vec!["a=1", "b=2"]));
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct CarrierExtractor<'c>(
    /// What to read from.
    pub &'c dyn Carrier,
);

impl Extractor for CarrierExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut first = None;
        self.0.each_value(key, &mut |value| {
            first = Some(text(value));
            ControlFlow::Break(())
        });
        first
    }

    fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        self.0.each_name(&mut |name| {
            keys.push(name);
            ControlFlow::Continue(())
        });
        keys
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let mut values = Vec::new();
        self.0.each_value(key, &mut |value| {
            values.push(text(value));
            ControlFlow::Continue(())
        });
        (!values.is_empty()).then_some(values)
    }
}

impl fmt::Debug for CarrierExtractor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CarrierExtractor").finish_non_exhaustive()
    }
}

fn text(value: &[u8]) -> &str {
    std::str::from_utf8(value).unwrap_or("\u{fffd}")
}

/// Makes an [`Injector`] of a [`CarrierMut`].
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::propagation::Injector;
/// use tracer_propagation::carrier::CarrierInjector;
///
/// let mut headers = http::HeaderMap::new();
/// CarrierInjector(&mut headers).set("baggage", "a=1".to_owned());
/// assert_eq!(headers["baggage"], "a=1");
/// # }
/// ```
pub struct CarrierInjector<'c>(
    /// What to write to.
    pub &'c mut dyn CarrierMut,
);

impl Injector for CarrierInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.set(key, Cow::Owned(value));
    }
}

impl fmt::Debug for CarrierInjector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CarrierInjector").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use opentelemetry::Context;
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::TraceContextExt;

    use super::*;
    use crate::{CompositePropagator, Propagator};

    #[test]
    fn a_map_is_a_carrier_through_the_traits_of_opentelemetry() {
        let mut map = HashMap::new();
        InjectorCarrier(&mut map).set("traceparent", Cow::Borrowed("x"));
        InjectorCarrier(&mut map).remove("traceparent");

        let carrier = ExtractorCarrier(&map);
        let mut seen = Vec::new();
        carrier.each_value("TraceParent", &mut |value| {
            seen.push(value);
            ControlFlow::Continue(())
        });
        assert_eq!(seen, [b"x"]);
        assert_eq!(CarrierExtractor(&carrier).keys(), ["traceparent"]);
        assert_eq!(CarrierExtractor(&carrier).get_all("tracestate"), None);
    }

    /// Two `traceparent` headers are refused and a bad `tracestate` spoils the list, whichever way
    /// they are read. One that is not text was invisible through the traits.
    #[test]
    fn a_value_that_is_no_text_counts_through_the_traits_too() {
        let parent: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let has_parent = |cx: &Context| cx.span().span_context().is_valid();
        let state = |cx: &Context| cx.span().span_context().trace_state().header();
        let propagator = CompositePropagator::default();
        let both_ways = |more: &[(&str, &[u8])]| {
            let headers = [&[("traceparent", parent)], more].concat();
            let direct = propagator.extract_from(&Context::new(), &headers);
            let extractor = CarrierExtractor(&headers);
            [
                direct,
                propagator.extract_with_context(&Context::new(), &extractor),
            ]
        };
        for cx in both_ways(&[("tracestate", b"a=1"), ("other", b"\xff")]) {
            assert_eq!((has_parent(&cx), state(&cx)), (true, "a=1".to_owned()));
        }
        for cx in both_ways(&[("traceparent", b"\xff")]) {
            assert!(!has_parent(&cx));
        }
        for cx in both_ways(&[("tracestate", b"a=1"), ("tracestate", b"b=\xff")]) {
            assert_eq!((has_parent(&cx), state(&cx)), (true, String::new()));
        }
    }
}
