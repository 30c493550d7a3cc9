//! Trying again, by the tables of the OTLP specification ("Failures").

mod after;
mod backoff;
mod classify;
mod throttle;

use std::{
    future::Future,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tracer_core::{ExportError, ExportResult, ExportSuccess, Status};

#[cfg(feature = "http")]
pub(crate) use self::after::retry_after;
use self::backoff::Schedule;
#[cfg(feature = "grpc")]
pub(crate) use self::{
    after::retry_info,
    classify::{GrpcRetry, grpc_retry},
};
pub(crate) use self::{classify::http_is_retryable, throttle::Throttle};

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The collector answered.
    Delivered(ExportSuccess),
    /// Another attempt may work.
    Failed {
        status: Status,
        /// How long the collector asked to be left alone.
        after: Option<Duration>,
    },
    /// No other attempt will work.
    Refused(Status),
}

impl Outcome {
    /// There was no answer: refused, reset, or never connected.
    pub(crate) const UNANSWERED: Self = Self::Failed {
        status: Status::NoAnswer,
        after: None,
    };
}

/// As good as no limit, and no clock overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Makes attempts until one settles the matter or `timeout` is over, and none while `throttle`
/// says to wait, but for the last. `attempt` is given what is left of the time.
pub(crate) async fn until_settled<F>(
    timeout: Duration,
    throttle: &Throttle,
    mut attempt: impl FnMut(Duration) -> F,
) -> ExportResult
where
    F: Future<Output = Outcome>,
{
    let timeout = if timeout.is_zero() {
        LONGEST
    } else {
        timeout.min(LONGEST)
    };
    let deadline = Instant::now() + timeout;
    // `RandomState` differs from call to call, which is all that jitter needs.
    let mut schedule = Schedule::new(RandomState::new().hash_one(0_u8));
    let left = |now| deadline.saturating_duration_since(now);
    loop {
        let now = Instant::now();
        let wait = schedule.hold_back(throttle.left(now), left(now));
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
            continue;
        }
        let Ok(outcome) = timeout_at(deadline, attempt(left(now))).await else {
            return Err(ExportError::Deadline { after: timeout });
        };
        let now = Instant::now();
        let (status, after) = match outcome {
            Outcome::Delivered(success) => {
                throttle.clear();
                return Ok(success);
            }
            Outcome::Failed { status, after } => (status, after),
            Outcome::Refused(status) => return Err(ExportError::NonRetryable { status }),
        };
        if let Some(wait) = after {
            throttle.ask(wait, now);
        }
        if left(now).is_zero() {
            // The peer, or its client library, kept the same deadline and was a moment faster.
            return Err(ExportError::Deadline { after: timeout });
        }
        match schedule.after_failure(after.is_some(), left(now)) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(ExportError::RetriesExhausted { status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::ready};

    use super::*;

    fn run(timeout: Duration, outcomes: &[Outcome]) -> (ExportResult, usize) {
        run_with(&Throttle::default(), timeout, outcomes)
    }

    fn run_with(
        throttle: &Throttle,
        timeout: Duration,
        outcomes: &[Outcome],
    ) -> (ExportResult, usize) {
        let attempts = Cell::new(0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let result = runtime.block_on(until_settled(timeout, throttle, |_| {
            let attempt = attempts.replace(attempts.get() + 1);
            ready(outcomes[attempt.min(outcomes.len() - 1)])
        }));
        (result, attempts.get())
    }

    #[test]
    fn refusal_for_good_costs_one_attempt() {
        let status = Status::Http(400);
        let (result, attempts) = run(Duration::from_secs(5), &[Outcome::Refused(status)]);
        assert_eq!(result, Err(ExportError::NonRetryable { status }));
        assert_eq!(attempts, 1);
    }

    #[test]
    fn failures_are_tried_again_until_delivered() {
        let delivered = Outcome::Delivered(ExportSuccess::default());
        let outcomes = [Outcome::UNANSWERED, Outcome::UNANSWERED, delivered];
        let (result, attempts) = run(Duration::from_secs(20), &outcomes);
        assert_eq!(result, Ok(ExportSuccess::default()));
        assert_eq!(attempts, 3);
    }

    #[test]
    fn failures_end_before_the_deadline_with_the_last_status() {
        let status = Status::Http(503);
        let after = None;
        let timeout = Duration::from_millis(300);
        let start = std::time::Instant::now();
        let (result, attempts) = run(timeout, &[Outcome::Failed { status, after }]);
        assert_eq!(result, Err(ExportError::RetriesExhausted { status }));
        assert!(attempts >= 2, "the rest of the deadline is used");
        assert!(start.elapsed() < timeout + Duration::from_millis(200));
    }

    #[test]
    fn timeout_of_zero_or_any_length_is_no_limit() {
        let delivered = Outcome::Delivered(ExportSuccess::default());
        for timeout in [Duration::ZERO, Duration::MAX] {
            let (result, attempts) = run(timeout, &[Outcome::UNANSWERED, delivered]);
            assert_eq!(result, Ok(ExportSuccess::default()), "{timeout:?}");
            assert_eq!(attempts, 2);
        }
    }

    #[test]
    fn wait_beyond_the_deadline_leaves_one_attempt_at_its_end() {
        let status = Status::Http(429);
        let after = Some(Duration::from_secs(20));
        let timeout = Duration::from_millis(1000);
        let busy = Outcome::Failed { status, after };
        let start = std::time::Instant::now();
        let (result, attempts) = run(timeout, &[busy]);
        assert_eq!(result, Err(ExportError::RetriesExhausted { status }));
        assert_eq!(attempts, 2);
        assert!(start.elapsed() >= timeout / 4);
        assert!(start.elapsed() < timeout + Duration::from_millis(200));
        let delivered = Outcome::Delivered(ExportSuccess::default());
        let (result, attempts) = run(timeout, &[busy, delivered]);
        assert_eq!(result, Ok(ExportSuccess::default()));
        assert_eq!(attempts, 2);
    }

    #[test]
    fn first_attempt_waits_too_until_a_batch_is_taken() {
        let throttle = Throttle::default();
        let delivered = [Outcome::Delivered(ExportSuccess::default())];
        let asked = Duration::from_millis(300);
        throttle.ask(asked, Instant::now());
        let start = std::time::Instant::now();
        let patience = Duration::from_secs(10);
        let (result, attempts) = run_with(&throttle, patience, &delivered);
        assert_eq!(result, Ok(ExportSuccess::default()));
        assert_eq!(attempts, 1);
        assert!(start.elapsed() >= asked - Duration::from_millis(1));
        assert_eq!(throttle.left(Instant::now()), Duration::ZERO);
        // What another answer asked for ends with the batch that is taken.
        throttle.ask(Duration::from_secs(20), Instant::now());
        let (result, _) = run_with(&throttle, Duration::from_millis(200), &delivered);
        assert_eq!(result, Ok(ExportSuccess::default()));
        assert_eq!(throttle.left(Instant::now()), Duration::ZERO);
    }
}
