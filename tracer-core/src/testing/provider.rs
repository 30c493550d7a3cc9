//! All that one test needs.

use std::borrow::Cow;

use super::{FinishedSpan, InMemoryExporter, ManualClock, SequentialIds, tree};
use crate::{
    ids::TraceIdRandomness,
    provider::{DefaultProvider, TracerProvider, TracerProviderBuilder},
    stats::Stats,
    tracer::Tracer,
};

/// A provider for one test: with an exporter in memory, ids that count up, and a clock that stands
/// still until it is told to move. Tests that run at the same time never see each other's spans.
///
/// Until it is dropped it is what [`span!`](crate::span) uses on the thread that made it, where it
/// stays. Other threads, and code that makes spans by OpenTelemetry, get a
/// [`tracer`](Self::tracer), or a clone of the [`provider`](Self::provider).
///
/// Its resource is empty and no variable of the environment counts, so a test gives the same on
/// every machine.
#[derive(Debug)]
pub struct TestProvider {
    // Before the provider, which is shut down when the last clone is dropped.
    _thread_default: DefaultProvider,
    provider: TracerProvider,
    exporter: InMemoryExporter,
    clock: ManualClock,
}

impl TestProvider {
    /// A provider with the defaults of [`TracerProvider::builder`].
    ///
    /// # Panics
    /// When the operating system gives no thread for the exporter.
    #[track_caller]
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// The same with a sampler, processors, limits, a resource, other ids or further exporters.
    ///
    /// # Panics
    /// When the configuration is refused.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{SpanLimits, span, testing::{TestProvider, assert_trace}};
    ///
    /// let limits = SpanLimits::default().max_value_length(3);
    /// let trace = TestProvider::with(|builder| builder.span_limits(limits));
    /// drop(span!("checkout", "currency" = "euro"));
    /// assert_trace!(trace, r#"
    ///     "checkout"
    ///         currency = "eur"
    /// "#);
    /// ```
    #[track_caller]
    pub fn with(configure: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder) -> Self {
        let exporter = InMemoryExporter::new();
        let clock = ManualClock::new();
        let builder = TracerProvider::builder()
            .resource(opentelemetry_sdk::Resource::builder_empty().build())
            .id_generator(SequentialIds::new(), TraceIdRandomness::Unknown)
            .clock(&clock)
            .exporter(exporter.clone());
        match configure(builder).build() {
            Ok(provider) => Self {
                _thread_default: provider.set_thread_default(),
                provider,
                exporter,
                clock,
            },
            Err(error) => panic!("test provider cannot be built: {error}"),
        }
    }

    /// The provider itself, for code that takes one.
    pub fn provider(&self) -> &TracerProvider {
        &self.provider
    }

    /// A tracer with this name of its instrumentation scope.
    pub fn tracer(&self, name: impl Into<Cow<'static, str>>) -> Tracer {
        opentelemetry::trace::TracerProvider::tracer(&self.provider, name)
    }

    /// The clock of the spans.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// All spans that have ended, in the order in which they started. They need no flush, and may
    /// be read as often as one likes, also after a shutdown.
    ///
    /// # Panics
    /// When an exporter has not answered within 20 s.
    #[track_caller]
    pub fn spans(&self) -> Vec<FinishedSpan> {
        self.exporter.spans_of(&self.provider)
    }

    /// The only span of this name that has ended.
    ///
    /// # Panics
    /// When there is none or more than one, with the tree of all; and as [`spans`](Self::spans).
    #[track_caller]
    pub fn span(&self, name: &str) -> FinishedSpan {
        let spans = self.spans();
        let tree = tree::printed(&spans);
        let mut found: Vec<_> = spans.into_iter().filter(|span| span.name == name).collect();
        match (found.pop(), found.len() + 1) {
            (Some(span), 1) => span,
            (None, _) => panic!("no span {name:?}\n{}\n{tree}", self.losses().join(", ")),
            (_, count) => panic!("{count} spans {name:?}\n{tree}"),
        }
    }

    /// The spans as a tree in the language of [`assert_trace!`](super::assert_trace).
    ///
    /// # Panics
    /// As [`spans`](Self::spans).
    #[track_caller]
    pub fn tree(&self) -> String {
        tree::printed(&self.spans())
    }

    /// Forgets the spans that have ended. Ids and time go on.
    ///
    /// # Panics
    /// As [`spans`](Self::spans).
    #[track_caller]
    pub fn clear(&self) {
        // So that none of them comes later.
        self.spans();
        self.exporter.clear();
    }

    /// Checks that nothing was lost, and returns the counts: every span that started has ended,
    /// and was taken by every exporter, unless it was [discarded](crate::Span::discard) or not
    /// sampled.
    ///
    /// # Panics
    /// When a span is open or lost, with the whole ledger; and as [`spans`](Self::spans).
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{span, testing::TestProvider};
    ///
    /// let trace = TestProvider::new();
    /// drop(span!("checkout"));
    /// assert_eq!(trace.balance().ended, 1);
    /// ```
    #[track_caller]
    pub fn balance(&self) -> Stats {
        self.spans();
        let stats = self.provider.stats();
        let losses = losses(&stats);
        assert!(losses.is_empty(), "{}\n{stats:#?}", losses.join(", "));
        assert!(stats.balances(), "ledger does not balance\n{stats:#?}");
        stats
    }

    /// What keeps the trace from being complete, for a failed assertion.
    pub(super) fn losses(&self) -> Vec<String> {
        losses(&self.provider.stats())
    }
}

impl Default for TestProvider {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Spans that are not to be seen, by reason.
fn losses(stats: &Stats) -> Vec<String> {
    let exporters = stats.exporters.iter();
    let counts = [
        (stats.started.saturating_sub(stats.ended), "not ended"),
        (stats.dropped.queue_full, "lost to a full ring"),
        (stats.dropped.byte_budget, "larger than a ring"),
        (stats.dropped.already_shutdown, "ended after the shutdown"),
        (stats.dropped.forked, "of the parent process"),
        (stats.sampler_panics, "not recorded: the sampler panicked"),
        (
            exporters.clone().map(|exporter| exporter.queue_full).sum(),
            "lost to a full queue",
        ),
        (
            exporters.clone().map(|exporter| exporter.rejected).sum(),
            "rejected by an exporter",
        ),
        (
            exporters.map(crate::ExporterStats::failed_total).sum(),
            "failed in an exporter",
        ),
    ];
    counts
        .into_iter()
        .filter(|(spans, _)| *spans > 0)
        .map(|(spans, what)| {
            let plural = if spans == 1 { "" } else { "s" };
            format!("{spans} span{plural} {what}")
        })
        .collect()
}
