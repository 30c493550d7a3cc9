//! The clock of a test provider.

use crate::{TracerProviderBuilder, clock::ManualClock};

impl TracerProviderBuilder {
    /// Sets the clock of the spans (feature `testing`). Default: the system clock.
    #[must_use]
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Some(clock.clock());
        self
    }
}
