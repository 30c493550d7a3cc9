//! The limits of a live view.

/// How much a [`LiveView`](super::LiveView) holds. What goes beyond is counted, and left out.
///
/// A view holds at most `max_running + 10 * max_names * max_samples` spans: 6144 with the defaults,
/// each with at most `max_field_bytes` and 512 bytes of name and status, in buffers up to twice that.
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
    /// Running spans that are listed (default 1024). One that starts while there are as many is
    /// never listed, and counts as [`Summary::unlisted`](super::Summary::unlisted).
    #[must_use]
    pub fn max_running(mut self, count: usize) -> Self {
        self.max_running = count;
        self
    }

    /// Names with counts and samples of their own (default 128), the first ones that end. The spans
    /// of all others are counted together, as [`Summary::other`](super::Summary::other), and none is kept.
    #[must_use]
    pub fn max_names(mut self, count: usize) -> Self {
        self.max_names = count;
        self
    }

    /// Ended spans that are kept for each [`Bucket`](super::Bucket) of each name (default 4), the last ones.
    #[must_use]
    pub fn max_samples(mut self, count: usize) -> Self {
        self.max_samples = count;
        self
    }

    /// Bytes of the attributes, events and links of one span (default 1024), as OTLP encodes them.
    /// The first ones that fit are kept; a span that holds more says so
    /// ([`RunningSpan::is_truncated`](super::RunningSpan::is_truncated)).
    #[must_use]
    pub fn max_field_bytes(mut self, bytes: usize) -> Self {
        self.max_field_bytes = bytes;
        self
    }
}
