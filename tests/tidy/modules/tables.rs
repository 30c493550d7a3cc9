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
        ("panic_guard", ""),
        ("clock", ""),
        ("error", ""),
        ("stats", ""),
        ("fork", ""),
        ("diagnostics", "fork panic_guard"),
        ("env", "diagnostics"),
        ("ids", "panic_guard"),
        ("cost", ""),
        ("resource", "env fork ids"),
        ("record", "clock diagnostics env stats"),
        ("exporter", "record"),
        ("ring", "sync"),
        (
            "pipeline",
            "diagnostics env error exporter fork panic_guard record ring stats sync",
        ),
        ("processor", "error fork panic_guard pipeline record sync"),
        ("thread_state", "fork panic_guard pipeline record sync"),
        ("span", "clock fork record thread_state"),
        (
            "provider_core",
            "clock diagnostics error exporter fork ids panic_guard pipeline processor record \
             resource span stats sync",
        ),
        ("sampling", "ids provider_core"),
        (
            "live",
            "clock fork processor provider_core record span sync",
        ),
        (
            "metrics",
            "error exporter panic_guard pipeline provider_core stats",
        ),
        (
            "provider",
            "clock env error exporter fork ids live metrics panic_guard pipeline processor \
             provider_core record resource stats thread_state",
        ),
        (
            "context",
            "clock fork ids panic_guard processor provider provider_core record sampling span \
             sync thread_state",
        ),
        (
            "start",
            "clock context pipeline provider_core record sampling span thread_state",
        ),
        ("tracer", "context provider provider_core span start"),
        (
            "deferred",
            "context pipeline provider_core record sampling span thread_state tracer",
        ),
        ("traced", "context record span"),
        ("native", "context provider_core record span start traced"),
        ("macros", "native"),
        ("operation", "context span traced"),
        (
            "sdk",
            "clock diagnostics error exporter pipeline processor provider provider_core record \
             span stats sync thread_state",
        ),
        (
            "testing",
            "clock context error exporter ids provider record stats tracer",
        ),
    ],
    // A span calls the processors of its provider, and a processor is given the span. So the four
    // modules cannot stand in layers. `provider_core/mod.rs` describes them. The knot may shrink
    // but not grow.
    knot: &[
        ("processor", "span"),
        ("thread_state", "provider_core span"),
        ("span", "provider_core"),
        ("deferred", "native"),
    ],
};

/// The files of `tracer-core/src` in its largest import circle: each one reaches all others.
///
/// A reader of one file has to know them all, so the list may shrink but not grow. A failure prints
/// the shortest circles with the line of each import.
pub(crate) const CORE_CIRCLE: &[&str] = &[
    "processor.rs",
    "provider_core/mod.rs",
    "span/mod.rs",
    "span/recording.rs",
    "thread_state.rs",
];

pub(crate) const EXPORT: Layers = Layers {
    src: "tracer-export/src",
    rows: &[
        ("error", ""),
        ("protobuf", ""),
        ("transport", "error"),
        ("failure", "transport"),
        ("retry", "failure protobuf"),
        ("otlp", "error failure protobuf retry transport"),
        ("env", "error otlp transport"),
        ("guard", "error"),
        ("init", "env error guard"),
    ],
    knot: &[],
};

pub(crate) const INSTRUMENT: Layers = Layers {
    src: "tracer-instrument/src",
    rows: &[
        ("error", ""),
        ("panic_guard", ""),
        ("semconv", ""),
        ("thread_id", ""),
        ("propagator", ""),
        ("redact", ""),
        ("error_type", "semconv"),
        ("forwarded", "semconv"),
        ("tracer", "semconv"),
        ("method", "error semconv"),
        ("span_name", "method"),
        (
            "tower",
            "error error_type forwarded method propagator redact semconv span_name tracer",
        ),
        ("axum", "tower"),
        (
            "reqwest",
            "error error_type method propagator redact semconv span_name tracer",
        ),
        ("tracing", "panic_guard thread_id"),
        ("log", "panic_guard"),
        ("zpages", "thread_id"),
    ],
    knot: &[],
};

pub(crate) const COLLECTOR: Layers = Layers {
    src: "examples/collector/src",
    rows: &[
        ("address", ""),
        ("config", ""),
        ("error", ""),
        ("model", ""),
        ("ui", ""),
        ("decode", "model"),
        ("ledger", "decode"),
        ("store", "decode error ledger model"),
        ("health", "store"),
        ("serve", "error"),
        ("receive", "decode ledger model serve store"),
        ("query", "error ledger model serve store"),
        (
            "collector",
            "config error health ledger query receive serve store ui",
        ),
    ],
    knot: &[],
};
