//! A service that shows its running spans: `cargo run -p tracer-instrument --example debug_spans -- 127.0.0.1:8080`
//! and open the address that it prints. Without an argument it takes a free port. Ctrl-C or SIGTERM stops it.
//!
//! The page has no login, so a real service mounts it on a port where only operators come. It is mounted outside of the
//! layer that traces requests: looking at spans makes none.
#![allow(clippy::print_stdout, reason = "it tells where the page is")]

use std::env;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use opentelemetry::trace::{Span as _, Status};
use opentelemetry::{KeyValue, global};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracer_core::live::LiveView;
use tracer_core::{TracerProvider, start_span};
use tracer_instrument::zpages::DebugSpans;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let live = LiveView::default();
    let provider = TracerProvider::builder().live_view(&live).build()?;
    provider.set_global();
    global::set_tracer_provider(provider.clone());

    // Values are hidden but for those that are known to hold no secret.
    let page = DebugSpans::new(live).show_values(|key| {
        ["http.", "url.path", "job.", "otel."]
            .iter()
            .any(|shown| key.starts_with(shown))
    });
    let app = Router::new()
        .route("/orders/{id}", get(order))
        .layer(tracer_instrument::axum::trace_layer())
        .route_service("/debug/spans", page);

    tokio::spawn(jobs());
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    println!("http://{}/debug/spans", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

/// Takes its time, so that it can be seen running.
async fn order() -> &'static str {
    tokio::time::sleep(Duration::from_secs(3)).await;
    "on its way"
}

/// Work of many lengths, some of which fails.
async fn jobs() {
    for number in 0_u64.. {
        tokio::spawn(async move {
            let mut span = start_span!(
                "job",
                "job.number" = number.cast_signed(),
                "customer.email" = "ann@example.com"
            );
            let millis = match number % 5 {
                0 => 0,
                1 => 2,
                2 => 30,
                3 => 400,
                _ => 5_000,
            };
            tokio::time::sleep(Duration::from_millis(millis)).await;
            span.add_event("fetched", vec![KeyValue::new("rows", 12)]);
            if number % 7 == 0 {
                span.set_status(Status::error("the disk is full"));
            }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
