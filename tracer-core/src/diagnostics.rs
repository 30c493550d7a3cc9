//! Messages of the SDK about itself, as `tracing` events.
//!
//! A service may install its subscriber after tracing is set up. So a message that no subscriber
//! takes is kept, and logged again once there is one: the worker looks once a second, and every
//! flush and shutdown looks on the thread that calls it.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use tracing::{dispatcher, subscriber::NoSubscriber};

use crate::{foreign::isolated, fork};

/// How many messages are kept. Later ones are counted.
const MAX_PENDING: usize = 64;

type Message = Box<dyn Fn() + Send>;

#[derive(Default)]
struct Pending {
    messages: Vec<Message>,
    /// Messages beyond [`MAX_PENDING`].
    dropped: u64,
}

/// Lock only while forks are held off, so that a child never inherits it locked.
static PENDING: Mutex<Pending> = Mutex::new(Pending {
    messages: Vec::new(),
    dropped: 0,
});

/// Logs a message about tracing itself: for exporters and for code that sets tracing up.
///
/// Calls `log`, which makes one `tracing` event. Calls it a second time later if no subscriber was
/// there to take it. At most 64 messages wait for a subscriber; further ones are counted, and the
/// count is logged with them. A panic in a subscriber loses this message and goes no further.
///
/// A message names no value that may be secret and holds no bytes that a peer sent.
///
/// # Examples
/// ```
/// tracer_core::diagnostics::report(|| {
///     tracing::warn!(target: "my_exporter", "certificate expires tomorrow");
/// });
/// ```
pub fn report(log: impl Fn() + Send + 'static) {
    let has_subscriber = has_subscriber();
    // Also without a subscriber: the feature `log` of `tracing` may pass the event on.
    isolated(&log);
    if has_subscriber {
        return;
    }
    let message = Box::new(log);
    with_pending(|pending| {
        if pending.messages.len() < MAX_PENDING {
            pending.messages.push(message);
        } else {
            pending.dropped += 1;
        }
    });
}

/// Logs the messages that no subscriber has taken yet, if this thread has one.
pub(crate) fn deliver_pending() {
    if !has_subscriber() {
        return;
    }
    let Pending { messages, dropped } = with_pending(mem::take);
    for message in &messages {
        isolated(message);
    }
    if dropped > 0 {
        isolated(|| {
            tracing::warn!(
                target: "tracer_core",
                dropped,
                "further messages were not kept until a subscriber was installed"
            );
        });
    }
}

/// Whether events of this thread reach a subscriber, its own or the global one.
fn has_subscriber() -> bool {
    dispatcher::get_default(|dispatch| !dispatch.is::<NoSubscriber>())
}

fn with_pending<T>(change: impl FnOnce(&mut Pending) -> T) -> T {
    let _held = fork::undisturbed();
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut pending)
}
