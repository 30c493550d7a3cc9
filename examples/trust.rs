//! A gateway: it begins traces of its own for requests from outside, and tells its user's data to
//! no host but its own.
//!
//! `cargo run -p tracer-examples --example trust`

use std::{error::Error, net::SocketAddr};

use axum::{Router, http::HeaderMap, routing::get};
use opentelemetry::{Context, KeyValue, baggage::BaggageExt as _};
use tracer_core::TracerProvider;
use tracer_instrument::reqwest::ClientConfig;
use tracer_propagation::{CompositePropagator, PropagationPolicy, global};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = TracerProvider::builder().build()?;
    provider.set_global();
    opentelemetry::global::set_tracer_provider(provider);
    global::set_text_map_propagator(CompositePropagator::default());

    // Answers with what it was told.
    let told = async |headers: HeaderMap| {
        format!(
            "{:?} {:?}",
            headers.get("traceparent"),
            headers.get("baggage")
        )
    };
    let peer = serve(Router::new().route("/", get(told))).await?;

    let policy = PropagationPolicy::default().baggage_to(["127.0.0.1", "*.example.com"])?;
    let client = ClientConfig::default()
        .propagation_policy(policy)
        .build_client(reqwest::Client::builder())?;
    let handler = async move || {
        let context = Context::current().with_baggage([KeyValue::new("user", "alice")]);
        let mut told = String::new();
        for host in ["127.0.0.1", "localhost"] {
            let sending = {
                let _current = context.clone().attach();
                client.get(format!("http://{host}:{}/", peer.port())).send()
            };
            let answer = match sending.await {
                Ok(response) => response.text().await.unwrap_or_default(),
                Err(_) => "does not answer".to_owned(),
            };
            told.push_str(&format!("{host}: {answer}\n"));
        }
        told
    };
    let layer = tracer_instrument::axum::config()
        .public_endpoint(|_| true)
        .build()?;
    let gateway = serve(Router::new().route("/", get(handler)).layer(layer)).await?;

    // A stranger who would like to be part of our trace, and to add to our baggage.
    let stranger = reqwest::Client::new()
        .get(format!("http://{gateway}/"))
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .header("baggage", "admin=true");
    print!("{}", stranger.send().await?.text().await?);
    Ok(())
}

async fn serve(router: Router) -> Result<SocketAddr, std::io::Error> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}
