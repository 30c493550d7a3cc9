//! Whatever the backend answers to one of several batches, each span is accounted for, the
//! backend's own list agrees, and the batches after it arrive.

use std::collections::HashSet;
use std::time::Duration;

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::Resource;
use tracer_core::{SpanExporter, TracerProvider};
use tracer_export::{OtlpGrpcConfig, OtlpHttpConfig};
use tracer_tests::backend::{Answer, Backend};
use tracer_tests::collector::{Addresses, CollectorProcess};
use tracer_tests::poll::PATIENCE;

const BATCHES: u64 = 3;
const SPANS_PER_BATCH: u64 = 5;

/// Long enough for a loopback request on a busy machine and the retries asked for here; a hung
/// request costs it once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What becomes of the batch that meets the fault.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Delivered by so many requests.
    Delivered { requests: usize },
    /// Lost, counted under the reason.
    Failed(&'static str),
    /// Delivered but for so many spans, in one request.
    Rejected(u64),
}

fn exporter(backend: &Backend, http: bool) -> Box<dyn SpanExporter> {
    let address = backend.address();
    if http {
        let config = OtlpHttpConfig::default().endpoint(format!("http://{address}/v1/traces"));
        Box::new(config.timeout(TIMEOUT).build().unwrap())
    } else {
        let config = OtlpGrpcConfig::default().endpoint(format!("http://{address}"));
        Box::new(config.timeout(TIMEOUT).build().unwrap())
    }
}

/// Sends three batches, of which number `position` meets the fault.
async fn check(http: bool, fault: Answer, position: u64, fate: Fate) {
    let case = format!("http {http}, {fault:?} at {position}");
    let script = (0..position).map(|_| Answer::Accept).chain([fault]);
    let backend = Backend::start(script).await.unwrap();
    let provider = TracerProvider::builder()
        .resource(Resource::builder_empty().build())
        .boxed_exporter(exporter(&backend, http))
        .build()
        .unwrap();
    let tracer = provider.tracer("answers");
    for batch in 0..BATCHES {
        for span in 0..SPANS_PER_BATCH {
            tracer.start(format!("{batch}.{span}")).end();
        }
        let provider = provider.clone();
        let flushed = tokio::task::spawn_blocking(move || provider.force_flush(PATIENCE));
        // A flush says whether all spans were taken.
        let whole = batch != position || matches!(fate, Fate::Delivered { .. });
        assert_eq!(flushed.await.unwrap().is_ok(), whole, "{case}, {batch}");
    }

    let stats = provider.stats();
    assert!(stats.balances(), "{case}: {stats:?}");
    assert_eq!(stats.ended, BATCHES * SPANS_PER_BATCH, "{case}");
    let exporter = &stats.exporters[0];
    let (lost, rejected, requests) = match fate {
        Fate::Delivered { requests } => (0, 0, requests),
        Fate::Failed(reason) => {
            assert_eq!(
                exporter.failed.get(reason),
                Some(&SPANS_PER_BATCH),
                "{case}: {stats:?}"
            );
            (SPANS_PER_BATCH, 0, 1)
        }
        Fate::Rejected(spans) => (0, spans, 1),
    };
    assert_eq!(exporter.failed_total(), lost, "{case}: {stats:?}");
    assert_eq!(exporter.rejected, rejected, "{case}: {stats:?}");
    let exported = stats.ended - lost - rejected;
    assert_eq!(exporter.exported, exported, "{case}: {stats:?}");

    // The other side of the ledger.
    let others = BATCHES as usize - 1;
    assert_eq!(
        backend.given().len(),
        others + requests,
        "{case}: {:?}",
        backend.given()
    );
    let taken = backend.taken();
    let distinct: HashSet<_> = taken.iter().collect();
    assert_eq!(distinct.len() as u64, exported, "{case}: {taken:?}");
    let twice = if fault == Answer::TakeAndReset {
        SPANS_PER_BATCH
    } else {
        0
    };
    assert_eq!(taken.len() as u64, exported + twice, "{case}: {taken:?}");
    tokio::task::spawn_blocking(move || provider.shutdown(PATIENCE))
        .await
        .unwrap()
        .unwrap();
}

/// One fault, at each position of three, all at the same time.
async fn check_all(http: bool, table: &[(Answer, Fate)]) {
    let mut checks = tokio::task::JoinSet::new();
    for &(fault, fate) in table {
        for position in 0..BATCHES {
            checks.spawn(check(http, fault, position, fate));
        }
    }
    checks.join_all().await;
}

// OTLP specification, "Failures": what is retried is 429, 502, 503, 504 and a connection that
// failed, over gRPC UNAVAILABLE among others; the rest is final. Partial successes are not retried.
// "OTLP/HTTP Response": a success has the content type of the request.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_over_http_leaves_an_exact_ledger() {
    let table = [
        (Answer::Accept, Fate::Delivered { requests: 1 }),
        (Answer::Busy(1), Fate::Delivered { requests: 2 }),
        (Answer::Garbage, Fate::Failed("non_retryable")),
        (Answer::Hang, Fate::Failed("deadline")),
        (Answer::Muddled, Fate::Delivered { requests: 1 }),
        (Answer::Page, Fate::Failed("non_retryable")),
        (Answer::Partial(2), Fate::Rejected(2)),
        (Answer::Refuse, Fate::Failed("non_retryable")),
        (Answer::Reset, Fate::Delivered { requests: 2 }),
        (Answer::TakeAndReset, Fate::Delivered { requests: 2 }),
    ];
    check_all(true, &table).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_over_grpc_leaves_an_exact_ledger() {
    let table = [
        (Answer::Accept, Fate::Delivered { requests: 1 }),
        (Answer::Busy(1), Fate::Delivered { requests: 2 }),
        (Answer::Garbage, Fate::Delivered { requests: 2 }),
        (Answer::Hang, Fate::Failed("deadline")),
        (Answer::Muddled, Fate::Delivered { requests: 1 }),
        (Answer::Page, Fate::Failed("non_retryable")),
        (Answer::Partial(2), Fate::Rejected(2)),
        (Answer::Refuse, Fate::Failed("non_retryable")),
        (Answer::Reset, Fate::Delivered { requests: 2 }),
        (Answer::TakeAndReset, Fate::Delivered { requests: 2 }),
    ];
    check_all(false, &table).await;
}

/// The port for gRPC speaks HTTP/1.1 too, and once answered with 200 and a `grpc-status` that was
/// not read: all spans counted as exported and none was stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collectors_port_for_grpc_delivers_nothing_over_http() {
    let data = tempfile::tempdir().unwrap();
    let addresses = Addresses::free().unwrap();
    let collector = CollectorProcess::start(addresses, data.path()).unwrap();
    let url = format!("http://{}/v1/traces", addresses.grpc);
    let config = OtlpHttpConfig::default().endpoint(url).timeout(TIMEOUT);
    let provider = TracerProvider::builder()
        .resource(Resource::builder_empty().build())
        .exporter(config.build().unwrap())
        .build()
        .unwrap();
    for _ in 0..10 {
        provider.tracer("answers").start("span").end();
    }
    let ended = {
        let provider = provider.clone();
        tokio::task::spawn_blocking(move || provider.shutdown(PATIENCE)).await
    };
    ended.unwrap().unwrap_err();
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    let exporter = &stats.exporters[0];
    assert_eq!(exporter.failed.get("non_retryable"), Some(&10), "{stats:?}");
    let stored = collector.query().summaries().await.unwrap();
    assert_eq!(stored.len(), 0);
    collector.kill().unwrap();
}
