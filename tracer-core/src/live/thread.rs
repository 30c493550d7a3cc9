//! Which thread this is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

/// A thread, as it called itself when it made its first span.
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

struct Here {
    number: usize,
    tag: ThreadTag,
}

thread_local! {
    static HERE: Here = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let thread = thread::current();
        Here {
            // Relaxed: it spreads threads, and orders nothing.
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            tag: ThreadTag {
                id: thread.id(),
                name: thread.name().map(Arc::from),
            },
        }
    };
}

/// A number that few threads share, and the thread, unless its locals are gone.
pub(super) fn here() -> (usize, Option<ThreadTag>) {
    HERE.try_with(|here| (here.number, Some(here.tag.clone())))
        .unwrap_or_default()
}
