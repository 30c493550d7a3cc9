//! The numbers of ended spans by name and bucket, and the latest spans of each.

use std::collections::{HashMap, VecDeque};

use opentelemetry::InstrumentationScope;

use super::{
    bucket::{Bucket, Counts},
    limits::LiveLimits,
    record_copy::{EndedSpan, RecordCopy, cut},
};
use crate::{record::SpanRecord, sync::Mutex};

#[derive(Default)]
pub(super) struct Ended {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashMap<Box<str>, Name>,
    other: Counts,
}

#[derive(Default)]
struct Name {
    counts: Counts,
    /// For each bucket, the oldest span first.
    samples: [VecDeque<EndedSpan>; Bucket::ALL.len()],
}

impl Ended {
    pub(super) fn add(
        &self,
        record: &SpanRecord<'_>,
        scope: &InstrumentationScope,
        limits: &LiveLimits,
    ) {
        let (name, bucket) = (cut(record.name()), Bucket::of(record));
        let mut state = self.state.lock();
        if !state.names.contains_key(name) {
            if state.names.len() >= limits.max_names {
                return state.other.bump(bucket);
            }
            state.names.insert(name.into(), Name::default());
        }
        let Some(found) = state.names.get_mut(name) else {
            return;
        };
        found.counts.bump(bucket);
        let Some(samples) = found.samples.get_mut(bucket as usize) else {
            return;
        };
        if samples.len() >= limits.max_samples
            && let Some(oldest) = samples.pop_front()
        {
            // Reuses the memory of the oldest span.
            let mut copy = oldest.copy;
            copy.fill(record, limits.max_field_bytes);
            samples.push_back(EndedSpan {
                copy,
                scope: scope.clone(),
            });
        } else if samples.len() < limits.max_samples {
            let mut copy = RecordCopy::default();
            copy.fill(record, limits.max_field_bytes);
            samples.push_back(EndedSpan {
                copy,
                scope: scope.clone(),
            });
        }
    }

    /// Calls `visit` for every name. Returns the counts of the spans whose names are not listed.
    pub(super) fn each(&self, mut visit: impl FnMut(&str, Counts)) -> Counts {
        let state = self.state.lock();
        for (name, found) in &state.names {
            visit(name, found.counts);
        }
        state.other
    }

    pub(super) fn recent(&self, name: &str, bucket: Bucket) -> Vec<EndedSpan> {
        let state = self.state.lock();
        let found = state.names.get(cut(name));
        let samples = found.and_then(|found| found.samples.get(bucket as usize));
        samples.into_iter().flatten().rev().cloned().collect()
    }
}

impl Counts {
    fn bump(&mut self, bucket: Bucket) {
        if let Some(count) = self.0.get_mut(bucket as usize) {
            *count += 1;
        }
    }
}
