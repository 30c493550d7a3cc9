//! The live view: which spans of the process are running, and how the last ones of each name ended.

mod bucket;
mod copy;
mod ended;
mod limits;
mod processor;
mod running;
mod thread;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use opentelemetry::InstrumentationScope;

pub(crate) use self::processor::LiveProcessor;
pub use self::{
    bucket::Bucket,
    copy::{EndedSpan, RunningSpan},
    limits::LiveLimits,
};
use self::{bucket::Counts, ended::Ended, running::Running};
use crate::{
    clock::Anchor,
    fork::{ForkMutex, PerProcess},
    provider_core::ProviderCore,
    record::SpanRecord,
    span::live_observer::{LiveKey, LiveObserver},
};

/// Lists the running spans of a provider, and the last ended ones by name and latency, as the
/// `tracez` page of OpenCensus and the OpenTelemetry Collector does. A clone is the same view.
///
/// Given to [`TracerProviderBuilder::live_view`](crate::TracerProviderBuilder::live_view); several
/// providers may share one. It shows every span that records, sampled or not, from its start to its
/// end, whichever thread ends it: with the attributes, events and status it has so far. One whose
/// handle is leaked stays listed. A span that ends after the shutdown of its provider leaves the
/// list and is not counted.
///
/// A forked child begins with an empty view; spans of the parent are not shown there.
///
/// # Cost
/// None where no provider has a view, but for a branch in each change of a span. With a view, each
/// start and change takes one lock that few threads share, an end also one that all share; each
/// copies the span's bytes, at most [`LiveLimits::max_field_bytes`]; [`cost`](crate::cost) has the figures.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer as _, TracerProvider as _};
/// use tracer_core::{TracerProvider, live::LiveView};
///
/// let live = LiveView::default();
/// let provider = TracerProvider::builder().live_view(&live).build()?;
/// let span = provider.tracer("shop").start("checkout");
///
/// let running = live.running();
/// assert_eq!(running[0].record().name(), "checkout");
/// drop(span);
/// assert!(live.running().is_empty());
/// assert_eq!(live.summary().names[0].ended(), 1);
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct LiveView {
    inner: Arc<Inner>,
}

struct Inner {
    limits: LiveLimits,
    /// A forked child continues with the same providers.
    providers: ForkMutex<Vec<Weak<ProviderCore>>>,
    board: PerProcess<Board>,
}

/// The spans of one process. A forked child has its own.
struct Board {
    running: Running,
    ended: Ended,
}

impl Board {
    fn new() -> Self {
        Self {
            running: Running::new(),
            ended: Ended::default(),
        }
    }
}

impl Default for LiveView {
    fn default() -> Self {
        Self::new(LiveLimits::default())
    }
}

impl LiveView {
    /// A view that holds so much. It shows nothing before a provider has it.
    pub fn new(limits: LiveLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                limits,
                providers: ForkMutex::default(),
                board: PerProcess::new(Board::new()),
            }),
        }
    }

    /// The running spans, the oldest first.
    ///
    /// # Cost
    /// Copies each span. Holds no lock for longer than copying 64 spans takes.
    pub fn running(&self) -> Vec<RunningSpan> {
        // One reading for all, so that ages compare as starts do.
        let read = |core: Arc<ProviderCore>| (core.clock.monotonic_nanos(), core);
        let providers: Vec<_> = self.providers().into_iter().map(read).collect();
        let mut spans = Vec::new();
        self.with_board(|board| {
            board.running.each(|entry| {
                let mut providers = providers.iter();
                let provider = providers.find(|(_, core)| core.id == entry.provider);
                let scope = provider.and_then(|(_, core)| core.scope(entry.copy.scope_index()));
                let age = provider.map_or(0, |(now, _)| {
                    let start = entry.copy.record().start_unix_nanos();
                    entry.anchor.wall(*now).saturating_sub(start)
                });
                spans.push(RunningSpan {
                    copy: entry.copy.clone(),
                    scope: scope.cloned(),
                    age: Duration::from_nanos(age),
                    thread: entry.thread.clone(),
                });
            });
        });
        spans.sort_by_key(|span| std::cmp::Reverse(span.age));
        spans
    }

    /// How many spans of each name run and have ended, sorted by name.
    pub fn summary(&self) -> Summary {
        self.with_board(|board| {
            let mut names: BTreeMap<String, NameSummary> = BTreeMap::new();
            board.running.each(|entry| {
                let name = entry.copy.record().name();
                match names.get_mut(name) {
                    Some(summary) => summary.running += 1,
                    None => {
                        let summary = NameSummary::new(name, 1, Counts::default());
                        names.insert(name.to_owned(), summary);
                    }
                }
            });
            let other = board.ended.each(|name, counts| {
                let running = names.get(name).map_or(0, |summary| summary.running);
                names.insert(name.to_owned(), NameSummary::new(name, running, counts));
            });
            Summary {
                names: names.into_values().collect(),
                other: other.0.iter().sum(),
                unlisted: board.running.unlisted(),
            }
        })
    }

    /// The last spans that ended with this name in this bucket, the newest first. Names are cut to
    /// 256 bytes, here as in the [summary](Self::summary).
    pub fn recent(&self, name: &str, bucket: Bucket) -> Vec<EndedSpan> {
        self.with_board(|board| board.ended.recent(name, bucket))
    }

    /// Shows the spans of one more provider.
    pub(crate) fn follow(&self, provider: &Arc<ProviderCore>) {
        let mut providers = self.inner.providers.lock();
        providers.retain(|provider| provider.strong_count() > 0);
        providers.push(Arc::downgrade(provider));
    }

    /// Returns the view as the recordings of its providers see it.
    pub(crate) fn observer(&self) -> Arc<dyn LiveObserver> {
        Arc::clone(&self.inner) as Arc<dyn LiveObserver>
    }

    /// Counts a span that has ended.
    fn end(&self, record: &SpanRecord<'_>, scope: &InstrumentationScope) {
        let limits = &self.inner.limits;
        self.with_board(|board| board.ended.add(record, scope, limits));
    }

    fn with_board<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        self.inner.with_board(look)
    }

    fn providers(&self) -> Vec<Arc<ProviderCore>> {
        let providers = self.inner.providers.lock();
        providers.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Inner {
    fn with_board<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        self.board.with(|_| Board::new(), look)
    }
}

impl LiveObserver for Inner {
    fn start(&self, provider: u64, anchor: Anchor, record: &SpanRecord<'_>) -> Option<LiveKey> {
        self.with_board(|board| board.running.start(provider, anchor, record, &self.limits))
    }

    fn refresh(&self, key: LiveKey, record: &SpanRecord<'_>) {
        let max_bytes = self.limits.max_field_bytes;
        self.with_board(|board| board.running.refresh(key, record, max_bytes));
    }

    fn stop(&self, key: LiveKey) {
        self.with_board(|board| board.running.stop(key));
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Limits only: spans may hold secrets.
        f.debug_struct("LiveView")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LiveView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// What a [`LiveView`] has seen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// One for each name, sorted.
    pub names: Vec<NameSummary>,
    /// Ended spans of names beyond [`LiveLimits::max_names`].
    pub other: u64,
    /// Spans that were not listed while they ran, because [`LiveLimits::max_running`] others were.
    pub unlisted: u64,
}

/// The spans of one name. `Debug` prints counts only.
#[derive(Clone)]
pub struct NameSummary {
    name: String,
    running: u64,
    counts: Counts,
}

impl NameSummary {
    fn new(name: &str, running: u64, counts: Counts) -> Self {
        Self {
            name: name.to_owned(),
            running,
            counts,
        }
    }

    /// The name, cut to 256 bytes. Span names that begin alike so far are counted together.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many listed spans run now.
    pub fn running(&self) -> u64 {
        self.running
    }

    /// How many have ended in a bucket since the view was made.
    pub fn count(&self, bucket: Bucket) -> u64 {
        self.counts.0.get(bucket as usize).copied().unwrap_or(0)
    }

    /// How many have ended since the view was made, failed ones among them.
    pub fn ended(&self) -> u64 {
        self.counts.0.iter().sum()
    }
}

impl fmt::Debug for NameSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameSummary")
            .field("running", &self.running)
            .field("counts", &self.counts.0)
            .finish_non_exhaustive()
    }
}
