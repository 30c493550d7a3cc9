//! Retries, by the tables of the OTLP specification ("Failures").

mod backoff;
mod classify;
mod retry_after;
mod shutdown;
mod throttle;

use std::{
    future::Future,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tracer_core::{ExportError, ExportResult, ExportSuccess};

pub(crate) use self::classify::http_is_retryable;
#[cfg(feature = "http")]
pub(crate) use self::retry_after::retry_after;
use self::{backoff::Schedule, shutdown::Shutdown, throttle::Throttle};
#[cfg(feature = "grpc")]
pub(crate) use self::{
    classify::{GrpcRetry, grpc_retry},
    retry_after::retry_info,
};
use crate::failure::{Failure, Reports};

/// Stands for no limit. Short enough that adding it to the time does not overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The collector took the batch.
    Delivered(ExportSuccess),
    /// Another attempt may work.
    Failed {
        failure: Failure,
        /// How long the collector asked to be left alone.
        after: Option<Duration>,
    },
    /// No other attempt will work.
    Refused(Failure),
}

impl Outcome {
    /// An attempt that got no usable answer. Another attempt may get one.
    pub(crate) fn unanswered(failure: Failure) -> Self {
        Self::Failed {
            failure,
            after: None,
        }
    }
}

/// The attempts of one exporter.
#[derive(Debug)]
pub(crate) struct Retry {
    timeout: Duration,
    throttle: Throttle,
    shutdown: Shutdown,
    reports: Reports,
}

impl Retry {
    /// `timeout` covers all attempts of one export. Zero means no limit.
    pub(crate) fn new(timeout: Duration, reports: Reports) -> Self {
        Self {
            timeout,
            throttle: Throttle::default(),
            shutdown: Shutdown::default(),
            reports,
        }
    }

    /// How long one export may take, as it was set.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Ends all exports by `deadline`. From now on an export also ends after one more attempt if
    /// nothing listens at the address.
    pub(crate) fn begin_shutdown(&self, deadline: std::time::Instant) {
        self.shutdown.begin(deadline);
    }

    /// Makes attempts until one has a final outcome or the time is over. While the collector asks
    /// to be left alone, only a last attempt is made. `attempt` is given the time that is left.
    pub(crate) async fn until_settled<F>(
        &self,
        mut attempt: impl FnMut(Duration) -> F,
    ) -> ExportResult
    where
        F: Future<Output = Outcome>,
    {
        let start = Instant::now();
        let limit = if self.timeout.is_zero() {
            LONGEST
        } else {
            self.timeout.min(LONGEST)
        };
        // A shutdown that begins during the export may bring the deadline forward.
        let deadline = || {
            let shutdown = self.shutdown.deadline();
            shutdown.map_or(start + limit, |shutdown| shutdown.min(start + limit))
        };
        let left = |now| deadline().saturating_duration_since(now);
        let late = || ExportError::Deadline {
            after: start.elapsed(),
        };
        // `RandomState` differs from call to call, which is all that jitter needs.
        let mut schedule = Schedule::new(RandomState::new().hash_one(0_u8));
        loop {
            let now = Instant::now();
            let wait = schedule.throttle_delay(self.throttle.left(now), left(now));
            if !wait.is_zero() {
                self.wait(wait, &mut schedule).await;
                continue;
            }
            // Read before the attempt, so that each export has one attempt that begins after the
            // announcement of the shutdown.
            let is_ending = self.shutdown.deadline().is_some();
            let unanswered = Unanswered(&self.reports);
            let outcome = timeout_at(deadline(), attempt(left(now))).await;
            let Ok(outcome) = outcome else {
                return Err(late());
            };
            std::mem::forget(unanswered);
            let now = Instant::now();
            let (failure, after) = match outcome {
                Outcome::Delivered(success) => {
                    self.throttle.clear();
                    self.reports.succeeded();
                    return Ok(success);
                }
                Outcome::Failed { failure, after } => (failure, after),
                Outcome::Refused(failure) => {
                    self.reports.failed(failure, true);
                    let status = failure.status();
                    return Err(ExportError::NonRetryable { status });
                }
            };
            if let Some(wait) = after {
                self.throttle.ask(wait, now);
            }
            if left(now).is_zero() {
                // The peer or the client library has the same deadline and was slightly faster.
                self.reports.failed(failure, true);
                return Err(late());
            }
            let wait = if is_ending && failure.ends_a_shutdown() {
                None
            } else {
                schedule.retry_delay(after.is_some(), left(now))
            };
            self.reports.failed(failure, wait.is_none());
            match wait {
                Some(wait) => self.wait(wait, &mut schedule).await,
                None => {
                    let status = failure.status();
                    return Err(ExportError::RetriesExhausted { status });
                }
            }
        }
    }

    async fn wait(&self, wait: Duration, schedule: &mut Schedule) {
        if self.shutdown.interrupts(wait).await {
            schedule.allow_last_attempt();
        }
    }
}

/// Reports an attempt that is given up without an answer, by its own timeout or because the
/// pipeline drops the export.
struct Unanswered<'a>(&'a Reports);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.failed(Failure::NoAnswer, true);
    }
}

#[cfg(test)]
mod tests;
