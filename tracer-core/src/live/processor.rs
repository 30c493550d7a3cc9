//! The processor that tells a live view of spans that start and end.

use opentelemetry::{Context, InstrumentationScope};

use super::LiveView;
use crate::{processor::SpanProcessor, record::SpanRecord, span::Span};

/// The last processor of a provider that has a view, so that the view shows the changes of the
/// others. A span leaves the list through its recording, however it ends.
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
