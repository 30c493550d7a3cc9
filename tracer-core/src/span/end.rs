//! The end of a span.

use std::{mem, sync::Arc, time::SystemTime};

use super::{
    Inner, Span,
    recording::{Recording, SpanState},
};
use crate::{clock::unix_nanos, thread_state};

impl Span {
    #[inline]
    pub(super) fn finish(&mut self, end: Option<SystemTime>) {
        let Some(recording) = self.open_recording() else {
            return;
        };
        if recording.state != SpanState::Open || !recording.provider.processors.is_empty() {
            return self.finish_slowly(end);
        }
        set_end(recording, end);
        thread_state::end(recording);
    }

    /// Ends a deferred span, or a span of a provider with processors, which are called first.
    #[cold]
    fn finish_slowly(&mut self, end: Option<SystemTime>) {
        let Some(recording) = self.open_recording() else {
            return;
        };
        if recording.state == SpanState::Deferred {
            // The deferred span never started.
            recording.state = SpanState::Dropped;
            return;
        }
        if recording.state == SpanState::Ending {
            // A processor has called `end` on the span that is ending.
            return;
        }
        set_end(recording, end);
        let provider = Arc::clone(&recording.provider);
        let processors = &provider.processors;
        // The processors are not called after their shutdown, if callbacks are nested too deep, or
        // with a span of the parent process. Such a span is not exported either, because a
        // processor may discard spans or remove secrets from them.
        let skip_processors =
            provider.is_closed() || processors.are_too_deep() || recording.is_from_parent_process();
        if !skip_processors {
            recording.state = SpanState::Ending;
            processors.on_ending(self);
        }
        let Some(recording) = self.open_recording() else {
            return;
        };
        if !skip_processors
            && mem::replace(&mut recording.state, SpanState::Open) == SpanState::Open
        {
            // A processor put another span into the handle. That span stays open.
            return;
        }
        if processors.are_too_deep() {
            recording.discarded = recording.is_sampled();
        }
        recording.hide();
        recording.put_counts();
        if !skip_processors
            && let Some(record) = recording.record()
            && let Some(scope) = provider.scope(record.scope_index())
        {
            processors.on_end(&record, scope);
        }
        thread_state::end(recording);
    }
}

/// Sets the end to the given time, or to now.
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
            Inner::Context(context) => thread_state::keep_context(context),
            Inner::Recording(mut recording) => {
                if recording.state < SpanState::Dropped {
                    // A processor took this span out of its handle while it was ending, so the
                    // other processors were not called with it.
                    recording.discarded = recording.is_sampled();
                    recording.hide();
                    thread_state::end(&mut recording);
                }
                thread_state::keep_spare(recording);
            }
            Inner::Gone => {}
        }
    }
}
