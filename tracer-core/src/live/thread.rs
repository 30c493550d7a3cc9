//! The current thread, for the list of running spans.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

/// The id of a thread, and the name that it had at its first span.
#[derive(Clone, Debug)]
pub(super) struct ThreadTag {
    id: ThreadId,
    name: Option<Arc<str>>,
}

impl ThreadTag {
    pub(super) fn id(&self) -> ThreadId {
        self.id
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

struct ThisThread {
    number: usize,
    tag: ThreadTag,
}

thread_local! {
    static THIS_THREAD: ThisThread = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let thread = thread::current();
        ThisThread {
            // Relaxed: it spreads threads over the parts, and orders nothing.
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            tag: ThreadTag {
                id: thread.id(),
                name: thread.name().map(Arc::from),
            },
        }
    };
}

/// Returns a number that few threads share, and the thread. The thread is `None` if its locals are
/// gone.
pub(super) fn this_thread() -> (usize, Option<ThreadTag>) {
    THIS_THREAD
        .try_with(|thread| (thread.number, Some(thread.tag.clone())))
        .unwrap_or_default()
}
