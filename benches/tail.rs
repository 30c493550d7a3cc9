//! The tail sampler's throughput and memory: `cargo bench -p tracer-benches --bench tail`.
//!
//! Traces have ten spans with eleven attributes each, and 500 traces run at any time. Three loops
//! build the same spans and take turns for 50,000 spans each; `--rounds N` (default 51) sets how
//! often. The output is the median processor time of the single thread:
//!
//! | loop | work for each span |
//! | --- | --- |
//! | `sampler` | adds it to a sampler, which decides the trace 100 ms later; drops decided traces |
//! | `queue` | holds it in a queue for the same time, then drops it |
//! | `nothing` | drops it at once |
//!
//! The queue shows the cost of holding memory. A span that is dropped at once leaves its memory in
//! the cache for the next span. `packed` spans have their texts in one block, as records of the SDK
//! do; `owned` spans have a `String` for each text, as decoded messages do.
//!
//! The resident bytes per span are measured on 200,000 waiting spans in a separate process, and
//! compared with as many spans in a plain `Vec`.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark stops if it cannot continue"
)]

use std::{
    collections::VecDeque, env, fs, hint::black_box, ops::Range, process::Command, time::Duration,
};

use opentelemetry::trace::TraceId;
use tracer_benches::machine;
use tracer_sampling::tail::{
    AttributeValue, DropConfig, LatencyConfig, PolicyConfig, PolicyKind, ProbabilisticConfig,
    RareOperationConfig, SlowerThanP99Config, StatusCode, StatusCodeConfig, StringAttributeConfig,
    TailSampler, TailSamplingConfig, TailSpan,
};

const SPANS_PER_TRACE: usize = 10;
const TRACES_UNDER_WAY: usize = 500;
const SPANS_PER_ROUND: usize = 50_000;
const SPANS_HELD: usize = 200_000;
/// The number of spans that the sampler holds: 100 ms of them, and half of the running traces.
const SPANS_WAITING: usize = 50_000;
/// The first rounds fill the buffer and decide nothing.
const WARM_UP_ROUNDS: usize = 4;
/// The time between two spans, as at 500,000 spans a second.
const NANOS_PER_SPAN: u64 = 2_000;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--hold") {
        let argument = |place: usize| arguments.get(at + place).map_or("", String::as_str);
        let texts = match argument(2) {
            "owned" => Texts::Owned,
            _ => Texts::Packed,
        };
        println!("{}", bytes_per_span(argument(1), texts));
        return;
    }
    let rounds = arguments.iter().position(|argument| argument == "--rounds");
    let rounds = rounds.and_then(|at| arguments.get(at + 1));
    let rounds = rounds.map_or(51, |rounds| rounds.parse().expect("a number"));

    machine::tell();
    println!("case sampler_spans_per_second sampler_nanos queue_nanos nothing_nanos");
    for texts in [Texts::Packed, Texts::Owned] {
        for (policies, config) in [("usual", usual()), ("with_ours", with_ours())] {
            throughput(policies, texts, &config, rounds);
        }
    }
    println!("case sampler_bytes vector_bytes");
    for texts in ["packed", "owned"] {
        let [sampler, vector] = ["sampler", "vector"].map(|holder| {
            let program = env::current_exe().expect("the path of this program");
            let output = Command::new(program)
                .args(["--hold", holder, texts])
                .output();
            let output = output.expect("this program").stdout;
            String::from_utf8_lossy(&output).trim().to_owned()
        });
        println!("resident_per_{texts}_span {sampler} {vector}");
    }
}

fn throughput(policies: &str, texts: Texts, config: &TailSamplingConfig, rounds: usize) {
    let mut sampler: TailSampler<Span> = config.build().expect("a valid configuration");
    let mut queue = VecDeque::new();
    let mut loops = [(); 3].map(|()| (Spans { texts, built: 0 }, Vec::new()));
    let mut now = 0;
    let mut sampled = 0;
    for round in 0..rounds + WARM_UP_ROUNDS {
        for (which, (spans, times)) in loops.iter_mut().enumerate() {
            let start = thread_time();
            for number in 0..SPANS_PER_ROUND {
                let span = spans.next();
                match which {
                    0 => {
                        now += NANOS_PER_SPAN;
                        let at = Duration::from_nanos(now);
                        black_box(sampler.add(at, span));
                        // A collector would call `advance` once for a batch.
                        if number % 64 == 0 {
                            for trace in sampler.advance(at) {
                                sampled += usize::from(trace.decision.is_sampled());
                                black_box(trace);
                            }
                        }
                    }
                    1 => {
                        queue.push_back(span);
                        if queue.len() > SPANS_WAITING {
                            black_box(queue.pop_front());
                        }
                    }
                    _ => {
                        black_box(span);
                    }
                }
            }
            if round >= WARM_UP_ROUNDS {
                times.push(thread_time() - start);
            }
        }
    }
    let stats = sampler.stats();
    assert!(
        stats.balances() && stats.traces_evicted == 0,
        "a full buffer distorts the measurement: {stats:?}"
    );
    println!(
        "# {sampled} of {} traces sampled, {} spans wait in the sampler and {} in the queue",
        stats.traces_received,
        stats.spans_waiting,
        queue.len(),
    );
    let [sampler, queue, nothing] = loops.map(|(_, mut times)| {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        median.as_nanos() as f64 / SPANS_PER_ROUND as f64
    });
    println!(
        "{policies}_{} {:.0} {sampler:.0} {queue:.0} {nothing:.0}",
        match texts {
            Texts::Owned => "owned",
            Texts::Packed => "packed",
        },
        1e9 / sampler,
    );
}

/// Samples errors, slow traces and a part of the rest, but no probes, as in production.
fn usual() -> TailSamplingConfig {
    let mut status = StatusCodeConfig::default();
    status.status_codes = vec![StatusCode::Error];
    let mut latency = LatencyConfig::default();
    latency.threshold_ms = 500;
    let mut probabilistic = ProbabilisticConfig::default();
    probabilistic.sampling_percentage = 1.0;
    let mut probes = StringAttributeConfig::default();
    probes.key = "http.route".to_owned();
    probes.values = vec!["^/(health|ready)".to_owned()];
    probes.enabled_regex_matching = true;
    let mut drop = DropConfig::default();
    let probes = PolicyKind::StringAttribute(probes);
    drop.drop_sub_policy = vec![PolicyConfig::new("probes", probes)];

    let mut config = TailSamplingConfig::default();
    config.decision_wait = Duration::from_millis(100);
    config.policies = vec![
        PolicyConfig::new("errors", PolicyKind::StatusCode(status)),
        PolicyConfig::new("slow", PolicyKind::Latency(latency)),
        PolicyConfig::new("some", PolicyKind::Probabilistic(probabilistic)),
        PolicyConfig::new("no-probes", PolicyKind::Drop(drop)),
    ];
    config
}

/// Returns the same configuration with the policies that learn.
fn with_ours() -> TailSamplingConfig {
    let mut config = usual();
    let rare = PolicyKind::RareOperation(RareOperationConfig::default());
    let slower = PolicyKind::SlowerThanP99(SlowerThanP99Config::default());
    config.policies.push(PolicyConfig::new("rare", rare));
    config.policies.push(PolicyConfig::new("slower", slower));
    config
}

/// Returns the resident bytes that each of many spans adds, held by a sampler or a `Vec`.
fn bytes_per_span(holder: &str, texts: Texts) -> usize {
    let mut spans = Spans { texts, built: 0 };
    let mut sampler: TailSampler<Span> = usual().build().expect("a valid configuration");
    let mut vector = Vec::new();
    let before = resident_bytes();
    for _ in 0..SPANS_HELD {
        let span = spans.next();
        match holder {
            "vector" => vector.push(span),
            _ => {
                black_box(sampler.add(Duration::ZERO, span));
            }
        }
    }
    let after = resident_bytes();
    assert_eq!(sampler.stats().traces_evicted, 0);
    black_box((&sampler, &vector));
    (after - before) / SPANS_HELD
}

/// Returns the processor time that this thread has used.
fn thread_time() -> Duration {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").expect("/proc");
    let nanos = schedstat.split(' ').next().map(str::parse::<u64>);
    Duration::from_nanos(nanos.expect("a field").expect("a number"))
}

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages = statm.split(' ').nth(1).map(str::parse::<usize>);
    pages.expect("a second field").expect("a number") * 4096
}

/// Builds the spans of traces that run at the same time.
struct Spans {
    texts: Texts,
    built: usize,
}

impl Spans {
    fn next(&mut self) -> Span {
        let at = self.built;
        self.built += 1;
        let group = at / (TRACES_UNDER_WAY * SPANS_PER_TRACE);
        let trace = group * TRACES_UNDER_WAY + at % TRACES_UNDER_WAY;
        let number = at / TRACES_UNDER_WAY % SPANS_PER_TRACE;
        Span::new(self.texts, trace, number)
    }
}

#[derive(Clone, Copy)]
enum Texts {
    Owned,
    Packed,
}

struct Span {
    trace_id: u128,
    parent: Option<u64>,
    name: Text,
    start: u64,
    end: u64,
    status: StatusCode,
    attributes: Vec<(&'static str, Value)>,
    /// The texts of a packed span.
    block: String,
}

enum Value {
    Bool(bool),
    Int(i64),
    Text(Text),
}

enum Text {
    Owned(String),
    /// The range of the text in the block.
    Packed(Range<usize>),
}

impl Span {
    /// Builds one span of a trace. One trace in a hundred has an error.
    fn new(texts: Texts, trace: usize, number: usize) -> Self {
        let mut block = String::new();
        if let Texts::Packed = texts {
            block.reserve_exact(128);
        }
        let mut text = |text: &str| match texts {
            Texts::Owned => Text::Owned(text.to_owned()),
            Texts::Packed => {
                let start = block.len();
                block.push_str(text);
                Text::Packed(start..block.len())
            }
        };
        let spread = (trace as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let failed = number == 7 && trace % 100 == 3;
        Self {
            trace_id: u128::from(spread) << 64 | u128::from(spread.rotate_left(29) | 1),
            parent: (number > 0).then_some(1),
            name: text(NAMES.get(number).copied().unwrap_or_default()),
            start: 1_700_000_000_000_000_000 + number as u64 * 1_000_000,
            end: 1_700_000_000_000_000_000 + 15_000_000 + spread % 10_000_000,
            status: match failed {
                true => StatusCode::Error,
                false => StatusCode::Unset,
            },
            attributes: vec![
                ("http.request.method", Value::Text(text("GET"))),
                ("url.path", Value::Text(text("/orders/4711/items"))),
                ("url.scheme", Value::Text(text("https"))),
                ("http.route", Value::Text(text("/orders/{order}/items"))),
                ("http.response.status_code", Value::Int(200)),
                ("server.address", Value::Text(text("orders.example.com"))),
                ("server.port", Value::Int(443)),
                ("client.address", Value::Text(text("192.0.2.17"))),
                ("user_agent.original", Value::Text(text("curl/8.5.0"))),
                ("network.protocol.version", Value::Text(text("1.1"))),
                ("app.cached", Value::Bool(false)),
            ],
            block,
        }
    }

    fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Owned(text) => text,
            Text::Packed(range) => self.block.get(range.clone()).unwrap_or_default(),
        }
    }
}

/// The names of the spans of a trace.
const NAMES: [&str; SPANS_PER_TRACE] = [
    "GET /orders/{order}/items",
    "authenticate",
    "SELECT orders",
    "SELECT items",
    "GET /prices/{item}",
    "SELECT prices",
    "render",
    "POST /audit",
    "INSERT audit",
    "SET cache",
];

impl TailSpan for Span {
    fn trace_id(&self) -> TraceId {
        TraceId::from(self.trace_id)
    }
    fn is_root(&self) -> bool {
        self.parent.is_none()
    }
    fn name(&self) -> &str {
        self.text(&self.name)
    }
    fn start_unix_nanos(&self) -> u64 {
        self.start
    }
    fn end_unix_nanos(&self) -> u64 {
        self.end
    }
    fn status(&self) -> StatusCode {
        self.status
    }
    fn flags(&self) -> u32 {
        1
    }
    fn trace_state(&self) -> &str {
        ""
    }
    fn attribute(&self, key: &str) -> Option<AttributeValue<'_>> {
        let (_, value) = self.attributes.iter().find(|(name, _)| *name == key)?;
        Some(match value {
            Value::Bool(value) => AttributeValue::Bool(*value),
            Value::Int(value) => AttributeValue::Int(*value),
            Value::Text(value) => AttributeValue::String(self.text(value)),
        })
    }
    fn resource_attribute(&self, key: &str) -> Option<AttributeValue<'_>> {
        (key == "service.name").then_some(AttributeValue::String("orders"))
    }
    fn size_bytes(&self) -> usize {
        let owned = |text: &Text| match text {
            Text::Owned(text) => text.capacity(),
            Text::Packed(_) => 0,
        };
        let texts = self.attributes.iter().map(|(_, value)| match value {
            Value::Text(text) => owned(text),
            Value::Bool(_) | Value::Int(_) => 0,
        });
        let attributes = self.attributes.capacity() * size_of::<(&str, Value)>();
        let texts = texts.sum::<usize>() + owned(&self.name) + self.block.capacity();
        size_of::<Self>() + attributes + texts
    }
}
