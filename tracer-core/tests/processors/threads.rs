//! A processor that hangs at every flush occupies one thread, however many flushes there are.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use tracer_core::{FlushError, SpanProcessor, TracerProvider};

use crate::support::{
    TIMEOUT, eventually,
    forked::forked,
    process::{self, in_own_process},
};

static HANGS: AtomicBool = AtomicBool::new(true);
static CALLS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct Hangs;

impl SpanProcessor for Hangs {
    fn force_flush(&self, _: Duration) -> Result<(), FlushError> {
        CALLS.fetch_add(1, Ordering::SeqCst);
        while HANGS.load(Ordering::SeqCst) {
            thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }
}

fn threads() -> usize {
    process::threads().len()
}

/// Flushes again and again while the first flush hangs, then once more when it continues.
#[track_caller]
fn flush_a_hung_processor(provider: &TracerProvider) {
    let before = threads();
    for _ in 0..50 {
        let answer = provider.force_flush(Duration::from_millis(1));
        assert_eq!(answer, Err(FlushError::Deadline));
    }
    assert_eq!(threads(), before + 1);
    eventually("the first call", || CALLS.load(Ordering::SeqCst) == 1);
    thread::scope(|scope| {
        let last = scope.spawn(|| provider.force_flush(TIMEOUT));
        eventually("waiting", || threads() == before + 2);
        HANGS.store(false, Ordering::SeqCst);
        assert_eq!(last.join().expect("thread"), Ok(()));
    });
    // The flushes that missed the first call shared the next one. The last flush joined that call
    // or needed a third one.
    let calls = CALLS.load(Ordering::SeqCst);
    assert!((2..=3).contains(&calls), "{calls} calls");
    eventually("the end of the thread", || threads() == before);
}

#[test]
fn hung_processor_holds_one_thread_and_later_flushes_are_served_after_it() {
    in_own_process!();
    let folder = tempfile::tempdir().expect("folder");
    let provider = TracerProvider::builder()
        .processor(Hangs)
        .build()
        .expect("provider");
    let idle = threads();
    // While a flush hangs in the parent, no flush is under way in a child.
    let hung = provider.force_flush(Duration::from_millis(1));
    assert_eq!(hung, Err(FlushError::Deadline));
    eventually("the first call", || CALLS.load(Ordering::SeqCst) == 1);
    let child = forked(folder.path(), || {
        CALLS.store(0, Ordering::SeqCst);
        flush_a_hung_processor(&provider);
    });
    child.join();
    HANGS.store(false, Ordering::SeqCst);
    assert_eq!(provider.force_flush(TIMEOUT), Ok(()));
    eventually("the end of the thread", || threads() == idle);
    HANGS.store(true, Ordering::SeqCst);
    CALLS.store(0, Ordering::SeqCst);
    flush_a_hung_processor(&provider);
    provider.shutdown(TIMEOUT).expect("shutdown");
}
