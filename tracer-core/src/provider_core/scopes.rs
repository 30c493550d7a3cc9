//! The instrumentation scopes of a provider.

use std::{collections::HashMap, sync::Arc};

use opentelemetry::InstrumentationScope;

use super::scope_table::{MAX_SCOPES, ScopeTable};

/// Scopes, each at a position that never changes.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    positions: HashMap<InstrumentationScope, u32>,
    /// Invariant: holds every scope of `positions` at its position, except for those in `added`.
    list: Arc<[InstrumentationScope]>,
    added: Vec<InstrumentationScope>,
}

impl Scopes {
    /// Returns the position of a scope, and adds the scope if it is new. The 1025th different scope
    /// and all later ones share the position of a scope named `overflow`.
    pub(super) fn index(&mut self, scope: InstrumentationScope, table: &ScopeTable) -> u32 {
        if let Some(position) = self.positions.get(&scope) {
            return *position;
        }
        let scope = if self.positions.len() < MAX_SCOPES {
            scope
        } else {
            InstrumentationScope::builder("overflow").build()
        };
        let next = self.list.len() + self.added.len();
        let next = u32::try_from(next).unwrap_or(u32::MAX);
        let added = &mut self.added;
        *self.positions.entry(scope).or_insert_with_key(|scope| {
            added.push(scope.clone());
            table.set(next as usize, scope.clone());
            next
        })
    }

    /// Returns all scopes by position.
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
    fn scopes_keep_their_positions_and_those_beyond_the_limit_share_one() {
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
