//! The conditions of a search: as terms of postings, and as checks of rows and spans.

use super::read::TraceRow;
use super::terms::{self, Term};
use crate::model::{Group, Span};

/// The conditions that a trace must meet. One of its spans must meet those on service, operation
/// and tags.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Filter {
    pub(crate) service: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    /// Earliest and latest start of the trace, both included.
    pub(crate) start_nanos: Option<u64>,
    pub(crate) end_nanos: Option<u64>,
    pub(crate) min_duration_nanos: Option<u64>,
    pub(crate) max_duration_nanos: Option<u64>,
    pub(crate) has_errors: Option<bool>,
}

impl Filter {
    /// Returns the terms that every trace has which meets the conditions.
    pub(super) fn terms(&self) -> Vec<Term> {
        let mut all: Vec<Term> = self
            .tags
            .iter()
            .map(|(key, value)| terms::attribute(key, value))
            .collect();
        match (&self.service, &self.operation) {
            (Some(service), Some(operation)) => {
                all.push(terms::service_operation(service, operation));
            }
            (Some(service), None) => all.push(terms::service(service)),
            (None, Some(operation)) => all.push(terms::operation(operation)),
            (None, None) => {}
        }
        all.extend(self.min_duration_nanos.and_then(terms::at_least));
        if self.has_errors == Some(true) {
            all.push(terms::error());
        }
        all
    }

    /// Checks the conditions that the row alone decides.
    pub(super) fn takes(&self, row: &TraceRow) -> bool {
        let summary = &row.summary;
        let duration = summary.duration_nanos();
        self.start_nanos
            .is_none_or(|start| start <= summary.start_nanos)
            && self.end_nanos.is_none_or(|end| summary.start_nanos <= end)
            && self.min_duration_nanos.is_none_or(|min| min <= duration)
            && self.max_duration_nanos.is_none_or(|max| duration <= max)
            && self
                .has_errors
                .is_none_or(|wanted| wanted == summary.has_errors)
    }

    /// Returns whether the spans of a hit must be checked. A condition on the service alone is
    /// decided by the list of the row, unless the trace has hundreds of services.
    pub(super) fn needs_spans(&self, row: &TraceRow) -> bool {
        let listed = self
            .service
            .as_ref()
            .is_none_or(|service| row.summary.services.contains(service));
        self.operation.is_some() || !self.tags.is_empty() || !listed
    }

    /// Checks the conditions that one span must meet.
    pub(super) fn takes_spans(&self, groups: &[Group]) -> bool {
        groups.iter().any(|group| {
            let service = group.resource.service_name();
            self.service.as_ref().is_none_or(|wanted| wanted == service)
                && group.spans.iter().any(|span| self.takes_span(group, span))
        })
    }

    fn takes_span(&self, group: &Group, span: &Span) -> bool {
        self.operation
            .as_ref()
            .is_none_or(|wanted| *wanted == span.name)
            && self.tags.iter().all(|(key, value)| {
                let own = span.attributes.items.iter();
                own.chain(&group.resource.attributes.items)
                    .any(|attribute| attribute.key == *key && attribute.value.is_found_by(value))
            })
    }

    /// Returns whether there are conditions on the start time only.
    pub(super) fn is_time_only(&self) -> bool {
        Self {
            start_nanos: self.start_nanos,
            end_nanos: self.end_nanos,
            ..Self::default()
        } == *self
    }

    /// Returns the bounds of the start time as signed integers of SQLite. Later times become the
    /// last one.
    pub(super) fn bounds(&self) -> (i64, i64) {
        let signed = |nanos: u64| i64::try_from(nanos).unwrap_or(i64::MAX);
        (
            self.start_nanos.map_or(0, signed),
            self.end_nanos.map_or(i64::MAX, signed),
        )
    }
}
