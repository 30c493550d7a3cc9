//! `tracing` with `tracing-opentelemetry` over the stock SDK, its extra fields off: what most
//! applications use today. And the same code with our layer, with its defaults.

use std::sync::atomic::Ordering;

use opentelemetry::trace::TracerProvider as _;
use tracer_core::TracerProvider;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{
    Case, System, TIMEOUT, Target,
    otel_systems::{Sink, stock_provider},
};

struct TracingSystem {
    flush: Box<dyn Fn() + Send + Sync>,
    sink: Sink,
}

pub(crate) fn peer() -> impl System {
    let sink = Sink::default();
    let provider = stock_provider(&Target::Null, &sink);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("bench"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
    TracingSystem {
        // What is late is seen in the counts.
        flush: Box::new(move || drop(provider.force_flush())),
        sink,
    }
}

pub(crate) fn ours() -> impl System {
    let sink = Sink::default();
    let provider = TracerProvider::builder().exporter(sink.clone());
    let provider = provider.build().expect("provider");
    // For native spans.
    provider.set_global();
    let layer = tracer_instrument::tracing::layer_with(provider.tracer("bench"));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
    TracingSystem {
        flush: Box::new(move || drop(provider.force_flush(TIMEOUT))),
        sink,
    }
}

fn attributes() {
    let span = info_span!(
        parent: None,
        "GET /orders/{id}",
        http.request.method = "GET",
        http.route = "/orders/{id}",
        http.response.status_code = 500,
        user.id = String::from("user-1234567890"),
        retry = false,
        otel.status_code = "error",
        otel.status_description = "broken",
    );
    info!(parent: &span, key = "order", "cache miss");
}

fn tree(depth: usize) {
    if depth > 0 {
        let _node = info_span!("node").entered();
        tree(depth - 1);
    }
}

impl System for TracingSystem {
    fn does(&self, case: Case) -> bool {
        matches!(
            case,
            Case::Root | Case::Attributes | Case::Child | Case::Tree
        )
    }

    fn run(&self, case: Case, operations: usize) {
        let _parent = (case == Case::Child).then(|| info_span!(parent: None, "parent").entered());
        for _ in 0..operations {
            match case {
                Case::Root => drop(info_span!(parent: None, "root")),
                Case::Attributes => attributes(),
                Case::Child => drop(info_span!("child").entered()),
                Case::Tree => tree(10),
                _ => {}
            }
        }
    }

    fn flush(&self) {
        (self.flush)();
    }

    fn received(&self) -> u64 {
        self.sink.0.load(Ordering::Relaxed)
    }
}
