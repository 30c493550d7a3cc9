//! Decides when a loss of spans is logged: at its start, once a minute while it lasts, and at its
//! end.
//!
//! Source: OpenTelemetry specification, performance.md "Reporting": on loss, warn at the start and
//! the end, with a number, and never once per span. The functions take the time as an argument.

use std::time::Duration;

use crate::diagnostics::report;

/// How often a loss is logged again while it lasts.
const REMINDER: Duration = Duration::from_secs(60);

/// A loss is over once no span has been lost for this long. A destination that refuses every other
/// batch, or a program that flushes a thousand times a second, then does not fill the log.
const CALM: Duration = Duration::from_secs(1);

/// A message to log, with the number of spans lost since the outage began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Began { spans: u64 },
    GoesOn { spans: u64 },
    Over { spans: u64 },
}

/// Tracks the losses at one place.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// `None` while no span is lost.
    current: Option<Current>,
}

/// An outage that is not over.
#[derive(Debug)]
struct Current {
    /// Spans lost since it began.
    spans: u64,
    /// The time of the last loss.
    last: Duration,
    /// The time of the last log message.
    logged: Duration,
}

impl Outage {
    /// Notes lost spans at time `now`. Returns a notice if it is time to log one.
    pub(crate) fn lost(&mut self, spans: u64, now: Duration) -> Option<Notice> {
        let Some(current) = &mut self.current else {
            self.current = Some(Current {
                spans,
                last: now,
                logged: now,
            });
            return Some(Notice::Began { spans });
        };
        current.spans += spans;
        current.last = now;
        if now.saturating_sub(current.logged) < REMINDER {
            return None;
        }
        current.logged = now;
        Some(Notice::GoesOn {
            spans: current.spans,
        })
    }

    /// Notes that spans got through, or that no loss was found. Returns a notice if the outage is
    /// over.
    pub(crate) fn over(&mut self, now: Duration) -> Option<Notice> {
        let is_calm = |current: &mut Current| now.saturating_sub(current.last) >= CALM;
        let Current { spans, .. } = self.current.take_if(is_calm)?;
        Some(Notice::Over { spans })
    }
}

/// The place and reason of a loss, and a hint for the user.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) place: &'static str,
    /// The reason by which the statistics count the loss.
    pub(crate) reason: &'static str,
    pub(crate) hint: String,
}

impl Notice {
    /// Logs the notice.
    pub(crate) fn report(self, loss: &Loss) {
        let Loss {
            place,
            reason,
            hint,
        } = loss.clone();
        report(move || match self {
            Self::Began { spans } => {
                tracing::warn!(target: "tracer_core", place, reason, spans, hint, "losing spans");
            }
            Self::GoesOn { spans } => {
                tracing::warn!(
                    target: "tracer_core", place, reason, spans, hint, "still losing spans"
                );
            }
            Self::Over { spans } => {
                tracing::warn!(target: "tracer_core", place, reason, spans, "no longer losing spans");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_logged_at_its_start_each_minute_and_at_its_end() {
        let mut outage = Outage::default();
        let mut lost = |seconds| outage.lost(10, Duration::from_secs(seconds));
        assert_eq!(lost(5), Some(Notice::Began { spans: 10 }));
        assert_eq!(lost(6), None);
        assert_eq!(lost(64), None);
        assert_eq!(lost(65), Some(Notice::GoesOn { spans: 40 }));
        assert_eq!(lost(66), None);
        let mut over = |seconds| outage.over(Duration::from_secs(seconds));
        assert_eq!(over(67), Some(Notice::Over { spans: 50 }));
        assert_eq!(over(68), None);
        let again = outage.lost(1, Duration::from_secs(70));
        assert_eq!(again, Some(Notice::Began { spans: 1 }));
    }

    #[test]
    fn loss_that_comes_and_goes_many_times_a_second_is_one_loss() {
        let mut outage = Outage::default();
        let mut notices = Vec::new();
        for milli in 0..60_000 {
            let now = Duration::from_millis(milli);
            notices.extend(outage.lost(1, now));
            notices.extend(outage.over(now));
        }
        notices.extend(outage.over(Duration::from_millis(60_999)));
        let spans = 60_000;
        assert_eq!(
            notices,
            [Notice::Began { spans: 1 }, Notice::Over { spans }]
        );
    }
}
