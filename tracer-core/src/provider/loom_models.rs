//! Exhaustive models of a provider's life.

use std::sync::Arc;

use loom::thread;
use opentelemetry::{Context, trace::Tracer as _};
use opentelemetry_sdk::Resource;

use crate::{
    BatchConfig, TracerProvider, provider_core::ProviderCore, sync::model::explore, tracer::Tracer,
};

fn end_span(core: &Arc<ProviderCore>) {
    let tracer = Tracer::new(Arc::clone(core), 0);
    drop(tracer.start_with_context("s", &Context::new()));
}

/// The last clone of a provider shuts it down, whichever thread drops that clone, and no earlier
/// clone does.
#[test]
fn last_clone_to_go_shuts_down() {
    explore(Some(2), || {
        // Two segments of one span each.
        let config = BatchConfig::default()
            .max_export_batch_size(1)
            .max_ring_bytes(2 * 128);
        let builder = TracerProvider::builder()
            .resource(Resource::builder_empty().build())
            .batch_config(config);
        let (core, worker) = builder.idle().expect("provider");
        thread::spawn(|| worker.run());
        let provider = TracerProvider::new(Arc::clone(&core));
        let (other_core, clone) = (Arc::clone(&core), provider.clone());
        let dropping = thread::spawn(move || {
            end_span(&other_core);
            drop(clone);
        });
        drop(provider);
        dropping.join().expect("other thread");
        let stats = core.stats();
        assert_eq!((stats.started, stats.ended), (1, 1), "{stats:?}");
        assert_eq!((stats.queued, stats.waiting), (1, 0), "{stats:?}");
        assert!(stats.balances(), "{stats:?}");
    });
}
