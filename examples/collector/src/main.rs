#![forbid(unsafe_code)]
//! The collector as a program. It prints the addresses that it listens on, then `ready`:
//!
//! ```text
//! listening otlp-grpc 127.0.0.1:4317
//! listening otlp-http 127.0.0.1:4318
//! listening query 127.0.0.1:8080
//! listening health 127.0.0.1:13133
//! data-dir /home/me/.local/share/tracer-collector
//! ready
//! ```

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracer_collector::{Collector, CollectorConfig, in_one_line, parse_address};

/// Receives spans over OTLP, stores them, and shows them
#[derive(Debug, Parser)]
#[command(name = "tracer-collector", version)]
struct Flags {
    /// Address of the OTLP/gRPC receiver, such as localhost:4317; port 0 takes any free port
    #[arg(long, value_name = "ADDR", value_parser = parse_address, default_value_t = CollectorConfig::default().otlp_grpc_address())]
    otlp_grpc: SocketAddr,
    /// Address of the OTLP/HTTP receiver
    #[arg(long, value_name = "ADDR", value_parser = parse_address, default_value_t = CollectorConfig::default().otlp_http_address())]
    otlp_http: SocketAddr,
    /// Address of the query API and the page
    #[arg(long, value_name = "ADDR", value_parser = parse_address, default_value_t = CollectorConfig::default().query_address())]
    query: SocketAddr,
    /// Address of the health check
    #[arg(long, value_name = "ADDR", value_parser = parse_address, default_value_t = CollectorConfig::default().health_address())]
    health: SocketAddr,
    /// Directory of the store; created if it is missing
    #[arg(long, value_name = "DIR", default_value_os_t = CollectorConfig::default_data_dir())]
    data_dir: PathBuf,
}

/// The time for threads that still decode when all else has ended. Their requests were never
/// answered.
const LAST_THREADS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let flags = Flags::parse();
    let ended = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let ended = runtime.block_on(run(flags));
        runtime.shutdown_timeout(LAST_THREADS);
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", in_one_line(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn std::error::Error>> {
    // Before the first line is printed: a reader of `ready` may send a signal immediately.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let config = CollectorConfig::default()
        .otlp_grpc(flags.otlp_grpc)
        .otlp_http(flags.otlp_http)
        .query(flags.query)
        .health(flags.health)
        .data_dir(flags.data_dir);
    let collector = Collector::start(config).await?;
    announce(&collector)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    collector.shutdown().await?;
    Ok(())
}

fn announce(collector: &Collector) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, address) in collector.addresses() {
        writeln!(out, "listening {name} {address}")?;
        if !address.ip().is_loopback() {
            eprintln!(
                "warning: {name} on {address} can be reached from other machines, without encryption or authentication"
            );
        }
    }
    writeln!(out, "data-dir {}", collector.data_dir().display())?;
    writeln!(out, "ready")?;
    out.flush()
}
