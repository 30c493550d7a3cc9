//! An order that is handled by functions with `#[traced]`: a tree of spans, an error, and what is
//! kept out of them.
//!
//! Run with `cargo run -p tracer-core --example traced`.

use std::{fmt, time::Duration};

use tracer_core::{
    TracerProvider,
    testing::{InMemoryExporter, tree},
    traced,
};

/// Has no `Debug`, so it cannot slip into a span.
struct Card(String);

#[derive(Debug)]
struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bank declined")
    }
}

#[traced(name = "checkout", kind = Server, skip(card))]
async fn check_out(order: u64, card: &Card) -> Result<(), Declined> {
    let cents = total(order);
    charge(card, cents).await
}

#[traced(ret)]
fn total(order: u64) -> u64 {
    order * 100
}

#[traced(kind = Client, skip(card), fields("card.last4" = card.0.chars().skip(12).collect::<String>()), err)]
async fn charge(card: &Card, cents: u64) -> Result<(), Declined> {
    if cents > 50_000 {
        return Err(Declined);
    }
    tokio::task::yield_now().await;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sent = InMemoryExporter::new();
    let provider = TracerProvider::builder().exporter(sent.clone()).build()?;
    provider.set_global();

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let card = Card("4000123412341234".to_owned());
    for order in [7, 700] {
        let paid = runtime.block_on(check_out(order, &card));
        println!("order {order}: {paid:?}");
    }

    print!("{}", tree(&sent.spans_of(&provider)));
    provider.shutdown(Duration::from_secs(5))?;
    Ok(())
}
