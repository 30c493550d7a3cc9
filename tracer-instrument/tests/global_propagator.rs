//! How the global propagator is asked, and what that costs. One test, for it belongs to the process.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use allocation_counter::measure;
use futures_util::FutureExt as _;
use http::{Request, Response};
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::noop::NoopTracerProvider;
use tower::{Layer as _, Service as _, service_fn};
use tracer_instrument::reqwest::{ClientConfig, TracedClient};
use tracer_instrument::tower::{TraceConfig, TraceLayer};
use tracer_propagation::carrier::{Carrier, CarrierMut};
use tracer_propagation::{CompositePropagator, Propagator, global};

const HEADERS: [(&str, &str); 3] = [
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    (
        "tracestate",
        "ot=th:c,congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
    ),
    ("baggage", "tenant=7"),
];

static DIRECTLY: AtomicUsize = AtomicUsize::new(0);
static BY_TRAITS: AtomicUsize = AtomicUsize::new(0);

/// Counts which way it is asked.
#[derive(Clone, Debug)]
struct Counted(CompositePropagator);

impl Propagator for Counted {
    fn extract_from(&self, cx: &Context, carrier: &dyn Carrier) -> Context {
        DIRECTLY.fetch_add(1, Ordering::Relaxed);
        self.0.extract_from(cx, carrier)
    }

    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        DIRECTLY.fetch_add(1, Ordering::Relaxed);
        self.0.inject_into(cx, carrier);
    }
}

impl TextMapPropagator for Counted {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        BY_TRAITS.fetch_add(1, Ordering::Relaxed);
        self.0.inject_context(cx, injector);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        BY_TRAITS.fetch_add(1, Ordering::Relaxed);
        self.0.extract_with_context(cx, extractor)
    }

    fn fields(&self) -> FieldIter<'_> {
        self.0.fields()
    }
}

/// What one request to a server and one of a client cost.
#[derive(Debug, PartialEq)]
struct Cost {
    directly: usize,
    by_traits: usize,
    server_allocations: u64,
    client_allocations: u64,
}

fn cost(layer: &TraceLayer, client: &TracedClient) -> Cost {
    // Some things are made once.
    serve(layer);
    send(client);
    DIRECTLY.store(0, Ordering::Relaxed);
    BY_TRAITS.store(0, Ordering::Relaxed);
    Cost {
        server_allocations: serve(layer),
        client_allocations: send(client),
        directly: DIRECTLY.load(Ordering::Relaxed),
        by_traits: BY_TRAITS.load(Ordering::Relaxed),
    }
}

fn serve(layer: &TraceLayer) -> u64 {
    let mut request = Request::new(String::new());
    for (name, value) in HEADERS {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let inner = async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new()));
    let mut service = layer.layer(service_fn(inner));
    measure(|| drop(service.call(request).now_or_never().unwrap().unwrap())).count_total
}

/// The client writes the headers and then finds that it does not speak the protocol.
fn send(client: &TracedClient) -> u64 {
    let request = client.get("unknown://localhost/");
    measure(|| drop(request.send().now_or_never().unwrap().unwrap_err())).count_total
}

#[test]
fn the_global_propagator_costs_a_request_what_a_given_one_does() {
    let provider = NoopTracerProvider::new();
    let propagator = Counted(CompositePropagator::default());
    let server = || TraceConfig::default().tracer_provider(&provider);
    let client = || ClientConfig::default().tracer_provider(&provider);
    let http = reqwest::Client::new();

    // What a client is to send on.
    let incoming: Vec<_> = HEADERS
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .into();
    let incoming = propagator.extract_from(&Context::new(), &incoming);
    let _current = incoming.attach();

    let layer = server().propagator(propagator.clone()).build().unwrap();
    let given = client().propagator(propagator.clone());
    let given = cost(&layer, &given.build(http.clone()).unwrap());
    assert_eq!((given.directly, given.by_traits), (2, 0));

    let (layer, client) = (server().build().unwrap(), client().build(http).unwrap());
    global::set_text_map_propagator(propagator.clone());
    assert_eq!(cost(&layer, &client), given);

    // The same one, set where only the traits are known. It hands over the strings that it makes, so
    // that it is the reading that allocates more.
    opentelemetry::global::set_text_map_propagator(propagator);
    let stock = cost(&layer, &client);
    assert_eq!((stock.directly, stock.by_traits), (0, 2));
    assert!(stock.server_allocations > given.server_allocations);
}
