//! The clock of a provider under test.

use crate::{TracerProviderBuilder, clock::ManualClock};

impl TracerProviderBuilder {
    /// Gives spans the times of this clock (feature `testing`). Default: the time of day.
    #[must_use]
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Some(clock.clock());
        self
    }
}
