//! The provider that records a native span: that of its parent, of the thread, or the global one.

use opentelemetry_sdk::trace::Sampler;
use tracer_core::{Span, TracerProvider, current, span, start_span};

use crate::support::{Recorder, TIMEOUT, balanced, process::in_own_process, provider, remote};

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

/// A thread forgets a provider that is shut down, and keeps another one in its place in the list. A
/// span that has looked up the provider before must not take the other one for its own.
#[test]
fn span_keeps_its_provider_if_the_value_of_an_attribute_shuts_it_down() {
    in_own_process!();
    let [own, other] = [(); 2].map(|()| provider(&Recorder::default()));
    own.set_global();
    let other_span = {
        let _default = other.set_thread_default();
        start_span!("other")
    };
    // The thread lists `own` only.
    let span = std::thread::spawn(move || {
        let mut other_span = Some(other_span);
        let span = span!(
            "own",
            "closed" = {
                let closed = own.shutdown(TIMEOUT).is_ok();
                drop(other_span.take().map(Span::enter));
                closed
            }
        );
        assert_eq!(current().span_context(), span.span_context());
        let child = span!("child");
        assert!(!child.is_recording(), "its provider is shut down");
        assert_eq!(child.span_context(), span.span_context());
    });
    span.join().expect("thread");
    let stats = balanced(&other);
    assert_eq!((stats.started, stats.ended), (1, 1), "only its own span");
}
