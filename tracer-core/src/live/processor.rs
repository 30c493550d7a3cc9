//! The processor that reports starts and ends of spans to a live view.

use opentelemetry::{Context, InstrumentationScope};

use super::LiveView;
use crate::{processor::SpanProcessor, record::SpanRecord, span::Span};

/// The last processor of a provider with a live view, so that the view shows the changes of the
/// other processors. The recording removes a span from the list, however the span ends.
#[derive(Debug)]
pub(crate) struct LiveProcessor(pub(crate) LiveView);

impl SpanProcessor for LiveProcessor {
    fn on_start(&self, span: &mut Span, _: &Context) {
        span.show_in(&*self.0.inner);
    }

    fn on_end(&self, span: &SpanRecord<'_>, scope: &InstrumentationScope) {
        self.0.end(span, scope);
    }
}
