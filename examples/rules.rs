//! Sampling by rules: the first rule that matches decides, and each sampled span records the
//! reason.
//!
//! `cargo run -p tracer-examples --example rules`

use std::error::Error;

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::TracerProvider;
use tracer_sampling::{
    AlwaysOff, AlwaysOn, Probability, SamplingStats,
    composable::{Composite, ParentThreshold, Rule, RuleBased},
};

fn main() -> Result<(), Box<dyn Error>> {
    // Spans that no rule matches are sampled with a probability of one in ten.
    let roots = RuleBased::new(Probability::new(0.1)?)
        .rule(Rule::new("health").route_prefix("/health"), AlwaysOff)
        .rule(
            Rule::new("gold").attribute_values("user.tier", ["gold"]),
            AlwaysOn,
        )
        .rule(
            Rule::new("writes").name_patterns(["POST *", "PUT *"]),
            Probability::new(0.5)?,
        );
    let stats = SamplingStats::new();
    // Children follow their parents, in this process and in others.
    let sampler = Composite::new(ParentThreshold::new(roots))
        .stats(&stats)
        .explain(true);
    let provider = TracerProvider::builder().sampler(sampler).build()?;

    let tracer = provider.tracer("rules");
    for _ in 0..1_000 {
        for (method, route, tier) in [
            ("GET", "/health", "none"),
            ("GET", "/cart", "gold"),
            ("POST", "/order", "silver"),
            ("GET", "/cart", "silver"),
        ] {
            let builder = tracer
                .span_builder(format!("{method} {route}"))
                .with_attributes([
                    KeyValue::new("http.route", route),
                    KeyValue::new("user.tier", tier),
                ]);
            builder.start(&tracer).end();
        }
    }
    for one in stats.snapshot() {
        println!(
            "{}: {} sampled, {} dropped",
            one.strategy, one.sampled, one.dropped
        );
    }
    Ok(())
}
