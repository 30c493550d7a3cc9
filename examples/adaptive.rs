//! Adaptive sampling: ten traces a second of a service under any load, and more if requests fail.
//!
//! `cargo run --release -p tracer-examples --example adaptive`

use std::{error::Error, thread, time::Duration};

use opentelemetry::trace::{Span as _, Status};
use tracer_core::{TracerProvider, sdk::SdkProcessor, start_span};
use tracer_sampling::{Adaptive, ParentBased, composable::Rule};

fn main() -> Result<(), Box<dyn Error>> {
    let adaptive = Adaptive::builder(10.0)
        .per_operation(5.0)
        .force(Rule::new("critical").name_patterns(["POST /pay"]))
        .build()?;
    TracerProvider::builder()
        .sampler(ParentBased::new(adaptive.clone()))
        .processor(SdkProcessor::new(adaptive.outcome_processor()))
        .build()?
        .set_global();

    // The load lasts at least five seconds: up to 2,000 reads, 100 failing writes and one payment a
    // second.
    for request in 0..10_000_u32 {
        drop(start_span!("GET /cart"));
        if request % 20 == 0 {
            let mut write = start_span!("PUT /cart");
            write.set_status(Status::error("out of stock"));
        }
        if request % 2_000 == 0 {
            drop(start_span!("POST /pay"));
        }
        thread::sleep(Duration::from_micros(500));
    }
    println!(
        "{:<12} {:>11} {:>12} {:>7} {:>7}",
        "operation", "requests/s", "probability", "errors", "boost"
    );
    for state in adaptive.operations() {
        println!(
            "{:<12} {:>11.0} {:>12.4} {:>7} {:>7.1}",
            state.operation,
            state.requests_per_second,
            state.probability,
            state
                .error_ratio
                .map_or_else(|| "-".to_owned(), |ratio| format!("{:.0} %", ratio * 100.0)),
            state.boost,
        );
    }
    Ok(())
}
