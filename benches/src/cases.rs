//! What is timed.

/// Spans that are made between two flushes: more than the stock SDK's batch of 512, so that its
/// wake-ups are part of the picture, and less than its queue of 2048, so that nobody gains by
/// losing spans.
pub const SPANS_PER_BURST: usize = 1500;

/// One kind of work. An operation is one span, or one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// A root span, started and ended.
    Root,
    /// A root span with five attributes, an event and an error status.
    Attributes,
    /// A child of a remote parent, itself activated.
    Child,
    /// A child of a remote parent with three members of `tracestate`, started and ended.
    StateChild,
    /// A root and nine descendants, each active while the next is made.
    Tree,
    /// A root that the sampler refuses; its attributes are only made if it records.
    UnsampledRoot,
    /// A child of the active span, which is not sampled; started and ended, not activated.
    UnsampledChild,
    /// A child of a remote parent that is not sampled; its attributes are only made if it records.
    UnsampledRemoteChild,
    /// A child of a remote parent that is not sampled, itself activated.
    UnsampledActivated,
    /// A root where nobody records: of a provider that is shut down, or of none at all.
    NoProvider,
    /// As `Root`, by the native API of those that have one.
    NativeRoot,
    /// As `Attributes`.
    NativeAttributes,
    /// A child of a span that is current, started and ended while it is current itself.
    NativeChild,
    /// As `Tree`.
    NativeTree,
    /// A child of a span that is current and not sampled, current itself.
    NativeUnsampledChild,
    /// A root with two attributes, through the native API of systems that have one. Only for
    /// bursts, like `BurstLarge`.
    BurstSmall,
    /// A root with one attribute of 8 KB.
    BurstLarge,
}

impl Case {
    /// All timed cases, in the order of the table.
    pub const ALL: [Self; 15] = [
        Self::Root,
        Self::Attributes,
        Self::Child,
        Self::StateChild,
        Self::Tree,
        Self::UnsampledRoot,
        Self::UnsampledChild,
        Self::UnsampledRemoteChild,
        Self::UnsampledActivated,
        Self::NoProvider,
        Self::NativeRoot,
        Self::NativeAttributes,
        Self::NativeChild,
        Self::NativeTree,
        Self::NativeUnsampledChild,
    ];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Attributes => "attributes",
            Self::Child => "child",
            Self::StateChild => "state_child",
            Self::Tree => "tree",
            Self::UnsampledRoot => "unsampled_root",
            Self::UnsampledChild => "unsampled_child",
            Self::UnsampledRemoteChild => "unsampled_remote_child",
            Self::UnsampledActivated => "unsampled_activated",
            Self::NoProvider => "no_provider",
            Self::NativeRoot => "native_root",
            Self::NativeAttributes => "native_attributes",
            Self::NativeChild => "native_child",
            Self::NativeTree => "native_tree",
            Self::NativeUnsampledChild => "native_unsampled_child",
            Self::BurstSmall => "burst_small",
            Self::BurstLarge => "burst_large",
        }
    }

    /// The case with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL
            .into_iter()
            .chain([Self::BurstSmall, Self::BurstLarge]);
        all.find(|case| case.name() == name)
    }

    /// The same work without a native API, in the place of which a peer has a `Context`.
    pub fn in_context(self) -> Self {
        match self {
            Self::NativeRoot => Self::Root,
            Self::NativeAttributes => Self::Attributes,
            Self::NativeChild => Self::Child,
            Self::NativeTree => Self::Tree,
            Self::NativeUnsampledChild => Self::UnsampledChild,
            other => other,
        }
    }

    /// How many operations make a burst.
    pub fn operations(self) -> usize {
        match self {
            Self::Tree | Self::NativeTree => SPANS_PER_BURST / 10,
            _ => SPANS_PER_BURST,
        }
    }

    /// How many spans of a burst reach the sink.
    pub fn spans(self) -> usize {
        match self {
            Self::Root
            | Self::Attributes
            | Self::Child
            | Self::StateChild
            | Self::Tree
            | Self::NativeRoot
            | Self::NativeAttributes
            | Self::NativeChild
            | Self::NativeTree => SPANS_PER_BURST,
            _ => 0,
        }
    }
}
