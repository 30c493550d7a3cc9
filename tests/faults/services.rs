//! Two real services, one calling the other, each with a provider of its own: the first sends its
//! spans over HTTP, the second over gRPC. And clients that keep asking.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracer_core::{BatchConfig, SpanExporter, Stats, TracerProvider};
use tracer_export::{OtlpGrpcConfig, OtlpHttpConfig};
use tracer_instrument::reqwest::{ClientConfig, TracedClient};
use tracer_propagation::TraceContextPropagator;
use tracer_tests::collector::Addresses;
use tracer_tests::poll::PATIENCE;

/// Server, client and server span.
pub const SPANS_PER_REQUEST: u64 = 3;
/// Of them, those of the first service.
pub const SHOP_SPANS: u64 = 2;

/// Panics of any thread, those of exporters and of the pipeline included.
static PANICS: AtomicUsize = AtomicUsize::new(0);

pub struct Services {
    address: SocketAddr,
    client: reqwest::Client,
    pub shop: TracerProvider,
    pub stock: TracerProvider,
}

impl Services {
    /// Starts both. An export gives up after `timeout`.
    pub async fn start(collector: Addresses, timeout: Duration) -> Self {
        count_panics();
        let http = OtlpHttpConfig::default()
            .endpoint(collector.http_endpoint())
            .timeout(timeout)
            .build()
            .unwrap();
        let grpc = OtlpGrpcConfig::default()
            .endpoint(collector.grpc_endpoint())
            .timeout(timeout)
            .build()
            .unwrap();
        let (shop, stock) = (
            provider("shop", http, timeout),
            provider("stock", grpc, timeout),
        );

        let layer = tracer_instrument::axum::config()
            .tracer_provider(&stock)
            .propagator(TraceContextPropagator::default());
        let app = Router::new()
            .route("/stock/{id}", get(stocked))
            .layer(layer.build().unwrap());
        let behind = serve(app).await;

        let traced = ClientConfig::default()
            .tracer_provider(&shop)
            .propagator(TraceContextPropagator::default())
            .build(reqwest::Client::new())
            .unwrap();
        let layer = tracer_instrument::axum::config()
            .tracer_provider(&shop)
            .propagator(TraceContextPropagator::default());
        let app = Router::new()
            .route("/buy/{id}", get(buy))
            .layer(layer.build().unwrap())
            .with_state((traced, behind));
        Self {
            address: serve(app).await,
            client: reqwest::Client::new(),
            shop,
            stock,
        }
    }

    /// Makes one request, checks the answer, and returns the id of its trace.
    pub async fn ask(&self, id: u64) -> String {
        ask(&self.client, self.address, id).await
    }

    /// Makes requests one after the other, and returns the ids of their traces.
    pub async fn ask_times(&self, times: u64) -> Vec<String> {
        let mut traces = Vec::new();
        for id in 0..times {
            traces.push(self.ask(id).await);
        }
        traces
    }

    /// Starts clients that go on asking.
    pub fn load(&self) -> Load {
        let load = Load {
            clients: JoinSet::new(),
            traces: Arc::default(),
            stopped: Arc::default(),
        };
        load.with_clients(4, &self.client, self.address)
    }

    /// Sends what ended. Says whether all of it was delivered.
    pub fn flush(&self) -> bool {
        tokio::task::block_in_place(|| {
            // Both, also if the first one fails.
            let flushed = [&self.shop, &self.stock].map(|one| one.force_flush(PATIENCE));
            flushed.iter().all(Result::is_ok)
        })
    }

    /// What the exporters know to be delivered.
    pub fn exported(&self) -> u64 {
        [&self.shop, &self.stock]
            .map(|one| one.stats().exporters[0].exported)
            .iter()
            .sum()
    }

    /// Whether each service has counted spans that could not be sent.
    pub fn both_failed(&self) -> bool {
        [&self.shop, &self.stock]
            .iter()
            .all(|one| one.stats().exporters[0].failed_total() > 0)
    }

    /// Whether each service has spans that wait for an answer or for their turn.
    pub fn both_wait(&self) -> bool {
        [&self.shop, &self.stock]
            .iter()
            .all(|one| one.stats().exporters[0].waiting > 0)
    }

    /// Shuts the providers down and checks that every span of `requests` requests is accounted for.
    pub fn finish(self, requests: u64) -> Finished {
        let spans = [SHOP_SPANS, SPANS_PER_REQUEST - SHOP_SPANS];
        let providers = [&self.shop, &self.stock].into_iter().zip(spans);
        let mut finished = Finished::default();
        for (provider, spans) in providers {
            // What was not delivered is in the statistics.
            let _ = tokio::task::block_in_place(|| provider.shutdown(PATIENCE));
            let stats = provider.stats();
            check_ledger(&stats, requests * spans);
            finished.exported += stats.exporters[0].exported;
            finished.lost += stats.dropped.total()
                + stats.exporters[0].failed_total()
                + stats.exporters[0].queue_full;
        }
        assert_eq!(PANICS.load(Ordering::SeqCst), 0);
        finished
    }
}

/// What the providers say in the end, both together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finished {
    pub exported: u64,
    pub lost: u64,
}

#[track_caller]
fn check_ledger(stats: &Stats, spans: u64) {
    assert!(stats.balances(), "{stats:?}");
    assert_eq!((stats.started, stats.ended), (spans, spans), "{stats:?}");
    assert_eq!((stats.waiting, stats.sampler_panics), (0, 0), "{stats:?}");
    let exporter = &stats.exporters[0];
    assert_eq!((exporter.waiting, exporter.rejected), (0, 0), "{stats:?}");
    assert_eq!(exporter.failed.get("panicked"), None, "{stats:?}");
    assert_eq!(
        stats.ended,
        exporter.exported
            + exporter.failed_total()
            + exporter.queue_full
            + stats.dropped.queue_full
            + stats.dropped.span_too_large
            + stats.dropped.already_shutdown,
        "{stats:?}"
    );
}

/// Clients that ask one after the other, each some hundred times a second, until stopped.
pub struct Load {
    clients: JoinSet<()>,
    traces: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl Load {
    fn with_clients(mut self, clients: u64, client: &reqwest::Client, address: SocketAddr) -> Self {
        for number in 0..clients {
            let (client, traces) = (client.clone(), Arc::clone(&self.traces));
            let stopped = Arc::clone(&self.stopped);
            self.clients.spawn(async move {
                let mut pace = tokio::time::interval(Duration::from_millis(10));
                for id in (number..).step_by(clients as usize) {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    pace.tick().await;
                    let trace = ask(&client, address, id).await;
                    traces.lock().unwrap().push(trace);
                }
            });
        }
        self
    }

    /// Requests answered so far.
    pub fn answered(&self) -> usize {
        self.traces.lock().unwrap().len()
    }

    /// Ends the clients, and returns the ids of all traces they made.
    pub async fn stop(self) -> Vec<String> {
        self.stopped.store(true, Ordering::SeqCst);
        // Shows the panic of a client that got a wrong answer.
        self.clients.join_all().await;
        std::mem::take(&mut *self.traces.lock().unwrap())
    }
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            shown(info);
        }));
    });
}

fn provider(name: &'static str, exporter: impl SpanExporter, timeout: Duration) -> TracerProvider {
    let batch = BatchConfig::default()
        .scheduled_delay(Duration::from_millis(200))
        .export_timeout(timeout + Duration::from_secs(1));
    let resource = Resource::builder_empty().with_attribute(KeyValue::new("service.name", name));
    TracerProvider::builder()
        .resource(resource.build())
        .batch_config(batch)
        .exporter(exporter)
        .build()
        .unwrap()
}

/// Serves on a free port until the test's runtime ends.
async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn buy(
    State((client, behind)): State<(TracedClient, SocketAddr)>,
    Path(id): Path<u64>,
) -> Json<Value> {
    let trace = Context::current().span().span_context().trace_id();
    let url = format!("http://{behind}/stock/{id}");
    let stock: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    Json(json!({ "id": id, "stock": stock, "trace": trace.to_string() }))
}

async fn stocked(Path(id): Path<u64>) -> Json<Value> {
    Json(json!({ "left": id * 2 }))
}

async fn ask(client: &reqwest::Client, address: SocketAddr, id: u64) -> String {
    let url = format!("http://{address}/buy/{id}");
    let response = client.get(url).timeout(PATIENCE).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["id"], id);
    assert_eq!(answer["stock"], json!({ "left": id * 2 }));
    answer["trace"].as_str().unwrap().to_owned()
}
