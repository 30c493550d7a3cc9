//! A bounded map that evicts the least recently used entry.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use super::list::{Links, List};

/// A bounded map. A full map evicts its least recently used entry.
///
/// Keys are stored twice, so they should be small or shared. Memory grows with the entries, up to
/// the capacity. A map with a capacity of 0 holds nothing.
#[derive(Debug)]
pub(super) struct LruMap<K, V> {
    positions: HashMap<K, u32>,
    entries: Vec<Entry<K, V>>,
    /// The entries from the least to the most recently used.
    recency: List,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    links: Links,
}

impl<K: Clone + Eq + Hash, V> LruMap<K, V> {
    /// Creates an empty map for up to `capacity` entries, at most 2^32 - 1.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            positions: HashMap::new(),
            entries: Vec::new(),
            recency: List::default(),
            capacity: capacity.min(u32::MAX as usize),
        }
    }

    /// Inserts a value, or replaces the value of the same key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.capacity == 0 {
            return;
        }
        if let Some(found) = self.get(&key) {
            *found = value;
            return;
        }
        let oldest = self.recency.head();
        let at = match oldest {
            Some(at) if self.entries.len() >= self.capacity => {
                self.recency.remove(&mut self.entries, at, links);
                if let Some(entry) = self.entries.get_mut(at as usize) {
                    self.positions.remove(&entry.key);
                    entry.key = key.clone();
                    entry.value = value;
                }
                at
            }
            _ => {
                let at = self.entries.len() as u32;
                self.entries.push(Entry {
                    key: key.clone(),
                    value,
                    links: Links::default(),
                });
                at
            }
        };
        self.recency.push_back(&mut self.entries, at, links);
        self.positions.insert(key, at);
    }

    /// Returns the value of a key, and makes it the most recently used entry.
    pub(super) fn get<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.entries.is_empty() {
            return None;
        }
        let at = *self.positions.get(key)?;
        self.recency.remove(&mut self.entries, at, links);
        self.recency.push_back(&mut self.entries, at, links);
        self.entries
            .get_mut(at as usize)
            .map(|entry| &mut entry.value)
    }

    /// Returns whether the map can hold anything.
    pub(super) fn is_enabled(&self) -> bool {
        self.capacity > 0
    }

    /// Returns the number of entries.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

fn links<K, V>(entry: &mut Entry<K, V>) -> &mut Links {
    &mut entry.links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_map_forgets_the_least_recently_used() {
        let mut map = LruMap::new(2);
        map.insert(1, 'a');
        map.insert(2, 'b');
        assert_eq!(map.get(&1), Some(&mut 'a'));
        map.insert(3, 'c');
        assert_eq!(map.get(&2), None);
        assert_eq!(map.get(&1), Some(&mut 'a'));
        assert_eq!(map.get(&3), Some(&mut 'c'));
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn inserting_a_key_again_replaces_its_value() {
        let mut map = LruMap::new(2);
        map.insert(1, 'a');
        map.insert(1, 'b');
        assert_eq!(map.len(), 1);
        assert_eq!(map.get(&1), Some(&mut 'b'));
    }

    #[test]
    fn capacity_of_zero_holds_nothing() {
        let mut map = LruMap::new(0);
        map.insert(1, 'a');
        assert_eq!(map.get(&1), None);
        assert!(!map.is_enabled());
    }

    #[test]
    fn memory_stays_bounded_for_unique_keys() {
        let mut map = LruMap::new(100);
        for key in 0..100_000 {
            map.insert(key, ());
        }
        assert_eq!(map.len(), 100);
        assert_eq!(map.positions.len(), 100);
        assert!((99_900..100_000).all(|key| map.get(&key).is_some()));
    }
}
