//! The layers of each crate: a map of its modules, and the arrows that its code may have.
//!
//! Edit these tables when the structure changes. The check fails on an arrow that is not listed,
//! and on a listed arrow that no code needs.

/// The modules of a crate in layers.
#[derive(Debug)]
pub(crate) struct Layers {
    /// The folder `src` of the crate.
    pub(crate) src: &'static str,
    /// Each top-level module with the modules that it uses, the lowest layer first.
    ///
    /// A module may use only modules that stand above its row.
    pub(crate) rows: Table,
    /// The exceptions: arrows that point to a row further down.
    pub(crate) knot: Table,
}

/// Each module with the names of others, which spaces separate.
pub(crate) type Table = &'static [(&'static str, &'static str)];

pub(crate) const CORE: Layers = Layers {
    src: "tracer-core/src",
    rows: &[
        ("sync", ""),
        ("foreign", ""),
        ("clock", ""),
        ("error", ""),
        ("stats", ""),
        ("fork", ""),
        ("diagnostics", "foreign fork"),
        ("env", "diagnostics"),
        ("ids", "foreign"),
        ("cost", ""),
        ("resource", "env fork ids"),
        ("exporter", ""),
        ("ring", "sync"),
        (
            "pipeline",
            "diagnostics env error exporter foreign ring stats sync",
        ),
        ("processor", "error foreign pipeline sync"),
        ("local", "foreign fork ring sync"),
        ("span", "clock diagnostics env fork local pipeline stats"),
        ("live", "clock fork pipeline processor span sync"),
        ("metrics", "error exporter foreign pipeline ring stats"),
        ("start", "clock ids local metrics span"),
        (
            "context",
            "clock foreign fork ids local processor span sync",
        ),
        ("tracer", "context span start"),
        (
            "provider",
            "clock context diagnostics env error exporter foreign fork ids live local metrics \
             pipeline processor resource ring span stats sync tracer",
        ),
        ("traced", "context span"),
        ("native", "context provider span start traced"),
        ("macros", "native"),
        ("business", "context span traced"),
        (
            "sdk",
            "clock diagnostics error exporter local pipeline processor provider span start \
             stats sync",
        ),
        (
            "testing",
            "clock error exporter ids pipeline provider stats tracer",
        ),
    ],
    // A span calls the processors of its provider, which hands them the span. So `span`, `local`,
    // `processor` and `provider` cannot stand in layers. Every other entry can go once its code
    // moves to the right layer, so the knot may shrink but not grow.
    knot: &[
        ("clock", "provider"),
        ("exporter", "pipeline"),
        ("pipeline", "metrics provider span"),
        ("processor", "provider span"),
        ("local", "provider span"),
        ("span", "context live metrics native provider start tracer"),
        ("live", "provider"),
        ("metrics", "provider"),
        ("start", "context provider"),
        ("context", "provider"),
        ("tracer", "provider"),
    ],
};

/// The files of `tracer-core/src` in its largest import circle: each one reaches all others.
///
/// A reader of one file has to know them all, so the list may shrink but not grow. A failure prints
/// the shortest circles with the line of each import.
pub(crate) const CORE_CIRCLE: &[&str] = &[
    "context/activation.rs",
    "context/frame.rs",
    "context/homes.rs",
    "context/light.rs",
    "context/shared_span.rs",
    "context/slot.rs",
    "context/stack.rs",
    "live/ended.rs",
    "live/mod.rs",
    "live/running.rs",
    "live/watcher.rs",
    "local.rs",
    "metrics/mod.rs",
    "metrics/values.rs",
    "pipeline/lane.rs",
    "pipeline/losses.rs",
    "pipeline/worker.rs",
    "processor.rs",
    "processor/passes.rs",
    "provider/builder.rs",
    "provider/engine.rs",
    "provider/global.rs",
    "provider/mod.rs",
    "provider/shared.rs",
    "span/end.rs",
    "span/event.rs",
    "span/exception.rs",
    "span/link.rs",
    "span/mod.rs",
    "span/recording.rs",
    "start.rs",
    "tracer.rs",
];

pub(crate) const EXPORT: Layers = Layers {
    src: "tracer-export/src",
    rows: &[
        ("error", ""),
        ("failure", ""),
        ("retry", "failure"),
        ("otlp", "error failure retry"),
        ("env", "error otlp"),
        ("guard", "error"),
        ("init", "env error guard"),
    ],
    // Reports of failures name the endpoint and the protocol, and retries read a protobuf message.
    // Both use the types that `otlp` has for these. No files import each other in a circle.
    knot: &[("failure", "otlp"), ("retry", "otlp")],
};

pub(crate) const INSTRUMENT: Layers = Layers {
    src: "tracer-instrument/src",
    rows: &[
        ("error", ""),
        ("foreign", ""),
        ("semconv", ""),
        ("thread", ""),
        ("redact", ""),
        ("propagator", ""),
        ("forwarded", ""),
        ("status", "semconv"),
        ("method", "error semconv"),
        ("tracer", "semconv"),
        (
            "tower",
            "error forwarded method propagator redact semconv status tracer",
        ),
        ("axum", "tower"),
        (
            "reqwest",
            "error method propagator redact semconv status tracer",
        ),
        ("log", "foreign"),
        ("tracing", "foreign thread"),
        ("zpages", "thread"),
    ],
    knot: &[],
};

pub(crate) const COLLECTOR: Layers = Layers {
    src: "examples/collector/src",
    rows: &[
        ("ui", ""),
        ("address", ""),
        ("config", ""),
        ("error", ""),
        ("model", ""),
        ("origin", ""),
        ("decode", "model"),
        ("telemetry", "decode"),
        ("store", "decode error model telemetry"),
        ("health", "store"),
        ("serve", "error"),
        ("receive", "decode origin serve store telemetry"),
        ("query", "decode error model origin serve store telemetry"),
        (
            "collector",
            "config error health origin query receive serve store telemetry ui",
        ),
    ],
    knot: &[],
};
