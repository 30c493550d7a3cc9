//! Scopes by their places, for threads that must not wait for each other.

use std::sync::OnceLock;

use opentelemetry::InstrumentationScope;

use super::scopes::MAX_SCOPES;

/// Scopes are added in pieces of so many, so that what was added never moves.
const PIECE: usize = 32;
/// One place more than there may be scopes: that of `overflow`.
const PIECES: usize = MAX_SCOPES / PIECE + 1;

type Piece = [OnceLock<InstrumentationScope>; PIECE];

/// Every scope of a provider at its place, once it is set there.
#[derive(Debug)]
pub(super) struct ScopeTable([OnceLock<Box<Piece>>; PIECES]);

impl ScopeTable {
    pub(super) fn new() -> Self {
        Self([const { OnceLock::new() }; PIECES])
    }

    pub(super) fn get(&self, place: usize) -> Option<&InstrumentationScope> {
        let piece = self.0.get(place / PIECE)?.get()?;
        piece.get(place % PIECE)?.get()
    }

    /// Sets a scope at a place that has none. Called by one thread at a time.
    pub(super) fn set(&self, place: usize, scope: InstrumentationScope) {
        let piece = self.0.get(place / PIECE);
        let piece = piece.map(|piece| piece.get_or_init(Box::default));
        if let Some(slot) = piece.and_then(|piece| piece.get(place % PIECE)) {
            // Set once, as said.
            let _ = slot.set(scope);
        }
    }
}
