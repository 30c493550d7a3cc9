//! The service that the test harness of W3C Trace Context examines: an axum server and a reqwest
//! client, both traced, and nothing else.
//!
//! `cargo run -p tracer-examples --example w3c_service -- 127.0.0.1:5000`; Ctrl-C or SIGTERM ends it
//!
//! `POST /test` takes a list of calls and makes them one after the other, each with its
//! `arguments` as the body, inside the span of the request. The harness is in the repository
//! w3c/trace-context, in `test/`; it needs Python with aiohttp:
//!
//! `STRICT_LEVEL=2 SPEC_LEVEL=2 python test.py http://127.0.0.1:5000/test`

use std::{env, error::Error};

use axum::{Json, Router, http::StatusCode, routing::post};
use serde::Deserialize;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tracer_core::TracerProvider;
use tracer_instrument::reqwest::TracedClient;
use tracer_propagation::{CompositePropagator, global};

#[derive(Deserialize)]
struct Call {
    url: String,
    arguments: Value,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args()
        .nth(1)
        .ok_or("the address to listen on, please")?;

    // No exporter: only the headers matter here.
    opentelemetry::global::set_tracer_provider(TracerProvider::builder().build()?);
    global::set_text_map_propagator(CompositePropagator::default());

    let client = TracedClient::new(reqwest::Client::new());
    let test = async move |Json(calls): Json<Vec<Call>>| {
        for call in calls {
            let request = client.post(call.url).json(&call.arguments);
            request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        }
        Ok::<_, StatusCode>(())
    };
    let service = Router::new()
        .route("/test", post(test))
        .layer(tracer_instrument::axum::trace_layer());

    let listener = tokio::net::TcpListener::bind(address).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, service)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}
