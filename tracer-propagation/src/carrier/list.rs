//! Lists of names and bytes as carriers: the headers of Kafka, NATS, AMQP and others.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::carrier::{Carrier, CarrierMut, starts_with};

/// Order is kept and names may repeat. What a client library has is read as `&[(&str, &[u8])]`.
impl<K: AsRef<str>, V: AsRef<[u8]>> Carrier for [(K, V)] {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        for (key, value) in self {
            if key.as_ref().eq_ignore_ascii_case(name) && visit(value.as_ref()).is_break() {
                return;
            }
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        for (key, _) in self {
            if visit(key.as_ref()).is_break() {
                return;
            }
        }
    }

    fn each_prefixed<'a>(
        &'a self,
        prefix: &str,
        visit: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) {
        for (key, value) in self {
            let key = key.as_ref();
            if starts_with(key, prefix) && visit(key, value.as_ref()).is_break() {
                return;
            }
        }
    }
}

/// As the slice of it.
impl<K: AsRef<str>, V: AsRef<[u8]>> Carrier for Vec<(K, V)> {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        self.as_slice().each_value(name, visit);
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        self.as_slice().each_name(visit);
    }

    fn each_prefixed<'a>(
        &'a self,
        prefix: &str,
        visit: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) {
        self.as_slice().each_prefixed(prefix, visit);
    }
}

/// Values may be `String`, `Vec<u8>`, `bytes::Bytes` and the like. What is set goes to the end.
impl<K, V> CarrierMut for Vec<(K, V)>
where
    K: AsRef<str> + for<'n> From<&'n str>,
    V: From<String>,
{
    fn set(&mut self, name: &str, value: Cow<'_, str>) {
        CarrierMut::remove(self, name);
        self.push((K::from(name), V::from(value.into_owned())));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(key, _)| !key.as_ref().eq_ignore_ascii_case(name));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use opentelemetry::Context;
    use opentelemetry::baggage::BaggageExt;
    use opentelemetry::trace::TraceContextExt;

    use crate::{CompositePropagator, JaegerPropagator, Propagator};

    /// A name that counts how often it is read.
    struct Name<'c>(String, &'c Cell<usize>);

    impl AsRef<str> for Name<'_> {
        fn as_ref(&self) -> &str {
            self.1.set(self.1.get() + 1);
            &self.0
        }
    }

    #[test]
    fn baggage_in_headers_of_its_own_is_found_in_one_pass() {
        let reads = Cell::new(0);
        let named = |n| (Name(format!("UberCtx-{n}"), &reads), b"1");
        let others = (0..10_000).map(|_| (Name("a".to_owned(), &reads), b"1"));
        let headers: Vec<_> = others.chain((0..64).map(named)).collect();
        let cx = JaegerPropagator::new().extract_from(&Context::new(), &headers);
        assert_eq!(cx.baggage().len(), 64);
        // One for `uber-trace-id`, one for `jaeger-baggage`, and this one.
        assert_eq!(reads.get(), 3 * headers.len());
    }

    /// Not name by name: of more than 64 headers the first count.
    #[test]
    fn baggage_in_headers_of_its_own_is_read_in_order() {
        let repeated = (3..=100).map(|n| ("uberctx-a", n.to_string()));
        let first = [("uberctx-a", "1".to_owned()), ("uberctx-b", "2".to_owned())];
        let headers: Vec<_> = first.into_iter().chain(repeated).collect();
        let cx = JaegerPropagator::new().extract_from(&Context::new(), &headers);
        let value = |key| cx.baggage().get(key).map(|value| value.to_string());
        assert_eq!(value("a").as_deref(), Some("64"));
        assert_eq!(value("b").as_deref(), Some("2"));
    }

    const PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn bytes_are_read_in_order_and_written_once() {
        let received: &[(&str, &[u8])] = &[
            ("TraceParent", PARENT),
            ("tracestate", b"a=1"),
            ("key", b"\xff\x00"),
            ("tracestate", b"b=2"),
            ("baggage", b"\xff"),
            ("baggage", b"c=3"),
        ];
        let propagator = CompositePropagator::default();
        let cx = propagator.extract_from(&Context::new(), &received);
        let copied = propagator.extract_from(&Context::new(), &received.to_vec());
        assert_eq!(copied.span().span_context(), cx.span().span_context());
        assert!(cx.span().span_context().is_sampled());

        let mut sent: Vec<(String, Vec<u8>)> = vec![
            ("TRACEPARENT".to_owned(), b"stale".to_vec()),
            ("key".to_owned(), b"\xff\x00".to_vec()),
        ];
        propagator.inject_into(&cx, &mut sent);
        let sent: Vec<_> = sent
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_slice()))
            .collect();
        let expected: [(&str, &[u8]); 4] = [
            ("key", b"\xff\x00"),
            ("traceparent", PARENT),
            ("tracestate", b"a=1,b=2"),
            ("baggage", b"c=3"),
        ];
        assert_eq!(sent, expected);
    }
}
