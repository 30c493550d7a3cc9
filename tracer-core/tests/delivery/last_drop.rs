//! The thread that drops the last part of a provider runs the drops of user code, which may panic.

use std::{sync::mpsc, thread};

use opentelemetry::trace::{SpanId, TraceId, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::IdGenerator;
use tracer_core::{TraceIdRandomness, TracerProvider};

use crate::support::{
    TIMEOUT, eventually,
    process::{self, in_own_process},
    quiet_panic,
};

#[derive(Debug)]
struct PanicsAtDrop;

impl IdGenerator for PanicsAtDrop {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(1)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(1)
    }
}

impl Drop for PanicsAtDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            quiet_panic();
        }
    }
}

fn provider() -> TracerProvider {
    TracerProvider::builder()
        .id_generator(PanicsAtDrop, TraceIdRandomness::Unknown)
        .build()
        .expect("provider")
}

/// Waits until the worker no longer holds the provider, so that the next drop is that of the last
/// part.
fn worker_is_gone() {
    eventually("end of the worker", || {
        !process::threads()
            .iter()
            .any(|name| name == "tracer-worker")
    });
}

/// One test for both cases, because each test waits until no worker is left. A panic that leaves a
/// thread's destructors aborts the process.
#[test]
#[cfg(target_os = "linux")]
fn neither_the_end_of_a_thread_nor_the_drop_of_a_span_passes_on_a_panic_of_user_code() {
    in_own_process!();
    let first = provider();
    let tracer = first.tracer("t");
    let (started, wait_started) = mpsc::channel();
    let (go, wait_go) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        tracer.start("x");
        drop(tracer);
        started.send(()).expect("send");
        // Until the other end is dropped.
        let _ = wait_go.recv();
    });
    wait_started.recv().expect("started");
    first.shutdown(TIMEOUT).expect("shutdown");
    drop(first);
    worker_is_gone();
    drop(go);
    thread.join().expect("a thread that ends well");

    // The span is all that is left; the thread that drops it has no ring.
    let second = provider();
    let span = thread::scope(|scope| {
        let made = scope.spawn(|| second.tracer("t").start("x"));
        made.join().expect("span")
    });
    second.shutdown(TIMEOUT).expect("shutdown");
    drop(second);
    worker_is_gone();
    drop(span);
}
