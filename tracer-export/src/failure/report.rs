//! Decides when a failure is logged. The first failed attempt is logged, and then each other kind
//! of failure once, until the destination takes a batch again. That is logged once too.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracer_core::diagnostics::report;

use super::{Failure, hint::hint};
use crate::transport::{
    Protocol,
    endpoint::{Endpoint, SignalPath},
};

/// The shortest time between two reports of the same failure, if the destination recovers in
/// between.
const INTERVAL: Duration = Duration::from_secs(60);

/// How many different failures are reported until the destination recovers, or in one interval. A
/// peer could cause hundreds, one for each status.
const MAX_KINDS: usize = 8;

/// Logs failures and recoveries of one destination.
#[derive(Debug)]
pub(crate) struct Reports {
    endpoint: String,
    protocol: Protocol,
    path: SignalPath,
    seen: Mutex<Seen>,
}

impl Reports {
    pub(crate) fn new(endpoint: &Endpoint, protocol: Protocol) -> Self {
        Self {
            endpoint: endpoint.shown(protocol),
            protocol,
            path: endpoint.signal_path(),
            seen: Mutex::default(),
        }
    }

    /// Records that an attempt failed. `is_final` says that no other attempt follows for the batch.
    pub(crate) fn failed(&self, failure: Failure, is_final: bool) {
        if !self.seen().failed(failure, Instant::now()) {
            return;
        }
        let endpoint = self.endpoint.clone();
        let hint = hint(failure, self.protocol, self.path);
        report(move || {
            let (endpoint, cause) = (&*endpoint, failure);
            if is_final {
                tracing::warn!(
                    target: "tracer_export", endpoint, %cause, hint,
                    "spans cannot be exported"
                );
            } else {
                tracing::warn!(
                    target: "tracer_export", endpoint, %cause, hint,
                    "export failed and will be retried"
                );
            }
        });
    }

    /// Records that the destination took a batch.
    pub(crate) fn succeeded(&self) {
        if !self.seen().succeeded() {
            return;
        }
        let endpoint = self.endpoint.clone();
        report(move || {
            let endpoint = &*endpoint;
            tracing::warn!(target: "tracer_export", endpoint, "exports succeed again");
        });
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failures that last, and those that were reported in the last interval. Time is an argument.
#[derive(Debug, Default)]
struct Seen(Vec<Reported>);

#[derive(Debug)]
struct Reported {
    failure: Failure,
    at: Instant,
    /// Whether no batch was taken since then.
    lasts: bool,
}

impl Seen {
    /// Records a failure, and returns whether to report it.
    fn failed(&mut self, failure: Failure, now: Instant) -> bool {
        let is_recent = |reported: &Reported| now.saturating_duration_since(reported.at) < INTERVAL;
        self.0
            .retain(|reported| reported.lasts || is_recent(reported));
        if self.0.iter().any(|reported| reported.failure == failure) || self.0.len() >= MAX_KINDS {
            return false;
        }
        self.0.push(Reported {
            failure,
            at: now,
            lasts: true,
        });
        true
    }

    /// Records a success, and returns whether to report it as the end of a failure.
    fn succeeded(&mut self) -> bool {
        let mut ended = false;
        for reported in &mut self.0 {
            ended |= std::mem::take(&mut reported.lasts);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tracer_core::Status;

    use super::*;

    const REFUSED: Failure = Failure::Connect(ErrorKind::ConnectionRefused);

    fn status(code: u16) -> Failure {
        Failure::Status(Status::Http(code))
    }

    #[test]
    fn failure_is_reported_once_until_a_batch_is_taken() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut seen = Seen::default();
        assert!(!seen.succeeded(), "nothing has failed");
        assert!(seen.failed(REFUSED, at(0)));
        assert!(!seen.failed(REFUSED, at(1)));
        assert!(seen.failed(status(503), at(2)), "another kind");
        assert!(!seen.failed(REFUSED, at(3600)), "the same outage");
        assert!(seen.succeeded());
        assert!(!seen.succeeded());
        assert!(seen.failed(REFUSED, at(3601)), "another outage");
    }

    #[test]
    fn destination_that_comes_and_goes_is_reported_once_a_minute() {
        let start = Instant::now();
        let mut seen = Seen::default();
        let (mut failures, mut ends) = (0, 0);
        for tenth in 0..1200 {
            let now = start + Duration::from_millis(100 * tenth);
            failures += u32::from(seen.failed(status(503), now));
            ends += u32::from(seen.succeeded());
        }
        assert_eq!((failures, ends), (2, 2));
    }

    #[test]
    fn peer_with_many_answers_cannot_flood_the_log() {
        let start = Instant::now();
        let mut seen = Seen::default();
        let reported = (100..999).filter(|code| seen.failed(status(*code), start));
        assert_eq!(reported.count(), MAX_KINDS);
        assert_eq!(seen.0.len(), MAX_KINDS);
    }
}
