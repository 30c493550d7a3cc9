//! A service: an axum server and a reqwest client, both traced, and an end that loses nothing. Run a
//! collector on localhost:4318, or set `OTEL_*`:
//!
//! `OTEL_SERVICE_NAME=orders cargo run -p tracer-examples --example service -- 127.0.0.1:5000`
//!
//! and ask for `/orders/7`. Ctrl-C or SIGTERM ends it: it takes no more requests, answers those in
//! progress, and the guard sends the last spans. Unix only.

use std::{env, error::Error, io, net::SocketAddr};

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracer_core::{InSpan as _, start_span};
use tracer_instrument::reqwest::TracedClient;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Shows warnings about refused variables and lost spans. Without a subscriber they are not shown.
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let _guard = tracer_export::init()?;
    let address = env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;

    let client = TracedClient::new(reqwest::Client::new());
    let app = Router::new()
        .route(
            "/orders/{id}",
            get(async move |id| order(client, address, id).await),
        )
        .route("/stock/{id}", get(stock))
        .layer(tracer_instrument::axum::trace_layer());

    // Set up before the address is printed, because a signal may follow immediately.
    let stopped = stop_signal()?;
    println!("listening on {address}");
    axum::serve(listener, app)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

/// Asks for the stock. The service asks itself, so that the example is one process.
async fn order(
    client: TracedClient,
    address: SocketAddr,
    Path(id): Path<u64>,
) -> Result<String, StatusCode> {
    let stock = client.get(format!("http://{address}/stock/{id}")).send();
    let stock = stock.await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    stock.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn stock(Path(id): Path<u64>) -> String {
    println!("counting {id}");
    let count = tokio::time::sleep(std::time::Duration::from_millis(300));
    count.in_span(start_span!("count")).await;
    format!("12 of {id}\n")
}

/// Ends with Ctrl-C or SIGTERM, from now on.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
