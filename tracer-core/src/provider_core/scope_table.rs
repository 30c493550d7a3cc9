//! Scopes by position, for threads that must not wait for each other.

use std::sync::OnceLock;

use opentelemetry::InstrumentationScope;

/// How many different scopes a provider keeps. A library has one. Names that are made at run time are
/// a mistake, which must not take unbounded memory.
pub(super) const MAX_SCOPES: usize = 1024;

/// Scopes are added in pieces of this length, so that added scopes never move.
const PIECE: usize = 32;
/// One position more than there may be scopes, for `overflow`.
const PIECES: usize = MAX_SCOPES / PIECE + 1;

type Piece = [OnceLock<InstrumentationScope>; PIECE];

/// Every scope of a provider at its position, once it is set there.
#[derive(Debug)]
pub(super) struct ScopeTable([OnceLock<Box<Piece>>; PIECES]);

impl ScopeTable {
    pub(super) fn new() -> Self {
        Self([const { OnceLock::new() }; PIECES])
    }

    pub(super) fn get(&self, index: usize) -> Option<&InstrumentationScope> {
        let piece = self.0.get(index / PIECE)?.get()?;
        piece.get(index % PIECE)?.get()
    }

    /// Sets the scope at a position that has none. Called by one thread at a time.
    pub(super) fn set(&self, index: usize, scope: InstrumentationScope) {
        let piece = self.0.get(index / PIECE);
        let piece = piece.map(|piece| piece.get_or_init(Box::default));
        if let Some(slot) = piece.and_then(|piece| piece.get(index % PIECE)) {
            // Ignored, because a position is set once.
            let _ = slot.set(scope);
        }
    }
}
