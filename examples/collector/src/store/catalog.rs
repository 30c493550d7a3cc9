//! Names of stored spans: operations of each service, attribute keys and values. For forms to
//! complete.
//!
//! Senders choose these names, so all of it is bounded: a key that never repeats a value fills its
//! share and no more. What was written in this hour is remembered as hashes, so that a name costs
//! a row once an hour (the hour says what may be forgotten with the traces).
//!
//! Names are collected when their request is decoded, and written when a segment that holds them is
//! stored. Names of spans that are not stored are not listed.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;

use crate::model::{Attribute, Group};

/// Rows written per hour, of both tables together.
const MAX_ROWS: usize = 100_000;
/// Values kept per attribute key of a service.
const MAX_VALUES: u32 = 100;
/// Longer keys, values and names are searchable, but not offered for completion.
const MAX_NAME_BYTES: usize = 256;

/// Service, name and kind.
pub(super) type Operation = (String, String, u8);
/// Key, value and service.
pub(super) type Tag = (String, String, String);

/// Names of one request that had no row of this hour yet.
#[derive(Debug, Default)]
pub(super) struct NewNames {
    operations: Vec<Name<Operation>>,
    tags: Vec<Name<Tag>>,
}

#[derive(Debug)]
struct Name<R> {
    row: R,
    hash: u64,
    /// The hash of service and key, whose values have a limit; zero for an operation.
    key: u64,
    /// Indexes of the segments that hold the name, in order.
    segments: Vec<u32>,
}

impl NewNames {
    pub(super) fn cost_bytes(&self) -> usize {
        let operations = self.operations.iter();
        let operations = operations.map(|one| one.row.0.len() + one.row.1.len() + one.cost_bytes());
        let tags = self.tags.iter().map(|one| {
            let (key, value, service) = &one.row;
            key.len() + value.len() + service.len() + one.cost_bytes()
        });
        operations.sum::<usize>() + tags.sum::<usize>()
    }
}

impl<R> Name<R> {
    fn cost_bytes(&self) -> usize {
        size_of::<Self>() + self.segments.len() * size_of::<u32>()
    }
}

/// Remembers the names that are already written.
#[derive(Debug, Default)]
pub(super) struct Catalog {
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
    /// Returns the names in the groups of each segment that have no row of this hour yet.
    pub(super) fn observe(&self, segments: &[Vec<Group>]) -> NewNames {
        // Once per request, not per span: the lock is held for some microseconds per span.
        let state = &*self.state.lock();
        let mut observer = Observer {
            hasher: &self.hasher,
            state,
            operations: Collected::default(),
            tags: Collected::default(),
            values_per_key: HashMap::new(),
        };
        for (segment, groups) in segments.iter().enumerate() {
            for group in groups {
                observer.group(group, segment as u32);
            }
        }
        NewNames {
            operations: observer.operations.names,
            tags: observer.tags.names,
        }
    }

    /// Returns the rows to write for a request and remembers them as written. `stored` says of each
    /// segment whether it is stored.
    pub(super) fn admit<'s>(
        &self,
        names: &'s NewNames,
        stored: &[bool],
    ) -> (Vec<&'s Operation>, Vec<&'s Tag>) {
        let state = &mut *self.state.lock();
        (
            state.admit(&names.operations, stored),
            state.admit(&names.tags, stored),
        )
    }

    /// Forgets what was written when another hour begins, so that rows get the new one.
    pub(super) fn begin_hour(&self, hour: i64) {
        let mut state = self.state.lock();
        if state.hour != hour {
            *state = State {
                hour,
                ..State::default()
            };
        }
    }

    /// Forgets everything: a transaction that held new names failed.
    pub(super) fn reset(&self) {
        let mut state = self.state.lock();
        *state = State {
            hour: state.hour,
            ..State::default()
        };
    }
}

impl State {
    fn admit<'s, R>(&mut self, names: &'s [Name<R>], stored: &[bool]) -> Vec<&'s R> {
        let is_stored = |index: &u32| stored.get(*index as usize) == Some(&true);
        let mut rows = Vec::new();
        for name in names {
            if self.rows >= MAX_ROWS
                || self.is_full(name.key, 0)
                || !name.segments.iter().any(is_stored)
                || !self.names.insert(name.hash)
            {
                continue;
            }
            self.rows += 1;
            if name.key != 0 {
                *self.values_per_key.entry(name.key).or_default() += 1;
            }
            rows.push(&name.row);
        }
        rows
    }

    /// Returns whether a key has all the values that it may have once `more` are added.
    fn is_full(&self, key: u64, more: u32) -> bool {
        let values = self.values_per_key.get(&key).copied().unwrap_or(0);
        values + more >= MAX_VALUES
    }
}

/// Collects the names of one request.
struct Observer<'a> {
    hasher: &'a RandomState,
    state: &'a State,
    operations: Collected<Operation>,
    tags: Collected<Tag>,
    values_per_key: HashMap<u64, u32>,
}

/// Names with the index of each by its hash.
struct Collected<R> {
    names: Vec<Name<R>>,
    indexes: HashMap<u64, usize>,
}

impl Observer<'_> {
    fn group(&mut self, group: &Group, segment: u32) {
        let service = group.resource.service_name();
        if service.len() > MAX_NAME_BYTES {
            return;
        }
        for attribute in &group.resource.attributes.items {
            self.tag(service, attribute, segment);
        }
        for span in &group.spans {
            let kind = span.kind.number();
            let hash = self.hasher.hash_one((service, &span.name, kind));
            if span.name.len() <= MAX_NAME_BYTES && !self.is_known(hash) {
                let room = self.has_room();
                let row = || (service.to_owned(), span.name.clone(), kind);
                self.operations.add((hash, 0), segment, room, row);
            }
            for attribute in &span.attributes.items {
                self.tag(service, attribute, segment);
            }
        }
    }

    fn tag(&mut self, service: &str, attribute: &Attribute, segment: u32) {
        let Some(text) = attribute.value.search_text() else {
            return;
        };
        if attribute.key.len() > MAX_NAME_BYTES || text.len() > MAX_NAME_BYTES {
            return;
        }
        let key = self.hasher.hash_one((service, &attribute.key));
        let hash = self.hasher.hash_one((key, &text));
        if self.is_known(hash) {
            return;
        }
        let values = self.values_per_key.get(&key).copied().unwrap_or(0);
        let room = self.has_room() && !self.state.is_full(key, values);
        let row = || (attribute.key.clone(), text.into_owned(), service.to_owned());
        if self.tags.add((hash, key), segment, room, row) {
            self.values_per_key.insert(key, values + 1);
        }
    }

    fn is_known(&self, hash: u64) -> bool {
        self.state.names.contains(&hash)
    }

    fn has_room(&self) -> bool {
        self.state.rows + self.operations.names.len() + self.tags.names.len() < MAX_ROWS
    }
}

impl<R> Collected<R> {
    /// Notes that a segment holds a name. Returns true if the name is new and there is `room` for
    /// it.
    fn add(
        &mut self,
        (hash, key): (u64, u64),
        segment: u32,
        room: bool,
        row: impl FnOnce() -> R,
    ) -> bool {
        let known = self.indexes.get(&hash);
        if let Some(name) = known.and_then(|index| self.names.get_mut(*index)) {
            if name.segments.last() != Some(&segment) {
                name.segments.push(segment);
            }
            return false;
        }
        if room {
            self.indexes.insert(hash, self.names.len());
            let (row, segments) = (row(), vec![segment]);
            self.names.push(Name {
                row,
                hash,
                key,
                segments,
            });
        }
        room
    }
}

impl<R> Default for Collected<R> {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            indexes: HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Attributes, Resource, Scope, Span, Value};

    fn group(values: impl Iterator<Item = i64>) -> Vec<Group> {
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
        vec![Group {
            resource: Arc::new(Resource::default()),
            scope: Arc::new(Scope::default()),
            spans,
        }]
    }

    /// Returns the numbers of rows written for a request whose segments are stored or not.
    fn rows(catalog: &Catalog, segments: &[Vec<Group>], stored: &[bool]) -> (usize, usize) {
        let names = catalog.observe(segments);
        let (operations, tags) = catalog.admit(&names, stored);
        (operations.len(), tags.len())
    }

    #[test]
    fn a_name_is_written_once_an_hour() {
        let catalog = Catalog::default();
        let rows = |end| rows(&catalog, &[group(0..end)], &[true]);
        assert_eq!(rows(3), (1, 3));
        assert_eq!(rows(4), (0, 1));
        catalog.begin_hour(7);
        assert_eq!(rows(2), (1, 2));
        catalog.begin_hour(7);
        assert_eq!(rows(2), (0, 0));
        catalog.reset();
        assert_eq!(rows(2), (1, 2));
    }

    #[test]
    fn a_key_that_never_repeats_a_value_keeps_to_its_share() {
        let catalog = Catalog::default();
        let many = |from| catalog.observe(&[group(from..from + 1000)]);
        let (first, second) = (many(0), many(1000));
        assert_eq!(first.tags.len(), MAX_VALUES as usize);
        // Two requests that were decoded before either was stored.
        assert_eq!(catalog.admit(&first, &[true]).1.len(), MAX_VALUES as usize);
        assert_eq!(catalog.admit(&second, &[true]).1.len(), 0);
        assert_eq!(many(2000).tags.len(), 0);
    }

    #[test]
    fn names_of_what_is_not_stored_are_not_written() {
        let catalog = Catalog::default();
        // The values 0 and 1 are in the first segment, 1 and 2 in the second.
        let segments = [group(0..2), group(1..3)];
        assert_eq!(rows(&catalog, &segments, &[false, false]), (0, 0));
        assert_eq!(rows(&catalog, &segments, &[false, true]), (1, 2));
        assert_eq!(rows(&catalog, &segments, &[true, true]), (0, 1));
    }
}
