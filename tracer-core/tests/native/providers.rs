//! The provider that records a native span: that of its parent, of the thread, or the global one.

use opentelemetry_sdk::trace::Sampler;
use tracer_core::{TracerProvider, span};

use crate::support::{Recorder, balanced, process::in_own_process, provider, remote};

#[test]
fn child_belongs_to_its_parents_provider_and_a_root_to_the_threads_or_the_global_one() {
    in_own_process!();
    let recorders = [(); 3].map(|()| Recorder::default());
    let [of_thread, inner, global] = [0, 1, 2].map(|at| provider(&recorders[at]));
    global.set_global();
    drop(span!("global"));
    {
        let outer_default = of_thread.set_thread_default();
        let of_outer = span!("of thread");
        let inner_default = inner.set_thread_default();
        drop(span!("child"));
        drop(span!(parent: None, "of inner"));
        // Out of order: the inner one still applies.
        drop(outer_default);
        drop(span!(parent: &remote(1), "of inner too"));
        drop(inner_default);
        drop(of_outer);
    }
    let refused = TracerProvider::builder()
        .sampler(Sampler::AlwaysOff)
        .build()
        .expect("provider");
    let unsampled = {
        let _default = refused.set_thread_default();
        span!("unsampled")
    };
    drop(span!("child of unsampled"));
    drop(unsampled);
    let other = provider(&Recorder::default());
    other.set_global();
    drop(span!("other"));
    assert_eq!(balanced(&other).ended, 1);
    assert_eq!(balanced(&of_thread).ended, 2);
    assert_eq!(balanced(&inner).ended, 2);
    assert_eq!(balanced(&global).ended, 1);
    assert_eq!(balanced(&refused).started, 0);
}
