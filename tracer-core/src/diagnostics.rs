//! Messages of the SDK about itself, as `tracing` events.
//!
//! A service may install its subscriber after it has set tracing up. So a message that no
//! subscriber receives is kept, and logged again once a subscriber is installed. The worker checks
//! for one about once a second. Each flush and shutdown checks on the thread that calls it.

use std::mem;

use tracing::{dispatcher, subscriber::NoSubscriber};

use crate::{fork::ForkMutex, panic_guard::catch_panic};

/// The maximum number of messages that wait for a subscriber. Further messages are dropped and
/// counted.
const MAX_PENDING: usize = 64;

type Message = Box<dyn Fn() + Send>;

#[derive(Default)]
struct Pending {
    messages: Vec<Message>,
    /// Messages that were dropped because [`MAX_PENDING`] were waiting.
    dropped: u64,
}

static PENDING: ForkMutex<Pending> = ForkMutex::new(Pending {
    messages: Vec::new(),
    dropped: 0,
});

/// Logs a message about tracing itself. Meant for exporters and for code that sets tracing up.
///
/// Calls `log`, which must emit one `tracing` event. If no subscriber is installed, `log` is called
/// a second time once there is one. At most 64 messages wait for a subscriber. Further ones are
/// dropped, and their number is logged after the waiting messages. If the subscriber panics, the
/// panic is caught and only this message is lost.
///
/// Do not put secrets, or bytes that a peer sent, into a message.
///
/// # Examples
/// ```
/// tracer_core::diagnostics::report(|| {
///     tracing::warn!(target: "my_exporter", "certificate expires tomorrow");
/// });
/// ```
pub fn report(log: impl Fn() + Send + 'static) {
    let has_subscriber = has_subscriber();
    // Called even without a subscriber: with its feature `log`, `tracing` passes events to the
    // `log` crate.
    catch_panic(&log);
    if has_subscriber {
        return;
    }
    let message = Box::new(log);
    let mut pending = PENDING.lock();
    if pending.messages.len() < MAX_PENDING {
        pending.messages.push(message);
    } else {
        pending.dropped += 1;
    }
}

/// Logs the messages that wait for a subscriber, if this thread has one.
pub(crate) fn deliver_pending() {
    if !has_subscriber() {
        return;
    }
    let Pending { messages, dropped } = mem::take(&mut *PENDING.lock());
    for message in &messages {
        catch_panic(message);
    }
    if dropped > 0 {
        catch_panic(|| {
            tracing::warn!(
                target: "tracer_core",
                dropped,
                "messages were dropped because too many waited for a subscriber"
            );
        });
    }
}

/// Returns whether events of this thread reach a subscriber: its own or the global one.
fn has_subscriber() -> bool {
    dispatcher::get_default(|dispatch| !dispatch.is::<NoSubscriber>())
}
