//! The live view: the running spans of a process, and the latest ended spans of each name.

mod bucket;
mod ended;
mod limits;
mod processor;
mod record_copy;
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
    limits::LiveLimits,
    record_copy::{EndedSpan, RunningSpan},
};
use self::{bucket::Counts, ended::Ended, running::Running};
use crate::{
    clock::Anchor,
    fork::{ForkMutex, PerProcess},
    provider_core::ProviderCore,
    record::SpanRecord,
    span::live_observer::{LiveKey, LiveObserver},
};

/// A view of the running spans of a provider, and of its latest ended spans by name and latency. It
/// shows the same data as the `tracez` page of OpenCensus and the OpenTelemetry Collector. A clone
/// refers to the same view.
///
/// Pass it to [`TracerProviderBuilder::live_view`](crate::TracerProviderBuilder::live_view).
/// Several providers may share a view. It lists every span that records, sampled or not, from its
/// start to its end, with its current attributes, events and status. Any thread may end the span. A
/// span whose handle is leaked stays listed. A span that ends after the shutdown of its provider is
/// removed from the list and not counted.
///
/// A forked child begins with an empty view, which does not show spans of the parent process.
///
/// # Cost
/// If the provider has no view, one branch at each change of a span. With a view, each start and
/// change takes one lock that few threads share. An end also takes a lock that all threads share.
/// Each of them copies the span's bytes, at most [`LiveLimits::max_field_bytes`];
/// [`cost`](crate::cost) has the figures.
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
    lists: PerProcess<ProcessLists>,
}

/// The spans of one process. A forked child has its own lists.
struct ProcessLists {
    running: Running,
    ended: Ended,
}

impl ProcessLists {
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
    /// Creates a view with these limits. It shows nothing until it is passed to a provider.
    pub fn new(limits: LiveLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                limits,
                providers: ForkMutex::default(),
                lists: PerProcess::new(ProcessLists::new()),
            }),
        }
    }

    /// Returns the running spans, the oldest first.
    ///
    /// # Cost
    /// Copies each span. Holds no lock for longer than it takes to copy 64 spans.
    pub fn running(&self) -> Vec<RunningSpan> {
        // One reading of the clock for all spans, so that their ages are in the order of their
        // starts.
        let read = |core: Arc<ProviderCore>| (core.clock.monotonic_nanos(), core);
        let providers: Vec<_> = self.providers().into_iter().map(read).collect();
        let mut spans = Vec::new();
        self.with_lists(|lists| {
            lists.running.each(|entry| {
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

    /// Returns how many spans of each name are running and have ended, sorted by name.
    pub fn summary(&self) -> Summary {
        self.with_lists(|lists| {
            let mut names: BTreeMap<String, NameSummary> = BTreeMap::new();
            lists.running.each(|entry| {
                let name = entry.copy.record().name();
                match names.get_mut(name) {
                    Some(summary) => summary.running += 1,
                    None => {
                        let summary = NameSummary::new(name, 1, Counts::default());
                        names.insert(name.to_owned(), summary);
                    }
                }
            });
            let other = lists.ended.each(|name, counts| {
                let running = names.get(name).map_or(0, |summary| summary.running);
                names.insert(name.to_owned(), NameSummary::new(name, running, counts));
            });
            Summary {
                names: names.into_values().collect(),
                other: other.0.iter().sum(),
                unlisted: lists.running.unlisted(),
            }
        })
    }

    /// Returns the latest ended spans of a name in a bucket, the newest first. The name is cut to
    /// 256 bytes, as in the [summary](Self::summary).
    pub fn recent(&self, name: &str, bucket: Bucket) -> Vec<EndedSpan> {
        self.with_lists(|lists| lists.ended.recent(name, bucket))
    }

    /// Adds a provider whose spans are shown.
    pub(crate) fn follow(&self, provider: &Arc<ProviderCore>) {
        let mut providers = self.inner.providers.lock();
        providers.retain(|provider| provider.strong_count() > 0);
        providers.push(Arc::downgrade(provider));
    }

    /// Returns the view as the observer of its providers' recordings.
    pub(crate) fn observer(&self) -> Arc<dyn LiveObserver> {
        Arc::clone(&self.inner) as Arc<dyn LiveObserver>
    }

    /// Counts a span that has ended.
    fn end(&self, record: &SpanRecord<'_>, scope: &InstrumentationScope) {
        let limits = &self.inner.limits;
        self.with_lists(|lists| lists.ended.add(record, scope, limits));
    }

    fn with_lists<T>(&self, work: impl FnOnce(&ProcessLists) -> T) -> T {
        self.inner.with_lists(work)
    }

    fn providers(&self) -> Vec<Arc<ProviderCore>> {
        let providers = self.inner.providers.lock();
        providers.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Inner {
    fn with_lists<T>(&self, work: impl FnOnce(&ProcessLists) -> T) -> T {
        self.lists.with(|_| ProcessLists::new(), work)
    }
}

impl LiveObserver for Inner {
    fn start(&self, provider: u64, anchor: Anchor, record: &SpanRecord<'_>) -> Option<LiveKey> {
        self.with_lists(|lists| lists.running.start(provider, anchor, record, &self.limits))
    }

    fn refresh(&self, key: LiveKey, record: &SpanRecord<'_>) {
        let max_bytes = self.limits.max_field_bytes;
        self.with_lists(|lists| lists.running.refresh(key, record, max_bytes));
    }

    fn stop(&self, key: LiveKey) {
        self.with_lists(|lists| lists.running.stop(key));
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Limits only, because spans may hold secrets.
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

/// The numbers of spans in a [`LiveView`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// One entry for each name, sorted.
    pub names: Vec<NameSummary>,
    /// The number of ended spans of names beyond [`LiveLimits::max_names`].
    pub other: u64,
    /// The number of spans that were not listed while they ran, because [`LiveLimits::max_running`]
    /// others were.
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

    /// Returns the name, cut to 256 bytes. Spans whose names are equal up to there are counted
    /// together.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how many listed spans are running now.
    pub fn running(&self) -> u64 {
        self.running
    }

    /// Returns how many spans have ended in a bucket since the view was created.
    pub fn count(&self, bucket: Bucket) -> u64 {
        self.counts.0.get(bucket as usize).copied().unwrap_or(0)
    }

    /// Returns how many spans have ended since the view was created, including failed ones.
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
