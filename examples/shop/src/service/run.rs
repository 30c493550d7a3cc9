//! A service as a process: listens, says where, serves until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use std::{io, thread};

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tracer_instrument::reqwest::TracedClient;

use super::{Calls, Downstream, Name, log_lines};
use crate::Error;
use crate::demo::stop_signal;

/// What stands before the address in the line that a service prints when it is ready.
pub const LISTENING: &str = "listening on ";

/// How long one service waits for another.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until stdin is closed, SIGTERM or Ctrl-C. The tracing is set up from the `OTEL_*` environment and flushed at the end.
/// Logs to the file, or to stderr.
///
/// # Errors
///
/// [`Error`] if the environment is refused, a downstream service is unknown, the address cannot be listened on, or the
/// log file cannot be opened.
pub fn run(
    name: Name,
    listen: SocketAddr,
    downstream: &[Downstream],
    log_file: Option<&Path>,
) -> Result<(), Error> {
    log_lines::init(log_file)?;
    let guard = tracer_export::init().map_err(Error::Tracing)?;
    let served = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(serve(name, listen, downstream));
    drop(guard);
    served
}

async fn serve(name: Name, listen: SocketAddr, downstream: &[Downstream]) -> Result<(), Error> {
    // The proxy of the environment is no way to a neighbour.
    let client = reqwest::Client::builder()
        .timeout(CALL_TIMEOUT)
        .no_proxy()
        .build()
        .map_err(Error::Client)?;
    let calls = Calls {
        service: name,
        client: TracedClient::new(client),
        downstream,
    };
    let app = name
        .router(calls)?
        .layer(tracer_instrument::axum::trace_layer());
    let not_listening = |source| Error::Listen {
        address: listen,
        source,
    };
    let listener = TcpListener::bind(listen).await.map_err(not_listening)?;
    let stopped = stdin_closed_or(stop_signal()?);
    println!("{name} {LISTENING}http://{}", listener.local_addr()?);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stopped)
        .await?;
    Ok(())
}

/// A parent that ends, however it ends, closes the other side of stdin: no service outlives it.
async fn stdin_closed_or(stopped: impl Future<Output = ()>) {
    let (closed, is_closed) = oneshot::channel();
    // A thread of its own: the runtime would wait for one of its own at the end, and the read can last for ever.
    thread::spawn(move || {
        let end = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // The receiver is gone if a signal came first.
        let _ = closed.send(end);
    });
    tokio::select! {
        _ = is_closed => {}
        () = stopped => {}
    }
}
