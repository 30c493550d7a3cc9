//! The budget of bytes for requests in progress.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// Bytes of request bodies, compressed and decompressed, that are held at one time.
pub(super) const BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The budget, which hands out leases.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Semaphore>);

impl Admission {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_BYTES)))
    }

    /// Returns an empty lease.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            budget: Arc::clone(&self.0),
            held: None,
        }
    }
}

/// Bytes that are taken from the budget until the lease is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Takes more bytes from the budget, or refuses the request if there is no room now.
    ///
    /// It never waits: a few requests that hold room and wait for more would stop each other for
    /// good.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::Overloaded)?;
        let more = Arc::clone(&self.budget)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Refusal::Overloaded)?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_share_one_budget_and_give_it_back() {
        let admission = Admission::new();
        let mut first = admission.lease();
        first.grow(BUDGET_BYTES - 10).unwrap();
        let mut second = admission.lease();
        assert_eq!(second.grow(11), Err(Refusal::Overloaded));
        second.grow(10).unwrap();
        assert_eq!(first.grow(1), Err(Refusal::Overloaded));
        drop(second);
        first.grow(10).unwrap();
        drop(first);
        admission.lease().grow(BUDGET_BYTES).unwrap();
    }
}
