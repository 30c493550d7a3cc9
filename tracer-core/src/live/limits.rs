//! The limits of a live view.

/// The limits of a [`LiveView`](super::LiveView). Spans beyond them are counted, but not shown.
///
/// A view holds at most `max_running + 10 * max_names * max_samples` spans: 6144 with the defaults,
/// each with at most `max_field_bytes` and 512 bytes of name and status, in buffers up to twice
/// that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveLimits {
    pub(crate) max_running: usize,
    pub(crate) max_names: usize,
    pub(crate) max_samples: usize,
    pub(crate) max_field_bytes: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            max_running: 1024,
            max_names: 128,
            max_samples: 4,
            max_field_bytes: 1024,
        }
    }
}

impl LiveLimits {
    /// Sets how many running spans are listed (default 1024). A span that starts while as many are
    /// listed is never listed. It is counted in [`Summary::unlisted`](super::Summary::unlisted).
    #[must_use]
    pub fn max_running(mut self, count: usize) -> Self {
        self.max_running = count;
        self
    }

    /// Sets how many names have their own counts and samples (default 128). These are the names of
    /// the first spans that end. Spans of other names are counted together in
    /// [`Summary::other`](super::Summary::other), and none of them is kept.
    #[must_use]
    pub fn max_names(mut self, count: usize) -> Self {
        self.max_names = count;
        self
    }

    /// Sets how many ended spans are kept for each [`Bucket`](super::Bucket) of each name (default
    /// 4). The latest ones are kept.
    #[must_use]
    pub fn max_samples(mut self, count: usize) -> Self {
        self.max_samples = count;
        self
    }

    /// Sets how many bytes are kept of the attributes, events and links of one span (default 1024),
    /// as OTLP encodes them. The first ones that fit are kept. If some are left out,
    /// [`RunningSpan::is_truncated`](super::RunningSpan::is_truncated) returns `true`.
    #[must_use]
    pub fn max_field_bytes(mut self, bytes: usize) -> Self {
        self.max_field_bytes = bytes;
        self
    }
}
