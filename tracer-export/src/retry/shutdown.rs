//! Announces a shutdown of the provider to all exports of one exporter, and wakes those that wait.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// The deadline of a shutdown; `None` until one begins.
#[derive(Debug, Default)]
pub(crate) struct Shutdown(watch::Sender<Option<Instant>>);

impl Shutdown {
    /// Announces a shutdown.
    pub(super) fn begin(&self, deadline: std::time::Instant) {
        self.0.send_replace(Some(deadline.into()));
    }

    /// Whether an export waits, for tests.
    #[cfg(test)]
    pub(super) fn has_waiting(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        *self.0.borrow()
    }

    /// Waits for `wait`, or until a shutdown begins. Returns whether one began during the wait.
    pub(super) async fn interrupts(&self, wait: Duration) -> bool {
        let mut begun = self.0.subscribe();
        if begun.borrow_and_update().is_some() {
            sleep(wait).await;
            return false;
        }
        timeout(wait, begun.changed()).await.is_ok()
    }
}
