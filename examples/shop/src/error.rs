//! What can go wrong with the demonstration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use std::{io, iter};

use crate::service::Name;

/// Why the shop could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query API could not be asked.
    #[error("the collector does not answer at {address}")]
    CollectorGone {
        /// Where it was asked.
        address: SocketAddr,
        /// Why.
        #[source]
        source: reqwest::Error,
    },

    /// The collector did not start.
    #[error("the collector did not start")]
    CollectorStart(#[source] tracer_collector::Error),

    /// The collector did not end properly.
    #[error("the collector did not end properly")]
    CollectorStop(#[source] tracer_collector::Error),

    /// An HTTP client could not be made.
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),

    /// A service needs another one and was not told where it is.
    #[error("{service} needs --downstream {downstream}=URL")]
    DownstreamMissing {
        /// The service.
        service: Name,
        /// What it needs.
        downstream: Name,
    },

    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why: in use, not permitted.
        #[source]
        source: io::Error,
    },

    /// The process logs already.
    #[error("the log could not be set up")]
    Log(#[source] tracing::subscriber::SetGlobalDefaultError),

    /// The file for a log cannot be opened.
    #[error("cannot log to {}", path.display())]
    LogFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// A line of a log is not what a service writes.
    #[error("a line in the log of {service} cannot be read")]
    LogLine {
        /// The service.
        service: Name,
        /// What is wrong with the line.
        #[source]
        source: serde_json::Error,
    },

    /// The set-up of the tracing refused the environment.
    #[error("the tracing could not be set up")]
    Tracing(#[source] tracer_export::Error),

    /// An order was answered differently from what its kind asks for, or not at all.
    #[error("order {number} was answered {answer}")]
    Order {
        /// Which one, counted from 1.
        number: usize,
        /// Status code, or what failed.
        answer: String,
    },

    /// Output, input, signals.
    #[error("input or output failed")]
    Io(#[from] io::Error),

    /// A service's process ended before it listened.
    #[error("{service} ended before it listened: {status}")]
    ServiceEnded {
        /// The service.
        service: Name,
        /// How it ended.
        status: ExitStatus,
    },

    /// A service's process did not say where it listens.
    #[error("{service} did not listen within {after:?}")]
    ServiceSilent {
        /// The service.
        service: Name,
        /// How long it was waited for.
        after: Duration,
    },
}

impl Error {
    /// The error and its causes in one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let causes = iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        causes
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    }
}
