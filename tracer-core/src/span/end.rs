//! The end of a span.

use std::{sync::Arc, time::SystemTime};

use super::{Span, recording::Recording};
use crate::{clock::unix_nanos, local};

impl Span {
    pub(super) fn finish(&mut self, end: Option<SystemTime>) {
        let Some(mut recording) = self.recording.take() else {
            return;
        };
        if !recording.shared.processors.is_empty() {
            self.recording = Some(recording);
            return self.process(end);
        }
        recording.set_end(end_nanos(&recording, end));
        self.hand_over(recording);
    }

    fn hand_over(&self, recording: Box<Recording>) {
        let sampled = self.context.is_sampled() && !recording.discarded;
        local::end(recording, sampled);
    }

    /// The same with processors, which see the span first.
    #[cold]
    fn process(&mut self, end: Option<SystemTime>) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        if recording.ending {
            // A processor ends the span that is ending.
            return;
        }
        recording.set_end(end_nanos(recording, end));
        let shared = Arc::clone(&recording.shared);
        let processors = &shared.processors;
        // After the shutdown of the processors nobody is there to look at it, and unseen it must
        // not go further than its count as late. Nor must it where no callback can be made. A span
        // of the parent process is shown there.
        let unseen = shared.is_closed() || processors.are_too_deep() || recording.is_the_parents();
        if !unseen {
            recording.ending = true;
            processors.on_ending(self);
        }
        let Some(mut recording) = self.recording.take() else {
            return;
        };
        if !unseen && !std::mem::take(&mut recording.ending) {
            // A processor put another span into the handle, which lives on there.
            self.recording = Some(recording);
            return;
        }
        if processors.are_too_deep() {
            recording.discarded = self.context.is_sampled();
        }
        recording.put_counts();
        if !unseen && let Some(record) = recording.record() {
            let scopes = shared.scopes();
            if let Some(scope) = scopes.get(record.scope_index()) {
                processors.on_end(&record, scope);
            }
        }
        self.hand_over(recording);
    }
}

/// Nanoseconds since the epoch, not before the start: a wall clock that was set back must not give
/// a negative duration.
fn end_nanos(recording: &Recording, end: Option<SystemTime>) -> u64 {
    let end = match end {
        Some(end) => unix_nanos(end),
        None => Span::wall_now(recording),
    };
    end.max(recording.start_unix_nanos())
}

impl Drop for Span {
    fn drop(&mut self) {
        self.finish(None);
        // Left there is only a span that is ending, which a processor took out of its handle: not
        // every processor has seen it.
        if let Some(mut recording) = self.recording.take() {
            recording.ending = false;
            recording.discarded = self.context.is_sampled();
            self.hand_over(recording);
        }
    }
}
