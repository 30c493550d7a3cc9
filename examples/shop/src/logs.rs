//! From a log line to its trace, and from a trace to its log lines.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Error;
use crate::api::{Span, Trace};
use crate::service::Name;

/// A line of a service's log.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct LogLine {
    /// When, in UTC (RFC 3339).
    pub timestamp: String,
    /// `INFO`, `WARN` and so on.
    pub severity: String,
    /// The service that wrote it. Empty in lines that were written before tracing was set up.
    #[serde(rename = "service.name", default)]
    pub service_name: String,
    /// What.
    pub message: String,
    /// 32 hex digits, if it was written in a span.
    pub trace_id: Option<String>,
    /// 16 hex digits, if it was written in a span.
    pub span_id: Option<String>,
    /// The line as it stands in the file.
    #[serde(skip)]
    pub text: String,
}

/// The logs of all services.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Logs {
    /// By trace id, each by time.
    by_trace: HashMap<String, Vec<LogLine>>,
}

impl Logs {
    /// The file of a service in the directory of the logs.
    #[must_use]
    pub fn file(directory: &Path, service: Name) -> PathBuf {
        directory.join(format!("{service}.jsonl"))
    }

    /// Reads the logs of all services.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if one cannot be read, [`Error::LogLine`] if a line is not what a service writes.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let mut by_trace: HashMap<String, Vec<LogLine>> = HashMap::new();
        for service in Name::ALL {
            for text in BufReader::new(File::open(Self::file(directory, service))?).lines() {
                let text = text?;
                let line: LogLine = serde_json::from_str(&text)
                    .map_err(|source| Error::LogLine { service, source })?;
                if let Some(trace_id) = line.trace_id.clone() {
                    let line = LogLine { text, ..line };
                    by_trace.entry(trace_id).or_default().push(line);
                }
            }
        }
        for lines in by_trace.values_mut() {
            lines.sort_by(|one, other| one.timestamp.cmp(&other.timestamp));
        }
        Ok(Self { by_trace })
    }

    /// The lines of a trace, by time.
    #[must_use]
    pub fn of_trace(&self, trace_id: &str) -> &[LogLine] {
        self.by_trace.get(trace_id).map_or(&[], Vec::as_slice)
    }

    /// What is wrong between a trace and its lines: a line whose span is not there or of another service, and a service
    /// without a line.
    #[must_use]
    pub fn differences(&self, trace: &Trace) -> Vec<String> {
        let lines = self.of_trace(&trace.trace_id);
        let mut differences: Vec<_> = lines
            .iter()
            .filter(|line| span_of(line, trace).is_none())
            .map(|line| format!("no span of this log line: {}", line.text))
            .collect();
        let services: HashSet<_> = lines
            .iter()
            .map(|line| line.service_name.as_str())
            .collect();
        let silent = Name::ALL
            .into_iter()
            .filter(|name| !services.contains(name.as_str()));
        differences.extend(silent.map(|name| format!("no log line of {name}")));
        differences
    }
}

/// The span in which a line was written.
#[must_use]
pub fn span_of<'t>(line: &LogLine, trace: &'t Trace) -> Option<&'t Span> {
    let mut spans = trace.spans.iter();
    spans.find(|span| {
        line.span_id.as_ref() == Some(&span.span_id) && line.service_name == span.service_name
    })
}

/// The lines of a trace for people, with the names of their spans, and the last one as it stands in the file.
#[must_use]
pub fn text(lines: &[LogLine], trace: &Trace) -> String {
    let mut text = String::new();
    for line in lines {
        let time = line.timestamp.split_once('T').map_or("", |(_, time)| time);
        let span = span_of(line, trace).map_or("?", |span| &span.operation_name);
        text.push_str(&format!(
            "{time:16}  {:5}  {:12}  {span:20}  {}\n",
            line.severity, line.service_name, line.message
        ));
    }
    if let Some(line) = lines.last() {
        text.push_str(&format!("\n{}\n", line.text));
    }
    text
}

#[cfg(test)]
mod tests;
