//! Whether every order gave one complete trace, and whether search finds those worth a look.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::Error;
use crate::api::{QueryClient, Trace};
use crate::expected::SPANS;
use crate::load::{Answered, Kind};
use crate::logs::{Logs, span_of};
use crate::tree::{Node, roots};

/// How long the last trace may take to be complete.
const QUERYABLE_TIMEOUT: Duration = Duration::from_secs(15);

/// How often the collector is asked for a trace that is not complete yet.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What a slow order takes at least, and no other should.
const SLOW_MILLIS: &str = "500";

/// What the collector has of the orders.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The complete traces, with the kinds of their orders.
    pub complete: Vec<(Kind, Trace)>,
    /// What is missing or wrong, in words, each with the id of its trace.
    pub missing: Vec<String>,
    /// Log lines that carry the ids of a span in these traces.
    pub log_lines: usize,
    /// From the answer to the last order until its trace was complete in the query API.
    pub queryable_after: Option<Duration>,
    /// The failing order's trace was found by a search for errors, and nothing else was.
    pub is_failing_found: bool,
    /// The slow order's trace was found by a search for its duration and by one for an attribute.
    pub is_slow_found: bool,
}

impl Report {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.is_failing_found && self.is_slow_found
    }

    /// Looks for the lines of each complete trace, and for the span of each line.
    pub fn look_up(&mut self, logs: &Logs) {
        for (_, trace) in &self.complete {
            let differences = logs.differences(trace);
            self.log_lines += logs
                .of_trace(&trace.trace_id)
                .iter()
                .filter(|line| span_of(line, trace).is_some())
                .count();
            let told = differences
                .iter()
                .map(|what| format!("{}: {what}", trace.trace_id));
            self.missing.extend(told);
        }
    }

    /// A trace of this kind.
    #[must_use]
    pub fn trace(&self, kind: Kind) -> Option<&Trace> {
        self.complete
            .iter()
            .find(|(it, _)| *it == kind)
            .map(|(_, trace)| trace)
    }
}

/// Waits until the traces of all orders are complete, 15 s at most, and searches for the failing and the slow one.
///
/// # Errors
///
/// [`Error::CollectorGone`] if the query API does not answer. What it answers is in the report.
pub async fn check(query: &QueryClient, answered: &[Answered]) -> Result<Report, Error> {
    let mut report = Report::default();
    let deadline = Instant::now() + QUERYABLE_TIMEOUT;
    // The last one first: it shows how long a trace takes to be queryable.
    for (index, order) in answered.iter().rev().enumerate() {
        let (trace, missing) = wait_for(query, order, deadline).await?;
        match trace {
            Some(trace) if missing.is_empty() => {
                if index == 0 {
                    report.queryable_after = Some(order.at.elapsed());
                }
                report.complete.push((order.kind, trace));
            }
            _ => report.missing.extend(
                missing
                    .iter()
                    .map(|what| format!("{}: {what}", order.trace_id)),
            ),
        }
    }
    search(query, answered, &mut report).await?;
    Ok(report)
}

/// The differences between a trace and what the trace of an order of this kind is.
#[must_use]
pub fn differences(trace: &Trace, kind: Kind) -> Vec<String> {
    let roots = roots(trace);
    let mut there = Vec::new();
    push_paths(&roots, "", &mut there);
    let mut differences = Vec::new();
    for path in expected_paths(kind) {
        match there.iter().position(|it| *it == path) {
            Some(index) => drop(there.swap_remove(index)),
            None => differences.push(format!("missing {path}")),
        }
    }
    differences.extend(there.into_iter().map(|path| format!("unexpected {path}")));
    if trace.orphan_span_count > 0 {
        differences.push(format!("{} orphans", trace.orphan_span_count));
    }
    if roots.iter().any(|root| root.span.parent_span_id.is_some()) {
        differences.push("the parent of a span is not there".to_owned());
    }
    differences
}

async fn wait_for(
    query: &QueryClient,
    order: &Answered,
    deadline: Instant,
) -> Result<(Option<Trace>, Vec<String>), Error> {
    loop {
        let trace = query.trace(&order.trace_id).await?;
        let missing = match &trace {
            Some(trace) => differences(trace, order.kind),
            None => vec!["the whole trace".to_owned()],
        };
        if missing.is_empty() || Instant::now() >= deadline {
            return Ok((trace, missing));
        }
        sleep(POLL_INTERVAL).await;
    }
}

async fn search(
    query: &QueryClient,
    answered: &[Answered],
    report: &mut Report,
) -> Result<(), Error> {
    let expected = |kind| {
        ids(answered
            .iter()
            .filter(|order| order.kind == kind)
            .map(|order| &order.trace_id))
    };
    // Other programs may send to the same collector; only the shop's own traces count.
    let all = query.search(&[("serviceName", "gateway")]).await?;
    if all.total_count != answered.len() as u64 {
        report.missing.push(format!(
            "{} traces of {} orders",
            all.total_count,
            answered.len()
        ));
    }
    let failing = query
        .search(&[("serviceName", "payment"), ("hasErrors", "true")])
        .await?;
    report.is_failing_found = ids(&failing.trace_ids) == expected(Kind::Failing);
    if !report.is_failing_found {
        report.missing.push(
            "the search for errors in payment does not find the failing trace alone".to_owned(),
        );
    }
    let long = query
        .search(&[("serviceName", "inventory"), ("minDurationMs", SLOW_MILLIS)])
        .await?;
    let far = query.search(&[("tag.shop.warehouse", "far")]).await?;
    report.is_slow_found = ids(&long.trace_ids).is_superset(&expected(Kind::Slow))
        && ids(&far.trace_ids) == expected(Kind::Slow);
    if !report.is_slow_found {
        report
            .missing
            .push("the searches for duration and warehouse do not find the slow trace".to_owned());
    }
    Ok(())
}

fn ids<'i>(ids: impl IntoIterator<Item = &'i String>) -> BTreeSet<&'i str> {
    ids.into_iter().map(String::as_str).collect()
}

fn expected_paths(kind: Kind) -> Vec<String> {
    let mut parents: Vec<String> = Vec::new();
    let mut paths = Vec::with_capacity(SPANS.len());
    for span in &SPANS {
        parents.truncate(span.depth);
        let parent = parents.last().map_or("", String::as_str);
        let own = path(parent, span.service, span.kind, span.name);
        paths.push(format!("{own} ({})", span.status(kind)));
        parents.push(own);
    }
    paths
}

fn push_paths(nodes: &[Node<'_>], parent: &str, paths: &mut Vec<String>) {
    for Node { span, children, .. } in nodes {
        let own = path(parent, &span.service_name, &span.kind, &span.operation_name);
        paths.push(format!("{own} ({})", span.status.code));
        push_paths(children, &own, paths);
    }
}

fn path(parent: &str, service: &str, kind: &str, name: &str) -> String {
    let separator = if parent.is_empty() { "" } else { " > " };
    format!("{parent}{separator}{service} {kind} {name}")
}

#[cfg(test)]
mod tests;
