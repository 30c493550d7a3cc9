//! `http::HeaderMap` as a carrier.

use std::borrow::Cow;
use std::ops::ControlFlow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::carrier::{Carrier, CarrierMut};

impl Carrier for HeaderMap {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        let values = match known_name(name) {
            Some(name) => self.get_all(name),
            None => self.get_all(name),
        };
        for value in values {
            if visit(value.as_bytes()).is_break() {
                return;
            }
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        for name in self.keys() {
            if visit(name.as_str()).is_break() {
                return;
            }
        }
    }
}

/// A name or value that HTTP does not allow sets nothing; no propagator of this crate has one. Nor
/// does any in a map that is full, with tens of thousands of headers.
impl CarrierMut for HeaderMap {
    fn set(&mut self, name: &str, value: Cow<'_, str>) {
        let value = match value {
            Cow::Borrowed(text) => HeaderValue::from_str(text),
            // Takes the buffer over without a copy.
            Cow::Owned(text) => HeaderValue::try_from(text),
        };
        let Ok(value) = value else { return };
        // `insert` panics where there is no more room.
        if let Some(name) = known_name(name) {
            // By reference: a name that is given away is copied and looked at first.
            let _ = self.try_insert(name, value);
        } else if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            let _ = self.try_insert(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        match known_name(name) {
            Some(name) => HeaderMap::remove(self, name),
            None => HeaderMap::remove(self, name),
        };
    }
}

macro_rules! names {
    ($($constant:ident = $name:literal,)*) => {
        $(static $constant: HeaderName = HeaderName::from_static($name);)*

        /// Returns the parsed form of a name that this crate uses. Parsing a name costs more than
        /// comparing it, and setting one would allocate.
        fn known_name(name: &str) -> Option<&'static HeaderName> {
            match name {
                $($name => Some(&$constant),)*
                _ => None,
            }
        }
    };
}

names! {
    B3 = "b3",
    B3_FLAGS = "x-b3-flags",
    B3_PARENT_SPAN_ID = "x-b3-parentspanid",
    B3_SAMPLED = "x-b3-sampled",
    B3_SPAN_ID = "x-b3-spanid",
    B3_TRACE_ID = "x-b3-traceid",
    BAGGAGE = "baggage",
    GRPC_TRACE_BIN = "grpc-trace-bin",
    JAEGER_BAGGAGE = "jaeger-baggage",
    OT_TRACER_SAMPLED = "ot-tracer-sampled",
    OT_TRACER_SPANID = "ot-tracer-spanid",
    OT_TRACER_TRACEID = "ot-tracer-traceid",
    TRACEPARENT = "traceparent",
    TRACESTATE = "tracestate",
    UBER_TRACE_ID = "uber-trace-id",
    X_AMZN_TRACE_ID = "x-amzn-trace-id",
    X_CLOUD_TRACE_CONTEXT = "x-cloud-trace-context",
    X_SPAN_ID = "x-span-id",
    X_TRACE_ID = "x-trace-id",
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
        let mut values = Vec::new();
        headers.each_value(name, &mut |value| {
            values.push(value);
            ControlFlow::Continue(())
        });
        values
    }

    #[test]
    fn all_values_are_seen_in_order_and_set_replaces_them() {
        let mut headers = HeaderMap::new();
        for name in ["tracestate", "x-other"] {
            headers.append(name, HeaderValue::from_static("a=1"));
            headers.append(name, HeaderValue::from_bytes(b"\xff").unwrap());
            assert_eq!(values(&headers, name), [&b"a=1"[..], b"\xff"]);
            headers.set(name, Cow::Borrowed("b=2"));
            headers.set(name, Cow::Owned("c=3".to_owned()));
            assert_eq!(values(&headers, name), [b"c=3"]);
            CarrierMut::remove(&mut headers, name);
            assert_eq!(values(&headers, name), [[]; 0]);
        }
    }

    /// `HeaderMap::insert` panics in one.
    #[test]
    fn a_full_map_takes_nothing_more() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("1");
        let name = |n: usize| HeaderName::try_from(format!("h{n}")).unwrap();
        let full = (0..).find(|n| headers.try_insert(name(*n), value.clone()).is_err());
        assert!(full.is_some());
        headers.set("traceparent", Cow::Borrowed("x"));
        assert_eq!(headers.get("traceparent"), None);
    }

    #[test]
    fn what_http_does_not_allow_is_not_set() {
        let mut headers = HeaderMap::new();
        headers.set("baggage", Cow::Borrowed("a=1\r\nx: 1"));
        headers.set("no name", Cow::Borrowed("a"));
        assert!(headers.is_empty());
    }
}
