//! Names seen: operations of each service, attribute keys and values. For forms to complete.
//!
//! Senders choose these names, so all of it is bounded: a key that never repeats a value fills its
//! share and no more. What was written in this hour is remembered as hashes, so that a name costs
//! a row once an hour (the hour says what may be forgotten with the traces).

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;

use crate::model::Group;

/// Rows written per hour, of both tables together.
const MAX_ROWS: usize = 100_000;
/// Values kept per attribute key of a service.
const MAX_VALUES: u32 = 100;
/// Longer keys, values and names are searchable, but not offered for completion.
const MAX_NAME_BYTES: usize = 256;

/// Rows for the catalogue tables.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) operations: Vec<(String, String, u8)>,
    pub(crate) tags: Vec<(String, String, String)>,
}

impl Seen {
    pub(crate) fn shrink(&mut self) {
        self.operations.shrink_to_fit();
        self.tags.shrink_to_fit();
    }

    pub(crate) fn cost_bytes(&self) -> usize {
        let operations = self
            .operations
            .iter()
            .map(|(a, b, _)| a.len() + b.len() + 56);
        let tags = self
            .tags
            .iter()
            .map(|(a, b, c)| a.len() + b.len() + c.len() + 72);
        operations.sum::<usize>() + tags.sum::<usize>()
    }
}

/// What was already written.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hour: i64,
    rows: usize,
    names: HashSet<u64>,
    values_per_key: HashMap<u64, u32>,
}

impl Catalog {
    /// Returns the names in `groups` that have no row of this hour yet.
    pub(crate) fn observe(&self, groups: &[Group]) -> Seen {
        let mut seen = Seen::default();
        // Once per request, not per span: the lock is held for some microseconds per span.
        let state = &mut *self.state.lock();
        for group in groups {
            let service = group.resource.service_name();
            if service.len() > MAX_NAME_BYTES {
                continue;
            }
            for attribute in &group.resource.attributes.items {
                self.tag(state, &mut seen, service, attribute);
            }
            for span in &group.spans {
                let kind = span.kind.number();
                let hash = self.hasher.hash_one((service, &span.name, kind));
                if span.name.len() <= MAX_NAME_BYTES && state.insert(hash) {
                    seen.operations
                        .push((service.to_owned(), span.name.clone(), kind));
                }
                for attribute in &span.attributes.items {
                    self.tag(state, &mut seen, service, attribute);
                }
            }
        }
        seen
    }

    /// Forgets what was written when another hour begins, so that rows get the new one.
    pub(crate) fn begin_hour(&self, hour: i64) {
        let mut state = self.state.lock();
        if state.hour != hour {
            *state = State {
                hour,
                ..State::default()
            };
        }
    }

    /// Forgets everything: a transaction that held new names failed.
    pub(crate) fn reset(&self) {
        let mut state = self.state.lock();
        *state = State {
            hour: state.hour,
            ..State::default()
        };
    }

    fn tag(
        &self,
        state: &mut State,
        seen: &mut Seen,
        service: &str,
        attribute: &crate::model::Attribute,
    ) {
        let Some(text) = attribute.value.search_text() else {
            return;
        };
        if attribute.key.len() > MAX_NAME_BYTES || text.len() > MAX_NAME_BYTES {
            return;
        }
        let key_hash = self.hasher.hash_one((service, &attribute.key));
        let hash = self.hasher.hash_one((key_hash, &text));
        if state.names.contains(&hash) {
            return;
        }
        let values = state.values_per_key.get(&key_hash).copied().unwrap_or(0);
        if values < MAX_VALUES && state.insert(hash) {
            state.values_per_key.insert(key_hash, values + 1);
            seen.tags
                .push((attribute.key.clone(), text.into_owned(), service.to_owned()));
        }
    }
}

impl State {
    /// True if the name is new and there is room for its row.
    fn insert(&mut self, hash: u64) -> bool {
        if self.rows >= MAX_ROWS || !self.names.insert(hash) {
            return false;
        }
        self.rows += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Attribute, Attributes, Resource, Scope, Span, Value};

    fn group(values: impl Iterator<Item = i64>) -> Group {
        let spans = values
            .map(|n| Span {
                name: "op".into(),
                attributes: Attributes {
                    items: vec![Attribute {
                        key: "k".into(),
                        value: Value::Int(n),
                    }],
                    dropped: 0,
                },
                ..Span::default()
            })
            .collect();
        Group {
            resource: Arc::new(Resource::default()),
            scope: Arc::new(Scope::default()),
            spans,
        }
    }

    #[test]
    fn a_name_is_written_once_an_hour() {
        let catalog = Catalog::default();
        let first = catalog.observe(&[group(0..3)]);
        assert_eq!((first.operations.len(), first.tags.len()), (1, 3));
        let again = catalog.observe(&[group(0..4)]);
        assert_eq!((again.operations.len(), again.tags.len()), (0, 1));
        catalog.begin_hour(7);
        assert_eq!(catalog.observe(&[group(0..2)]).tags.len(), 2);
        catalog.begin_hour(7);
        assert_eq!(catalog.observe(&[group(0..2)]).tags.len(), 0);
        catalog.reset();
        assert_eq!(catalog.observe(&[group(0..2)]).tags.len(), 2);
    }

    #[test]
    fn a_key_that_never_repeats_a_value_keeps_to_its_share() {
        let catalog = Catalog::default();
        assert_eq!(
            catalog.observe(&[group(0..1000)]).tags.len(),
            MAX_VALUES as usize
        );
        assert_eq!(catalog.observe(&[group(1000..2000)]).tags.len(), 0);
    }
}
