//! The live view of a process that forks.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{TracerProvider, live::LiveView};

use crate::support::{forked::forked, process::in_own_process, rounds};

/// Stops the other threads when it is dropped, even if the test fails.
struct Stopped<'a>(&'a AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn forked_child_has_a_view_of_its_own() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let live = LiveView::default();
    let builder = TracerProvider::builder().live_view(&live);
    let provider = builder.build().expect("provider");
    let stop = AtomicBool::new(false);
    let all_run = Barrier::new(4);
    thread::scope(|scope| {
        // Takes the locks that a fork may find taken.
        for _ in 0..3 {
            scope.spawn(|| {
                all_run.wait();
                let tracer = provider.tracer("load");
                while !stop.load(Ordering::Relaxed) {
                    let mut span = tracer.start("load");
                    span.set_attribute(KeyValue::new("a", 1));
                    let _ = live.running().len() + live.summary().names.len();
                }
            });
        }
        all_run.wait();
        let _stopped = Stopped(&stop);
        let tracer = provider.tracer("t");
        for _ in 0..rounds(20, 200) {
            let mut parents = tracer.start("parent");
            let child = forked(folder.path(), || {
                assert!(live.running().is_empty() && live.summary().names.is_empty());
                parents.set_attribute(KeyValue::new("in", "the child"));
                let own = tracer.start("child");
                assert_eq!(live.running()[0].record().name(), "child");
                parents.end();
                assert_eq!(live.running().len(), 1);
                drop(own);
                assert!(live.running().is_empty());
                let summary = live.summary();
                assert_eq!(summary.names.len(), 1);
                assert_eq!(summary.names[0].name(), "child");
            });
            child.join();
            let running = live.running();
            let mut records = running.iter().map(|span| span.record());
            let shown = records.find(|record| record.name() == "parent");
            let attributes = shown.expect("the parent's").attributes().count();
            assert_eq!(attributes, 0);
        }
    });
    assert!(live.running().is_empty());
}
