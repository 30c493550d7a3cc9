//! What a span costs in allocations on a warm thread.
#![allow(clippy::expect_used, reason = "a test may fail")]

use allocation_counter::measure;
use opentelemetry::trace::TracerProvider as _;
use tracer_core::TracerProvider;
use tracer_instrument::tracing::layer_with;
use tracing::{info, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

/// One of the registry's extensions; two more, of the API's `Context`, where the span is entered.
#[test]
fn span_takes_one_allocation_and_an_entered_one_three() {
    let provider = TracerProvider::builder().build().expect("provider");
    let subscriber = tracing_subscriber::registry().with(layer_with(provider.tracer("test")));
    let allocations = |work: fn()| {
        // Pools, maps and stacks grow to their sizes.
        (0..100).for_each(|_| work());
        measure(work).count_total
    };
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(allocations(|| drop(info_span!("root"))), 1);
        let text = || {
            let span = info_span!("root", text = "text", number = 5, shown = ?Some(1));
            info!(parent: &span, key = "order", "cache miss");
        };
        assert_eq!(allocations(text), 1);
        assert_eq!(allocations(|| drop(info_span!("root").entered())), 3);
        let again = || {
            let span = info_span!("root");
            (0..10).for_each(|_| span.in_scope(|| info!("event")));
        };
        assert_eq!(allocations(again), 3);
        let tree = || {
            let _outer = info_span!("outer").entered();
            drop(info_span!("inner").entered());
        };
        assert_eq!(allocations(tree), 6);
    });
}

/// The span of a guard takes an event as that of `tracing` does. An active `Context` is two
/// allocations, whatever is recorded.
#[test]
fn event_of_a_native_span_takes_no_allocation() {
    for (guards, expected) in [(false, 0), (true, 2)] {
        let builder = TracerProvider::builder().context_activation(guards);
        let provider = builder.build().expect("provider");
        let _default = provider.set_thread_default();
        let subscriber = tracing_subscriber::registry().with(layer_with(provider.tracer("test")));
        tracing::subscriber::with_default(subscriber, || {
            let work = || {
                let _native = tracer_core::span!("native");
                info!(key = "order", n = 1, "cache miss");
            };
            (0..100).for_each(|_| work());
            assert_eq!(measure(work).count_total, expected);
        });
    }
}
