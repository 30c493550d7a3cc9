//! The limit on the number of open connections.
//!
//! Each connection is a file, and the system limits the open files of a process. All listeners take
//! permits from one budget, which leaves files for the store. Each listener has a few permits that
//! no other can take, so thousands of idle connections to one port do not block the others.

use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections of all listeners together, where the system allows as many.
const MAX_CONNECTIONS: usize = 2048;
/// Files that are not connections: those of the store, the listeners and the runtime.
const OTHER_FILES: u64 = 64;
/// The smallest budget. The system may refuse some of these connections.
const MIN_CONNECTIONS: usize = 16;
/// The part of the budget that is reserved for each listener: one in so many permits.
const RESERVED_PART: usize = 16;

/// The permits for the connections of all listeners.
#[derive(Debug)]
pub(crate) struct ConnectionBudget {
    shared: Arc<Semaphore>,
    own: usize,
    total: usize,
}

impl ConnectionBudget {
    /// Returns the budget of this process for a number of listeners. It depends on the limit of
    /// open files.
    pub(crate) fn of_process(listeners: usize) -> Self {
        Self::new(total(getrlimit(Resource::Nofile).current), listeners)
    }

    pub(super) fn new(total: usize, listeners: usize) -> Self {
        let own = (total / RESERVED_PART).max(1);
        Self {
            shared: Arc::new(Semaphore::new(total.saturating_sub(own * listeners))),
            own,
            total,
        }
    }

    /// Returns the permits that one listener may take.
    pub(crate) fn listener(&self) -> ListenerBudget {
        ListenerBudget {
            shared: Arc::clone(&self.shared),
            own: Arc::new(Semaphore::new(self.own)),
            total: self.total,
        }
    }
}

/// Returns how many connections fit into a limit of open files. `None` is no limit.
fn total(files: Option<u64>) -> usize {
    let left = files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES));
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    left.clamp(MIN_CONNECTIONS, MAX_CONNECTIONS)
}

/// The permits that one listener may take: those that all share, and its own.
#[derive(Debug)]
pub(crate) struct ListenerBudget {
    shared: Arc<Semaphore>,
    own: Arc<Semaphore>,
    /// The number of permits of all listeners together.
    pub(super) total: usize,
}

/// A permit for one connection. Dropping it gives it back.
pub(super) type ConnectionPermit = OwnedSemaphorePermit;

impl ListenerBudget {
    /// Takes a permit if one is free.
    pub(super) fn try_take(&self) -> Option<ConnectionPermit> {
        let try_one = |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned().ok();
        try_one(&self.shared).or_else(|| try_one(&self.own))
    }

    /// Takes a permit as soon as one is free.
    pub(super) async fn take(&self) -> Option<ConnectionPermit> {
        // Neither semaphore is ever closed, so both wait for a permit.
        tokio::select! {
            permit = Arc::clone(&self.shared).acquire_owned() => permit.ok(),
            permit = Arc::clone(&self.own).acquire_owned() => permit.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(listener: &ListenerBudget) -> Vec<ConnectionPermit> {
        std::iter::from_fn(|| listener.try_take()).collect()
    }

    #[test]
    fn one_listener_cannot_take_what_belongs_to_others() {
        let budget = ConnectionBudget::new(320, 4);
        let [first, second, third] = [(); 3].map(|()| budget.listener());
        // A sixteenth of 320 is 20: three times as much is kept for the other three.
        let taken = all(&first);
        assert_eq!(taken.len(), 260);
        assert_eq!(all(&second).len(), 20);
        drop(taken);
        assert_eq!(all(&third).len(), 260);
    }

    #[test]
    fn the_budget_leaves_files_for_the_store() {
        assert_eq!(total(Some(1024)), 960);
        assert_eq!(total(Some(1_048_576)), MAX_CONNECTIONS);
        assert_eq!(total(None), MAX_CONNECTIONS);
        assert_eq!(total(Some(10)), MIN_CONNECTIONS);
    }
}
