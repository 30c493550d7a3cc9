//! `tracing` with `tracing-opentelemetry` over the stock SDK, its extra fields off: what most
//! applications use today.

use std::sync::atomic::Ordering;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{
    Case, System, Target,
    otel_systems::{Sink, stock_provider},
};

pub(crate) struct TracingSystem {
    provider: SdkTracerProvider,
    sink: Sink,
}

impl TracingSystem {
    pub(crate) fn new() -> Self {
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
        Self { provider, sink }
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
        // What is late is seen in the counts.
        drop(self.provider.force_flush());
    }

    fn received(&self) -> u64 {
        self.sink.0.load(Ordering::Relaxed)
    }
}
