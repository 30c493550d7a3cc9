//! Log lines that carry the ids of their trace: `cargo run -p tracer-instrument --example logs`.
//!
//! Prints four lines: by `tracing` as text and as JSON, by the format of tracing-subscriber with the ids in it, and by
//! the `log` crate through env_logger.

use std::error::Error;

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracer_instrument::log::{CorrelatedFormat, CorrelatedLogger, LineFormat};
use tracing::subscriber::with_default;
use tracing_subscriber::fmt::format;

fn main() -> Result<(), Box<dyn Error>> {
    // Any provider of the API does; applications have theirs from `tracer_export::init()`.
    let provider = SdkTracerProvider::builder().build();
    provider.tracer("shop").in_span("order", |_| {
        let text =
            tracing_subscriber::fmt().event_format(LineFormat::text().service_name("orders"));
        with_default(text.finish(), priced);

        let json =
            tracing_subscriber::fmt().event_format(LineFormat::json().service_name("orders"));
        with_default(json.finish(), priced);

        let kept = CorrelatedFormat::json(format().json()).service_name("orders");
        let kept = tracing_subscriber::fmt().json().event_format(kept);
        with_default(kept.finish(), priced);

        let logger = env_logger::Builder::new()
            .filter_level(log::LevelFilter::Info)
            .target(env_logger::Target::Stdout)
            .build();
        log::set_boxed_logger(Box::new(
            CorrelatedLogger::new(logger).service_name("orders"),
        ))?;
        log::set_max_level(log::LevelFilter::Info);
        log::info!(cents = 1200; "order priced");
        Ok(())
    })
}

fn priced() {
    tracing::info!(cents = 1200, "order priced");
}
