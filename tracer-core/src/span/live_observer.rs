//! The interface by which recordings report to the live view.

use std::fmt;

use crate::{clock::Anchor, record::SpanRecord};

/// A list of open spans. The live view implements it.
pub(crate) trait LiveObserver: fmt::Debug + Send + Sync {
    /// Lists a span of a provider. `None` if the list is full.
    fn start(&self, provider: u64, anchor: Anchor, record: &SpanRecord<'_>) -> Option<LiveKey>;

    /// Shows the contents that a listed span has now.
    fn refresh(&self, key: LiveKey, record: &SpanRecord<'_>);

    /// Removes a span from the list.
    fn stop(&self, key: LiveKey);
}

/// The place of an open span in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LiveKey {
    /// The part of the list, which belongs to few threads.
    pub(crate) part: u32,
    /// The number of the span in that part.
    pub(crate) number: u64,
}
