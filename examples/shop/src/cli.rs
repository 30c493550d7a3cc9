//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use tracer_collector::parse_address;

use crate::service::{Downstream, Name};

/// Five services, one trace: starts a collector and a small shop, sends orders, and shows their traces.
#[derive(Clone, Debug, Parser)]
#[command(name = "shop", version)]
#[non_exhaustive]
pub struct Cli {
    /// How many orders to send, from 3 to 10000; one of them fails in payment, one is slow in inventory.
    #[arg(long, value_name = "N", default_value_t = 36, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    pub requests: u32,

    /// End after the check: exit code 0 if every order gave one complete trace, else 1.
    #[arg(long)]
    pub once: bool,

    /// Print a summary as JSON to stdout, everything else to stderr. With --once the output ends there.
    #[arg(long)]
    pub json: bool,

    /// Where the collector's page listens [default: 127.0.0.1:8080 if free, else or with --once any free port].
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub page: Option<SocketAddr>,

    /// Run as this one service instead, until stdin is closed, SIGTERM or Ctrl-C.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["requests", "once", "json", "page"])]
    pub service: Option<Name>,

    /// Where the service listens; port 0 is any free port, which is printed.
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "service",
        value_parser = parse_address,
        default_value = "127.0.0.1:0"
    )]
    pub listen: SocketAddr,

    /// Where the service logs to, lines of JSON [default: stderr].
    #[arg(long, value_name = "FILE", requires = "service")]
    pub log_file: Option<PathBuf>,

    /// Where a service that this one calls is, as `payment=http://127.0.0.1:9000`. Can be given several times.
    #[arg(long, value_name = "NAME=URL", requires = "service")]
    pub downstream: Vec<Downstream>,
}
