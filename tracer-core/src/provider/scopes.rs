//! The instrumentation scopes of a provider.

use std::{collections::HashMap, sync::Arc};

use opentelemetry::InstrumentationScope;

use super::scope_table::ScopeTable;

/// How many scopes a provider tells apart. A library has one; names made at run time are a mistake
/// that must not cost memory without end.
pub(super) const MAX_SCOPES: usize = 1024;

/// Scopes, each at a place that never changes.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    places: HashMap<InstrumentationScope, u32>,
    /// Invariant: holds every scope of `places` at its place, but for those added since.
    list: Arc<[InstrumentationScope]>,
    added: Vec<InstrumentationScope>,
}

impl Scopes {
    /// The place of a scope. Equal scopes share one; the 1025th different one and all later ones
    /// share that of a scope named `overflow`. A new one is also set in the table.
    pub(super) fn index(&mut self, scope: InstrumentationScope, table: &ScopeTable) -> u32 {
        if let Some(place) = self.places.get(&scope) {
            return *place;
        }
        let scope = if self.places.len() < MAX_SCOPES {
            scope
        } else {
            InstrumentationScope::builder("overflow").build()
        };
        let next = self.list.len() + self.added.len();
        let next = u32::try_from(next).unwrap_or(u32::MAX);
        let added = &mut self.added;
        *self.places.entry(scope).or_insert_with_key(|scope| {
            added.push(scope.clone());
            table.set(next as usize, scope.clone());
            next
        })
    }

    /// All scopes, in their places.
    pub(super) fn list(&mut self) -> Arc<[InstrumentationScope]> {
        if !self.added.is_empty() {
            let added = self.added.drain(..);
            self.list = self.list.iter().cloned().chain(added).collect();
        }
        Arc::clone(&self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_keep_their_places_and_those_beyond_the_limit_share_one() {
        let mut scopes = Scopes::default();
        let table = ScopeTable::new();
        let scope = |n: usize| InstrumentationScope::builder(format!("scope {n}")).build();
        for n in 0..MAX_SCOPES {
            assert_eq!(scopes.index(scope(n), &table) as usize, n);
            assert_eq!(table.get(n), Some(&scope(n)));
            assert_eq!(table.get(n + 1), None);
            if n % 100 == 0 {
                assert_eq!(scopes.list().len(), n + 1);
            }
        }
        assert_eq!(scopes.index(scope(5), &table), 5);
        for n in MAX_SCOPES..MAX_SCOPES + 3 {
            assert_eq!(scopes.index(scope(n), &table) as usize, MAX_SCOPES);
        }
        assert_eq!(scopes.list()[7], scope(7));
        assert_eq!(scopes.list().len(), MAX_SCOPES + 1);
        assert_eq!(scopes.list()[MAX_SCOPES].name(), "overflow");
        assert_eq!(table.get(MAX_SCOPES), Some(&scopes.list()[MAX_SCOPES]));
        assert_eq!(table.get(usize::MAX), None);
    }
}
