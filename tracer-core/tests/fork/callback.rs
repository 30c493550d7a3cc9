//! A fork inside user code that runs while the thread's own state is in use.

use std::{
    sync::Mutex,
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use fork::Fork;
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceId, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use tracer_core::TracerProvider;

use crate::support::{
    TIMEOUT, balanced,
    forked::{Forked, ToFile, end, exported},
    process::in_own_process,
    sampler::decided,
};

/// The result of the fork, once it has happened.
static FORKED: Mutex<Option<Fork>> = Mutex::new(None);

/// Forks when it is dropped by a certain thread, once.
#[derive(Clone, Debug)]
struct ForksAtDrop(ThreadId);

impl Drop for ForksAtDrop {
    fn drop(&mut self) {
        let mut forked = FORKED.lock().expect("lock");
        if thread::current().id() == self.0 && forked.is_none() {
            *forked = Some(fork::fork().expect("fork"));
        }
    }
}

impl ShouldSample for ForksAtDrop {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        decided(SamplingDecision::RecordAndSample)
    }
}

/// The ring of a dropped provider is given back when the thread first uses another one. That drops
/// the last reference to the old provider, and its sampler, which forks. The span that is being
/// started already has its ids, so it is the same span in both processes. All later spans differ.
#[test]
fn fork_in_the_drop_of_a_sampler_leaves_the_child_rings_of_its_own() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let provider = TracerProvider::builder()
        .exporter(ToFile::new(folder.path()))
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    tracer.start("parent");
    let deadline = Instant::now() + TIMEOUT;
    let child = loop {
        assert!(
            Instant::now() < deadline,
            "the sampler was dropped elsewhere"
        );
        let gone = TracerProvider::builder()
            .sampler(ForksAtDrop(thread::current().id()))
            .build()
            .expect("provider");
        gone.tracer("t").start("x");
        drop(gone);
        // The worker still holds the provider for a moment after it has answered the shutdown. If
        // it drops the last reference, the loop tries again.
        thread::sleep(Duration::from_millis(1));
        let other = TracerProvider::builder().build().expect("provider");
        other.tracer("t").start("cut in two by the fork");
        let forked = FORKED.lock().expect("lock").take();
        match forked {
            Some(Fork::Child) => end(folder.path(), || {
                tracer.start("child");
                provider.shutdown(TIMEOUT).expect("shutdown");
                let stats = balanced(&provider);
                assert_eq!((stats.ended, stats.exporters[0].exported), (1, 1));
            }),
            Some(Fork::Parent(pid)) => break Forked::new(pid, folder.path()),
            None => {}
        }
    };
    child.join();
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).exporters[0].exported, 1);
    let mut names = exported(folder.path());
    names.sort_unstable();
    assert_eq!(names, ["child", "parent"]);
}
