//! The budget of bytes for requests in work.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of request bodies, compressed and decompressed, that are held at one time.
pub(crate) const BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The budget is used up. The request may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Overloaded;

/// Hands out leases on the budget.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<Semaphore>);

impl Admission {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_BYTES)))
    }

    /// A lease of nothing, to grow.
    pub(crate) fn lease(&self) -> Lease {
        Lease {
            budget: Arc::clone(&self.0),
            held: None,
        }
    }
}

/// Bytes taken from the budget; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Takes more, at once or not at all: waiting for room while holding some would let a few
    /// requests stop each other for good.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Overloaded> {
        let bytes = u32::try_from(bytes).map_err(|_| Overloaded)?;
        let more = Arc::clone(&self.budget)
            .try_acquire_many_owned(bytes)
            .map_err(|_| Overloaded)?;
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
        assert_eq!(second.grow(11), Err(Overloaded));
        second.grow(10).unwrap();
        assert_eq!(first.grow(1), Err(Overloaded));
        drop(second);
        first.grow(10).unwrap();
        drop(first);
        admission.lease().grow(BUDGET_BYTES).unwrap();
    }
}
