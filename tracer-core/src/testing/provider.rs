//! A provider for one test.

use std::{borrow::Cow, future::poll_fn, task::Poll, time::Instant};

use super::{DEADLINE, FinishedSpan, InMemoryExporter, ManualClock, SequentialIds, tree};
use crate::{
    context::DefaultProvider,
    ids::TraceIdRandomness,
    provider::{TracerProvider, TracerProviderBuilder},
    stats::Stats,
    tracer::Tracer,
};

/// A provider for one test, with an exporter in memory, sequential ids, and a clock that only the
/// test moves. Tests that run at the same time never get each other's spans.
///
/// Until it is dropped, [`span!`](crate::span) uses it on the thread that created it. It stays on
/// that thread. Give a [`tracer`](Self::tracer), or a clone of the [`provider`](Self::provider), to
/// other threads and to code that uses OpenTelemetry's API.
///
/// Its resource is empty and it reads no environment variable, so a test has the same result on
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
    /// Creates a provider with the defaults of [`TracerProvider::builder`].
    ///
    /// # Panics
    /// Panics if the operating system cannot start a thread for the exporter.
    #[track_caller]
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Creates a provider with a sampler, processors, limits, a resource, other ids or further
    /// exporters.
    ///
    /// # Panics
    /// Panics if the configuration is not valid.
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

    /// Returns the provider itself, for code that takes one.
    pub fn provider(&self) -> &TracerProvider {
        &self.provider
    }

    /// Returns a tracer whose instrumentation scope has this name.
    pub fn tracer(&self, name: impl Into<Cow<'static, str>>) -> Tracer {
        opentelemetry::trace::TracerProvider::tracer(&self.provider, name)
    }

    /// Returns the clock of the spans.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Returns all spans that have ended, in the order in which they started. No flush is needed.
    /// It may be called again, even after a shutdown.
    ///
    /// # Panics
    /// Panics if an exporter has not answered within 20 s.
    #[track_caller]
    pub fn spans(&self) -> Vec<FinishedSpan> {
        self.exporter.spans_of(&self.provider)
    }

    /// Waits until this many spans were exported, and returns all of them.
    ///
    /// It is meant for spans that end after the call that the test awaits. A server's span ends
    /// when its response has been sent, which may be after the client has read it.
    ///
    /// # Runtime
    /// Any. The other tasks of the thread run between two checks.
    ///
    /// # Panics
    /// Panics if fewer spans were exported within 20 s, with the tree of the exported ones. Also
    /// panics as [`spans`](Self::spans) does.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{InSpan as _, start_span, testing::TestProvider};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let trace = TestProvider::new();
    /// tokio::spawn(async { /* work */ }.in_span(start_span!("not awaited")));
    /// assert_eq!(trace.wait_for(1).await[0].name, "not awaited");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn wait_for(&self, count: usize) -> Vec<FinishedSpan> {
        self.wait_until(count, Instant::now() + DEADLINE).await
    }

    async fn wait_until(&self, count: usize, deadline: Instant) -> Vec<FinishedSpan> {
        let mut ended = None;
        loop {
            // A flush is worth its time only if a span has ended since. A span is counted as ended
            // just before it is in its ring, so a flush may miss it; it is then still waiting.
            let stats = self.provider.stats();
            let ended_before = ended.replace(stats.ended);
            if ended != ended_before || stats.waiting > 0 {
                let spans = self.spans();
                if spans.len() >= count {
                    return spans;
                }
            }
            if Instant::now() > deadline {
                let spans = self.spans();
                let (came, hints) = (spans.len(), self.hints().join(", "));
                panic!(
                    "{came} of {count} spans were exported\n{hints}\n{}",
                    tree(&spans)
                );
            }
            let mut has_yielded = false;
            poll_fn(|task| {
                if std::mem::replace(&mut has_yielded, true) {
                    return Poll::Ready(());
                }
                task.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    /// Returns the only span of this name that has ended.
    ///
    /// # Panics
    /// Panics if there is none or more than one, with the tree of all spans. Also panics as
    /// [`spans`](Self::spans) does.
    #[track_caller]
    pub fn span(&self, name: &str) -> FinishedSpan {
        let spans = self.spans();
        let tree = tree(&spans);
        let mut found: Vec<_> = spans.into_iter().filter(|span| span.name == name).collect();
        match (found.pop(), found.len() + 1) {
            (Some(span), 1) => span,
            (None, _) => panic!("no span {name:?}\n{}\n{tree}", self.hints().join(", ")),
            (_, count) => panic!("{count} spans {name:?}\n{tree}"),
        }
    }

    /// Returns the [`tree`] of the spans.
    ///
    /// # Panics
    /// Panics as [`spans`](Self::spans) does.
    #[track_caller]
    pub fn tree(&self) -> String {
        tree(&self.spans())
    }

    /// Removes the spans that have ended. Ids and time continue.
    ///
    /// # Panics
    /// Panics as [`spans`](Self::spans) does.
    #[track_caller]
    pub fn clear(&self) {
        // Flushes, so that none of them arrives later.
        self.spans();
        self.exporter.clear();
    }

    /// Asserts that nothing was lost, and returns the counts. Every span that started must have
    /// ended. Every exporter must have accepted it, unless it was [discarded](crate::Span::discard)
    /// or not sampled.
    ///
    /// # Panics
    /// Panics if a span is open or lost, with the whole ledger. Also panics as
    /// [`spans`](Self::spans) does.
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

    /// Returns possible reasons for a missing span, for a failed assertion.
    pub(super) fn hints(&self) -> Vec<String> {
        let stats = self.provider.stats();
        let intended = [
            (stats.dropped.discarded, "discarded"),
            (stats.not_sampled, "recorded and not sampled"),
        ];
        losses(&stats)
            .into_iter()
            .chain(counted(&intended))
            .collect()
    }
}

impl Default for TestProvider {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the numbers of missing spans by reason.
fn losses(stats: &Stats) -> Vec<String> {
    let exporters = stats.exporters.iter();
    let counts = [
        (stats.started.saturating_sub(stats.ended), "not ended"),
        (stats.dropped.queue_full, "lost to a full ring"),
        (stats.dropped.span_too_large, "larger than the rings may be"),
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
    counted(&counts).collect()
}

fn counted(counts: &[(u64, &'static str)]) -> impl Iterator<Item = String> {
    let counts = counts.iter().filter(|(spans, _)| *spans > 0);
    counts.map(|(spans, what)| {
        let plural = if *spans == 1 { "" } else { "s" };
        format!("{spans} span{plural} {what}")
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::Tracer as _;

    use super::*;

    #[test]
    fn waiting_ends_at_its_deadline_and_reports_the_exported_spans() {
        let trace = TestProvider::new();
        trace.tracer("t").start("a");
        let open = trace.tracer("t").start("b");
        let waiting = std::panic::AssertUnwindSafe(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.expect("runtime");
            runtime.block_on(trace.wait_until(2, Instant::now()));
        });
        let panic = std::panic::catch_unwind(waiting).expect_err("one span is open");
        let text = panic.downcast_ref::<String>().map(String::as_str);
        assert_eq!(
            text,
            Some("1 of 2 spans were exported\n1 span not ended\n\"a\"\n")
        );
        drop(open);
    }
}
