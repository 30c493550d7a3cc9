//! What a service does with the spans and events of `tracing`: the spans become spans of its traces, and the events lines
//! of JSON that carry the ids of the span in which they are written, of whatever kind it is.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tracer_instrument::log::LineFormat;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::Error;

/// Sends the log to this file, or to stderr. The service's name is in the lines once tracing is set up.
pub(super) fn init(file: Option<&Path>) -> Result<(), Error> {
    let lines = tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .event_format(LineFormat::json())
        .with_writer(writer(file)?);
    let subscriber = tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(tracer_instrument::tracing::layer())
        .with(lines);
    tracing::subscriber::set_global_default(subscriber).map_err(Error::Log)
}

fn writer(file: Option<&Path>) -> Result<BoxMakeWriter, Error> {
    let Some(path) = file else {
        return Ok(BoxMakeWriter::new(io::stderr));
    };
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let file = opened.map_err(|source| Error::LogFile {
        path: path.to_owned(),
        source,
    })?;
    Ok(BoxMakeWriter::new(Arc::new(file)))
}
