//! The view as a processor: what tells it of starts and ends.

use opentelemetry::{Context, InstrumentationScope};

use super::LiveView;
use crate::{pipeline::SpanRecord, processor::SpanProcessor, span::Span};

/// The last processor of a provider that has a view, so that it sees what the others did. The list
/// of running spans hangs on the recording itself, which leaves it however the span ends.
#[derive(Debug)]
pub(crate) struct Watcher(pub(crate) LiveView);

impl SpanProcessor for Watcher {
    fn on_start(&self, span: &mut Span, _: &Context) {
        span.show_in(&self.0);
    }

    fn on_end(&self, span: &SpanRecord<'_>, scope: &InstrumentationScope) {
        self.0.end(span, scope);
    }
}
