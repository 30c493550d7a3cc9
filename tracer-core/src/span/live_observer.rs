//! The interface through which recordings report to the live view.

use std::fmt;

use crate::{clock::Anchor, record::SpanRecord};

/// A list of open spans. The live view implements it.
pub(crate) trait LiveObserver: fmt::Debug + Send + Sync {
    /// Adds a span of a provider to the list. Returns `None` if the list is full.
    fn start(&self, provider: u64, anchor: Anchor, record: &SpanRecord<'_>) -> Option<LiveKey>;

    /// Updates the contents of a listed span.
    fn refresh(&self, key: LiveKey, record: &SpanRecord<'_>);

    /// Removes a span from the list.
    fn stop(&self, key: LiveKey);
}

/// The position of an open span in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveKey {
    /// The part of the list, which belongs to few threads.
    pub(crate) part: u32,
    /// The number of the span in that part.
    pub(crate) number: u64,
}
