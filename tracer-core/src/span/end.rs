//! The end of a span.

use std::{mem, sync::Arc, time::SystemTime};

use super::{Inner, Span, recording::Recording};
use crate::{clock::unix_nanos, local};

/// How far a span has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd)]
pub(crate) enum State {
    /// It records, but has no ids yet.
    Draft,
    Live,
    /// Its end is set, and processors look at it. It can still be changed.
    Ending,
    /// The sampler does not want it; what a draft has recorded is kept for another parent.
    Refused,
    /// Its bytes are on their way.
    Ended,
}

impl Span {
    #[inline]
    pub(super) fn finish(&mut self, end: Option<SystemTime>) {
        let Some(recording) = self.live() else {
            return;
        };
        if recording.state != State::Live || !recording.shared.processors.is_empty() {
            return self.finish_slowly(end);
        }
        set_end(recording, end);
        local::end(recording);
    }

    /// The same for drafts, and with processors, which see the span first.
    #[cold]
    fn finish_slowly(&mut self, end: Option<SystemTime>) {
        let Some(recording) = self.live() else {
            return;
        };
        if recording.state == State::Draft {
            // It was never there.
            recording.state = State::Refused;
            return;
        }
        if recording.state == State::Ending {
            // A processor ends the span that is ending.
            return;
        }
        set_end(recording, end);
        let shared = Arc::clone(&recording.shared);
        let processors = &shared.processors;
        // After the shutdown of the processors nobody is there to look at it, and unseen it must
        // not go further than its count as late. Nor must it where no callback can be made. A span
        // of the parent process is shown there.
        let unseen = shared.is_closed() || processors.are_too_deep() || recording.is_the_parents();
        if !unseen {
            recording.state = State::Ending;
            processors.on_ending(self);
        }
        let Some(recording) = self.live() else {
            return;
        };
        if !unseen && mem::replace(&mut recording.state, State::Live) == State::Live {
            // A processor put another span into the handle, which lives on there.
            return;
        }
        if processors.are_too_deep() {
            recording.discarded = recording.is_sampled();
        }
        recording.hide();
        recording.put_counts();
        if !unseen
            && let Some(record) = recording.record()
            && let Some(scope) = shared.scope(record.scope_index())
        {
            processors.on_end(&record, scope);
        }
        local::end(recording);
    }
}

/// Sets the end to a time that was given, or to now.
#[inline]
fn set_end(recording: &mut Recording, end: Option<SystemTime>) {
    let nanos = match end {
        Some(end) => unix_nanos(end),
        None => match recording.noted_end() {
            0 => Span::wall_now(recording),
            noted => noted,
        },
    };
    recording.set_end(nanos);
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        self.finish(None);
        match mem::replace(&mut self.inner, Inner::Gone) {
            Inner::Context(context) => local::forget_context(context),
            Inner::Recording(mut recording) => {
                if recording.state < State::Refused {
                    // A span that is ending, which a processor took out of its handle: not every
                    // processor has seen it.
                    recording.discarded = recording.is_sampled();
                    recording.hide();
                    local::end(&mut recording);
                }
                local::forget(recording);
            }
            Inner::Gone => {}
        }
    }
}
