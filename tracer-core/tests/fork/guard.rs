//! A fork while a guard is entered.

use opentelemetry::{KeyValue, trace::get_active_span};
use tracer_core::{TracerProvider, current, span};

use crate::support::{
    TIMEOUT, balanced,
    forked::{ToFile, exported, forked},
    process::in_own_process,
};

#[test]
fn fork_inside_a_guard_leaves_the_span_to_the_parent() {
    in_own_process!();
    fork_inside_a_guard(false);
    // Likewise if the guard shares the span with a `Context`.
    fork_inside_a_guard(true);
}

fn fork_inside_a_guard(activates: bool) {
    let folder = tempfile::tempdir().expect("folder");
    let provider = TracerProvider::builder()
        .context_activation(activates)
        .exporter(ToFile::new(folder.path()))
        .build()
        .expect("provider");
    let _default = provider.set_thread_default();
    let outer = span!("outer");
    let outer_context = outer.span_context();
    let child = forked(folder.path(), || {
        let inherits = span!("inherits");
        assert_eq!(inherits.span_context().trace_id(), outer_context.trace_id());
        // The check of the exported files allows no trace in two processes.
        inherits.discard();
        drop(inherits);
        drop(span!(parent: None, "in_the_child_process"));
        assert_eq!(current().span_context(), outer_context);
        outer.set_attribute(KeyValue::new("key", 1));
        let active = get_active_span(|active| active.span_context().clone());
        assert_eq!(active == outer_context, activates);
        get_active_span(|active| active.set_attribute(KeyValue::new("key", 2)));
        outer.end();
        provider.shutdown(TIMEOUT).expect("shutdown");
        let stats = balanced(&provider);
        assert_eq!(
            // The parent's span counts here too.
            (stats.started, stats.ended, stats.dropped.forked),
            (3, 3, 1)
        );
    });
    child.join();
    drop(outer);
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).exporters[0].exported, 1);
    let mut names = exported(folder.path());
    names.sort_unstable();
    assert_eq!(names, ["in_the_child_process", "outer"]);
}
