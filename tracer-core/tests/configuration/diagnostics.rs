//! Messages about the configuration wait until a subscriber is installed, and are then logged once.

use tracer_core::{TracerProvider, diagnostics::report, env::Env};
use tracing::subscriber::with_default;

use crate::support::{TIMEOUT, log::Log, process::in_own_process};

/// One test, because pending messages belong to the whole process.
#[test]
fn messages_wait_for_a_subscriber_and_are_logged_once() {
    in_own_process!();
    let mut env =
        Env::new(|name| (name == "OTEL_BSP_SCHEDULE_DELAY").then(|| "5 seconds".to_owned()));
    let provider = TracerProvider::builder()
        .env(&mut env)
        .build()
        .expect("provider");
    assert_eq!(env.diagnostics().len(), 1);
    let log = Log::default();
    with_default(log.clone(), || provider.force_flush(TIMEOUT)).expect("flush");
    let lines = log.containing("OTEL_BSP_SCHEDULE_DELAY: is not a number of milliseconds");
    assert_eq!(lines.len(), 1, "{log:?}");
    assert_eq!(lines[0].level, tracing::Level::WARN);

    with_default(log.clone(), || provider.force_flush(TIMEOUT)).expect("flush");
    assert_eq!(log.lines().len(), 1, "a message is delivered once");

    for number in 0..100 {
        report(move || tracing::warn!(target: "tracer_core", number, "kept"));
    }
    let log = Log::default();
    with_default(log.clone(), || provider.shutdown(TIMEOUT)).expect("shutdown");
    let lines = log.containing("kept");
    let numbers: Vec<_> = lines
        .iter()
        .filter_map(|line| line.fields.get("number"))
        .collect();
    assert_eq!(numbers.len(), 64, "{numbers:?}");
    assert!(
        numbers
            .iter()
            .map(|number| number.parse())
            .eq((0..64).map(Ok))
    );
    let further = log.containing("messages were dropped");
    assert_eq!(further[0].fields["dropped"], "36");

    let log = Log::default();
    with_default(log.clone(), || {
        report(|| tracing::warn!(target: "tracer_core", "heard"));
    });
    let later = Log::default();
    with_default(later.clone(), || {
        // A second shutdown delivers pending messages too.
        provider.shutdown(TIMEOUT).expect_err("shut down before");
    });
    assert_eq!(log.containing("heard").len(), 1);
    assert_eq!(later.lines().len(), 0, "{later:?}");
}
