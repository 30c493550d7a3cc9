//! The collector is not there, dies, and comes back.

use std::time::Duration;

use serde_json::Value;
use tracer_tests::collector::{Addresses, CollectorProcess};
use tracer_tests::poll::{PATIENCE, until};
use tracer_tests::query::Query;

use crate::services::{SPANS_PER_REQUEST, Services};

/// Short, so that batches are given up while the collector is dead. Long enough for a living one
/// on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How many spans the collector holds.
async fn stored(query: &Query) -> u64 {
    let summaries = query.summaries().await.unwrap();
    let counts = summaries.iter().map(|one| one["spanCount"].as_u64());
    counts.map(Option::unwrap).sum()
}

/// Waits until a new request's trace is there as a whole.
async fn spans_flow(services: &Services, query: &Query) {
    let trace = services.ask(0).await;
    until("the trace is there", async || {
        let count = query.span_count(&trace).await.unwrap();
        (count == SPANS_PER_REQUEST).then_some(())
    })
    .await
    .unwrap();
}

/// The collector's own ledger since its start (see its documentation).
fn check_collector(stats: &Value) {
    let sum = |value: &Value| -> u64 {
        let numbers = value.as_object().unwrap().values();
        numbers.map(|number| number.as_u64().unwrap()).sum()
    };
    let spans = &stats["spans"];
    let number = |name: &str| spans[name].as_u64().unwrap();
    assert_eq!(
        number("received"),
        number("stored")
            + number("duplicate")
            + number("waiting")
            + sum(&spans["rejected"])
            + sum(&spans["refused"]),
        "{stats}"
    );
    assert_eq!(sum(&spans["rejected"]), 0, "{stats}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_outlive_a_killed_collector_and_what_it_took_is_still_there() {
    let data = tempfile::tempdir().unwrap();
    let addresses = Addresses::free().unwrap();
    let collector = CollectorProcess::start(addresses, data.path()).unwrap();
    let services = Services::start(addresses, TIMEOUT).await;

    let before = services.ask_times(20).await;
    assert!(services.flush());

    let load = services.load();
    until("requests are answered", async || {
        (load.answered() >= 50).then_some(())
    })
    .await
    .unwrap();
    let exported_before = services.exported();
    collector.kill().unwrap();

    let at_kill = load.answered();
    until("requests are answered without a collector", async || {
        (load.answered() >= at_kill + 50).then_some(())
    })
    .await
    .unwrap();
    until("batches are given up and counted", async || {
        services.both_failed().then_some(())
    })
    .await
    .unwrap();

    let collector = CollectorProcess::start(addresses, data.path()).unwrap();
    let query = collector.query();
    for trace in &before {
        let count = query.span_count(trace).await.unwrap();
        assert_eq!(count, SPANS_PER_REQUEST, "{trace} was acknowledged");
    }
    assert!(stored(&query).await >= exported_before);

    let at_restart = load.answered();
    until("requests are answered as before", async || {
        (load.answered() >= at_restart + 50).then_some(())
    })
    .await
    .unwrap();
    let under_load = load.stop().await;
    spans_flow(&services, &query).await;

    let requests = before.len() + under_load.len() + 1;
    let finished = services.finish(requests as u64);
    let stored = stored(&query).await;
    let made = requests as u64 * SPANS_PER_REQUEST;
    println!("{requests} requests, {made} spans: {finished:?}, stored {stored}");
    assert_eq!(made, finished.exported + finished.lost);
    // Spans whose answer was cut off by the collector's death, or came too late, count as lost
    // although they are stored.
    assert!((finished.exported..=made).contains(&stored));
    check_collector(&query.stats().await.unwrap());
    collector.kill().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn outage_shorter_than_the_export_timeout_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let addresses = Addresses::free().unwrap();
    let collector = CollectorProcess::start(addresses, data.path()).unwrap();
    let services = Services::start(addresses, PATIENCE).await;
    let load = services.load();
    until("requests are answered", async || {
        (load.answered() >= 50).then_some(())
    })
    .await
    .unwrap();
    collector.kill().unwrap();
    let at_kill = load.answered();
    // At most 400 requests a second: more than twice the time after which a batch is sent.
    until("requests are answered without a collector", async || {
        (load.answered() >= at_kill + 200).then_some(())
    })
    .await
    .unwrap();
    assert!(services.both_wait());
    let collector = CollectorProcess::start(addresses, data.path()).unwrap();
    let traces = load.stop().await;
    assert!(services.flush());

    let query = collector.query();
    let requests = traces.len() as u64;
    let finished = services.finish(requests);
    assert_eq!(finished.exported, requests * SPANS_PER_REQUEST);
    assert_eq!(finished.lost, 0);
    // A batch that was stored, and sent again as the answer never came, counts once.
    assert_eq!(stored(&query).await, finished.exported);
    for trace in &traces {
        assert_eq!(query.span_count(trace).await.unwrap(), SPANS_PER_REQUEST);
    }
    check_collector(&query.stats().await.unwrap());
    collector.kill().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_start_and_work_before_their_collector() {
    let data = tempfile::tempdir().unwrap();
    let addresses = Addresses::free().unwrap();
    let services = Services::start(addresses, TIMEOUT).await;
    services.ask_times(20).await;
    until("batches are given up and counted", async || {
        services.both_failed().then_some(())
    })
    .await
    .unwrap();
    assert_eq!(services.exported(), 0);

    let collector = CollectorProcess::start(addresses, data.path()).unwrap();
    let query = collector.query();
    spans_flow(&services, &query).await;
    let finished = services.finish(21);
    assert_eq!(finished.exported + finished.lost, 21 * SPANS_PER_REQUEST);
    let stored = stored(&query).await;
    assert!((finished.exported..=21 * SPANS_PER_REQUEST).contains(&stored));
    collector.kill().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_without_any_collector_end_in_time_and_count_every_span() {
    let addresses = Addresses::free().unwrap();
    let services = Services::start(addresses, Duration::from_millis(500)).await;
    services.ask_times(20).await;
    let finished = services.finish(20);
    assert_eq!(finished.exported, 0);
    assert_eq!(finished.lost, 20 * SPANS_PER_REQUEST);
}
