use std::{cell::Cell, future::ready, io::ErrorKind, thread};

use tracer_core::Status;

use super::*;
use crate::{
    failure::Certificate,
    transport::{Protocol, endpoint::Endpoint},
};

const PATIENCE: Duration = Duration::from_secs(20);
const LOST: Outcome = Outcome::Failed {
    failure: Failure::ConnectionLost,
    after: None,
};
const NOBODY: Outcome = Outcome::Failed {
    failure: Failure::Connect(ErrorKind::ConnectionRefused),
    after: None,
};

fn retry(timeout: Duration) -> Retry {
    let endpoint = Endpoint::parse("http://localhost:4318").unwrap();
    Retry::new(timeout, Reports::new(&endpoint, Protocol::HttpProtobuf))
}

fn delivered() -> Outcome {
    Outcome::Delivered(ExportSuccess::default())
}

fn busy(after: Option<Duration>) -> Outcome {
    Outcome::Failed {
        failure: Failure::Status(Status::Http(503)),
        after,
    }
}

fn run(timeout: Duration, outcomes: &[Outcome]) -> (ExportResult, usize) {
    run_with(&retry(timeout), outcomes)
}

fn run_with(retry: &Retry, outcomes: &[Outcome]) -> (ExportResult, usize) {
    let attempts = Cell::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(retry.until_settled(|_| {
        let attempt = attempts.replace(attempts.get() + 1);
        ready(outcomes[attempt.min(outcomes.len() - 1)])
    }));
    (result, attempts.get())
}

#[test]
fn final_refusal_ends_after_one_attempt() {
    let status = Status::Http(400);
    let (result, attempts) = run(PATIENCE, &[Outcome::Refused(Failure::Status(status))]);
    assert_eq!(result, Err(ExportError::NonRetryable { status }));
    assert_eq!(attempts, 1);
}

#[test]
fn failures_are_tried_again_until_delivered() {
    let (result, attempts) = run(PATIENCE, &[LOST, NOBODY, delivered()]);
    assert_eq!(result, Ok(ExportSuccess::default()));
    assert_eq!(attempts, 3);
}

#[test]
fn failures_end_before_the_deadline_with_the_last_status() {
    let status = Status::Http(503);
    let timeout = Duration::from_millis(300);
    let start = Instant::now();
    let (result, attempts) = run(timeout, &[busy(None)]);
    assert_eq!(result, Err(ExportError::RetriesExhausted { status }));
    assert!(attempts >= 2, "the rest of the deadline is used");
    assert!(start.elapsed() < timeout + Duration::from_millis(200));
}

#[test]
fn timeout_of_zero_or_any_length_is_no_limit() {
    for timeout in [Duration::ZERO, Duration::MAX] {
        let (result, attempts) = run(timeout, &[LOST, delivered()]);
        assert_eq!(result, Ok(ExportSuccess::default()), "{timeout:?}");
        assert_eq!(attempts, 2);
    }
}

#[test]
fn wait_beyond_the_deadline_leaves_one_attempt_at_its_end() {
    let status = Status::Http(503);
    let busy = busy(Some(Duration::from_secs(20)));
    let timeout = Duration::from_millis(1000);
    let start = Instant::now();
    let (result, attempts) = run(timeout, &[busy]);
    assert_eq!(result, Err(ExportError::RetriesExhausted { status }));
    assert_eq!(attempts, 2);
    assert!(start.elapsed() >= timeout / 4);
    assert!(start.elapsed() < timeout + Duration::from_millis(200));
    let (result, attempts) = run(timeout, &[busy, delivered()]);
    assert_eq!(result, Ok(ExportSuccess::default()));
    assert_eq!(attempts, 2);
}

#[test]
fn first_attempt_waits_too_until_a_batch_is_taken() {
    let patient = retry(PATIENCE);
    let asked = Duration::from_millis(300);
    patient.throttle.ask(asked, Instant::now());
    let start = Instant::now();
    let (result, attempts) = run_with(&patient, &[delivered()]);
    assert_eq!(result, Ok(ExportSuccess::default()));
    assert_eq!(attempts, 1);
    assert!(start.elapsed() >= asked - Duration::from_millis(1));
    assert_eq!(patient.throttle.left(Instant::now()), Duration::ZERO);
    // The wait that another answer asked for ends when a batch is taken.
    let hasty = retry(Duration::from_millis(200));
    hasty.throttle.ask(Duration::from_secs(20), Instant::now());
    let (result, _) = run_with(&hasty, &[delivered()]);
    assert_eq!(result, Ok(ExportSuccess::default()));
    assert_eq!(hasty.throttle.left(Instant::now()), Duration::ZERO);
}

/// Runs an export on another thread and begins a shutdown while it waits for its next attempt.
/// `outcome` is given whether the shutdown has begun. Returns the result and the number of attempts
/// that began after that.
fn shut_down_while_it_waits(
    outcome: impl Fn(bool) -> Outcome + Sync,
    time: Duration,
) -> (ExportResult, usize) {
    let retry = retry(PATIENCE);
    thread::scope(|scope| {
        let export = scope.spawn(|| {
            let late_attempts = Cell::new(0);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let result = runtime.block_on(retry.until_settled(|_| {
                let begun = retry.shutdown.deadline().is_some();
                late_attempts.set(late_attempts.get() + usize::from(begun));
                ready(outcome(begun))
            }));
            (result, late_attempts.get())
        });
        let start = Instant::now();
        while !retry.shutdown.has_waiting() {
            assert!(start.elapsed() < PATIENCE, "the export waits");
            thread::yield_now();
        }
        retry.begin_shutdown(std::time::Instant::now() + time);
        export.join().unwrap()
    })
}

#[test]
fn shutdown_ends_the_attempts_at_once_when_the_port_is_closed() {
    let failures = [
        Failure::Connect(ErrorKind::ConnectionRefused),
        Failure::NameNotResolved,
        Failure::NotTls,
        Failure::Certificate(Certificate::UnknownIssuer),
    ];
    for failure in failures {
        let start = Instant::now();
        let (result, attempts) =
            shut_down_while_it_waits(|_| Outcome::unanswered(failure), PATIENCE);
        let status = Status::NoAnswer;
        assert_eq!(result, Err(ExportError::RetriesExhausted { status }));
        assert!(attempts <= 1, "{failure:?}: {attempts}");
        assert!(start.elapsed() < PATIENCE / 2, "{failure:?}");
    }
}

#[test]
fn shutdown_leaves_a_last_attempt_to_a_collector_that_comes_back() {
    let outcome = |begun| if begun { delivered() } else { NOBODY };
    let (result, attempts) = shut_down_while_it_waits(outcome, PATIENCE);
    assert_eq!(result, Ok(ExportSuccess::default()));
    assert_eq!(attempts, 1);
}

#[test]
fn shutdown_waits_for_a_collector_that_says_when() {
    let asked = Duration::from_millis(500);
    let start = Instant::now();
    let outcome = |begun| {
        if begun {
            delivered()
        } else {
            busy(Some(asked))
        }
    };
    let (result, attempts) = shut_down_while_it_waits(outcome, PATIENCE);
    assert_eq!(result, Ok(ExportSuccess::default()));
    assert_eq!(attempts, 1);
    assert!(start.elapsed() >= asked, "{:?}", start.elapsed());
}

#[test]
fn shutdown_with_less_time_than_was_asked_for_leaves_one_attempt_at_its_end() {
    let (time, asked) = (Duration::from_millis(1000), Duration::from_secs(15));
    let start = Instant::now();
    let outcome = |begun| {
        if begun {
            delivered()
        } else {
            busy(Some(asked))
        }
    };
    let (result, attempts) = shut_down_while_it_waits(outcome, time);
    assert_eq!(result, Ok(ExportSuccess::default()));
    assert_eq!(attempts, 1);
    let took = start.elapsed();
    assert!(took >= time / 4 && took < time * 2, "{took:?}");
}

#[test]
fn exports_that_begin_during_a_shutdown_keep_its_deadline() {
    let retry = retry(PATIENCE);
    let time = Duration::from_millis(300);
    retry.begin_shutdown(std::time::Instant::now() + time);
    let start = Instant::now();
    let (result, attempts) = run_with(&retry, &[LOST]);
    let status = Status::NoAnswer;
    assert_eq!(result, Err(ExportError::RetriesExhausted { status }));
    assert!(attempts >= 2, "a lost connection may come back");
    assert!(start.elapsed() < time + Duration::from_millis(200));
    retry.begin_shutdown(std::time::Instant::now());
    let (result, attempts) = run_with(&retry, &[LOST]);
    assert!(
        matches!(result, Err(ExportError::Deadline { .. })),
        "{result:?}"
    );
    assert_eq!(attempts, 1);
}
