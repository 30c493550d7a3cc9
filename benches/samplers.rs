//! Compares the time of a decision with the samplers of `opentelemetry_sdk`, in one run.
//!
//! `cargo bench -p tracer-benches --bench samplers` prints one line for each case, in the form
//! `case ours peer peer's ratio`. The figures are nanoseconds per decision about a root span, or
//! about a child if the name of the case says so. A sampler without a counterpart is compared with
//! `AlwaysOn` of the SDK. Rounds of both samplers are interleaved, and each figure is the median of
//! its rounds. `--rounds N` sets the number of rounds; the default is 31.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark stops if it cannot continue"
)]

use std::{env, hint::black_box, time::Instant};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, ShouldSample};
use tracer_benches::machine;
use tracer_sampling::{
    Adaptive, AlwaysOff, AlwaysOn, DecisionCache, ParentBased, Probability, RateLimiting,
    SamplingStats, TraceIdRatio,
    composable::{Composite, ParentThreshold, Rule, RuleBased},
};

/// The number of decisions in one round.
const DECISIONS: usize = 20_000;

fn main() {
    let arguments: Vec<_> = env::args().collect();
    let rounds = arguments.iter().position(|argument| argument == "--rounds");
    let rounds = rounds.and_then(|at| arguments.get(at + 1));
    let rounds = rounds.map_or(31, |rounds| rounds.parse().expect("a number"));
    let ratio = |ratio| TraceIdRatio::new(ratio).expect("a ratio");
    let probability = |ratio| Probability::new(ratio).expect("a ratio");
    let stock_ratio = Sampler::TraceIdRatioBased;
    let stock_parent = |root| Sampler::ParentBased(Box::new(root));

    let root = Context::new();
    let child = Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    ));
    let rules = RuleBased::new(AlwaysOff)
        .rule(
            Rule::new("gold").attribute_values("user.tier", ["gold"]),
            AlwaysOn,
        )
        .rule(Rule::new("checkout").route_prefix("/checkout"), AlwaysOn)
        .rule(
            Rule::new("writes").name_patterns(["POST *", "PUT *"]),
            AlwaysOn,
        );
    let stats = SamplingStats::new();
    let counted = Composite::new(ParentThreshold::new(probability(0.01))).stats(&stats);
    let limited = RateLimiting::new(100.0).expect("a rate");
    let per_operation = RateLimiting::builder(100.0)
        .per_operation(100)
        .build()
        .expect("a rate");
    let adaptive = Adaptive::new(100.0).expect("a rate");
    let cache = DecisionCache::new(AlwaysOff);

    machine::tell();
    println!("case ours peer peer's ratio");
    let compare = |name, cx: &Context, ours: &dyn ShouldSample, stock: &dyn ShouldSample| {
        let (mut ours_ns, mut stock_ns) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours_ns.push(round(ours, cx));
            stock_ns.push(round(stock, cx));
        }
        let (ours, stock) = (median(ours_ns), median(stock_ns));
        println!("{name} {ours:.1} otel {stock:.1} {:.2}", ours / stock);
    };
    let on = Sampler::AlwaysOn;
    compare("always_on", &root, &AlwaysOn, &on);
    compare("always_off", &root, &AlwaysOff, &Sampler::AlwaysOff);
    compare("trace_id_ratio", &root, &ratio(0.01), &stock_ratio(0.01));
    compare("probability", &root, &probability(0.01), &stock_ratio(0.01));
    compare(
        "parent_based",
        &root,
        &ParentBased::new(ratio(0.01)),
        &stock_parent(stock_ratio(0.01)),
    );
    compare(
        "parent_based_child",
        &child,
        &ParentBased::new(ratio(0.01)),
        &stock_parent(stock_ratio(0.01)),
    );
    let composed = Composite::new(ParentThreshold::new(probability(0.01)));
    compare(
        "composite",
        &root,
        &composed,
        &stock_parent(stock_ratio(0.01)),
    );
    compare(
        "composite_counted",
        &root,
        &counted,
        &stock_parent(stock_ratio(0.01)),
    );
    compare("three_rules", &root, &Composite::new(rules), &on);
    compare("rate_limiting", &root, &limited, &on);
    compare("rate_limiting_per_operation", &root, &per_operation, &on);
    compare("decision_cache", &root, &cache, &on);
    compare("adaptive", &root, &adaptive, &on);
}

/// Returns the nanoseconds that one decision takes.
fn round(sampler: &dyn ShouldSample, cx: &Context) -> f64 {
    let names: Vec<_> = (0..64).map(|at| format!("GET /operation/{at}")).collect();
    let attributes = [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/cart/{id}"),
        KeyValue::new("user.tier", "silver"),
    ];
    let mut id = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128;
    let start = Instant::now();
    for name in names.iter().cycle().take(DECISIONS) {
        id = id.wrapping_mul(0xda94_2042_e4dd_58b5).wrapping_add(1);
        let kind = SpanKind::Server;
        let id = TraceId::from(black_box(id) | 1);
        black_box(sampler.should_sample(Some(cx), id, name, &kind, &attributes, &[]));
    }
    start.elapsed().as_nanos() as f64 / DECISIONS as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    *values.get(values.len() / 2).expect("a round")
}
