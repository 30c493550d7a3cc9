//! Business operations with typed events: an order that is paid, and one that is declined.
//!
//! Run with `cargo run -p tracer-core --example operation`.

use std::{fmt, time::Duration};

use opentelemetry::KeyValue;
use tracer_core::{
    TracerProvider, operation, start_span,
    testing::{InMemoryExporter, tree},
};

struct OrderPaid {
    order: u32,
    cents: i64,
    is_first: bool,
}

impl operation::Event for OrderPaid {
    const NAME: &'static str = "shop.order.paid";

    fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("shop.order.id", i64::from(self.order)),
            KeyValue::new("shop.order.cents", self.cents),
            KeyValue::new("shop.customer.is_first_order", self.is_first),
        ]
    }
}

#[derive(Debug)]
struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bank declined")
    }
}

/// Deep in the work: knows nothing of spans, and its event is in the right one.
async fn pay(order: u32, cents: i64) -> Result<(), Declined> {
    tokio::task::yield_now().await;
    if cents > 50_000 {
        return Err(Declined);
    }
    let is_first = order == 1;
    operation::emit(&OrderPaid {
        order,
        cents,
        is_first,
    });
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sent = InMemoryExporter::new();
    let provider = TracerProvider::builder().exporter(sent.clone()).build()?;
    provider.set_global();

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for (order, cents) in [(1, 499), (2, 70_000)] {
        let span = start_span!("pay order", "shop.channel" = "web");
        let paid = runtime.block_on(operation::run_async(span, pay(order, cents)));
        println!("order {order}: {paid:?}");
    }

    print!("{}", tree(&sent.spans_of(&provider)));
    provider.shutdown(Duration::from_secs(5))?;
    Ok(())
}
