//! The scopes of a provider by position, for threads that must not wait for each other.

use std::sync::OnceLock;

use opentelemetry::InstrumentationScope;

/// The number of different scopes that a provider keeps. A library has one. Names that are made at
/// run time are a mistake, which must not use unbounded memory.
pub(super) const MAX_SCOPES: usize = 1024;

/// Scopes are added in pieces of this length, so that added scopes never move.
const PIECE: usize = 32;
/// There is one position more than there may be scopes, for `overflow`.
const PIECES: usize = MAX_SCOPES / PIECE + 1;

type Piece = [OnceLock<InstrumentationScope>; PIECE];

/// The scopes of a provider, each at its position once it is set.
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

    /// Sets the scope at a position that has none. Must not be called by two threads at a time.
    pub(super) fn set(&self, index: usize, scope: InstrumentationScope) {
        let piece = self.0.get(index / PIECE);
        let piece = piece.map(|piece| piece.get_or_init(Box::default));
        if let Some(cell) = piece.and_then(|piece| piece.get(index % PIECE)) {
            // Ignored: a position is set once.
            let _ = cell.set(scope);
        }
    }
}
