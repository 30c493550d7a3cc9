//! The errors in the settings of a sampler.

use std::time::Duration;

/// The reason why a setting was refused.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// `OTEL_TRACES_SAMPLER_ARG` is not a number, although the sampler takes a number.
    #[error("the sampler argument is not a number, {len} bytes long")]
    ArgumentNotNumber {
        /// Length of the value in bytes.
        len: usize,
    },

    /// `OTEL_TRACES_SAMPLER_ARG` is set for a sampler that takes no argument.
    #[error("sampler `{name}` takes no argument")]
    ArgumentUnused {
        /// The sampler's name, as the specification spells it.
        name: &'static str,
    },

    /// `OTEL_TRACES_SAMPLER_ARG` is set, but `OTEL_TRACES_SAMPLER` is not.
    #[error("a sampler argument has no effect without a sampler")]
    ArgumentWithoutSampler,

    /// The burst is 0, but a token bucket must hold at least one token.
    #[error("a burst of 0 samples nothing")]
    BurstZero,

    /// The period in which one trace of each operation is sampled is outside 1 ms to 10 days.
    #[error("a floor of one trace in {floor:?} is outside 1 ms to 10 days")]
    FloorOutOfRange {
        /// The time given.
        floor: Duration,
    },

    /// The precision of a threshold is outside 1 to 14 hex digits.
    #[error("a precision of {digits} digits is outside 1 to 14")]
    Precision {
        /// The number of digits asked for.
        digits: u8,
    },

    /// A rate, such as a limit or a target, is outside 10^-6 to 10^9 a second.
    #[error("a rate of {rate} a second is outside 0.000001 to 1000000000")]
    RateOutOfRange {
        /// The number given.
        rate: f64,
    },

    /// A sampling ratio is not a number from 0 to 1.
    #[error("sampling ratio {ratio} is outside 0 to 1")]
    RatioOutOfRange {
        /// The number given.
        ratio: f64,
    },

    /// A sampling ratio is below 2^-56, the smallest ratio that a threshold can express.
    #[error("sampling ratio {ratio} is below 2^-56")]
    RatioTooSmall {
        /// The number given.
        ratio: f64,
    },

    /// `OTEL_TRACES_SAMPLER` names a sampler of the specification that this crate does not
    /// implement.
    #[error("sampler `{name}` is not built in")]
    SamplerNotBuiltIn {
        /// The name, as the specification spells it.
        name: &'static str,
    },

    /// The response of a sampling server lacks the fields that its strategy type needs.
    #[error("the sampling strategies lack the fields of their type")]
    StrategiesIncomplete,

    /// The response of a sampling server is not valid JSON, or not the JSON of sampling strategies.
    #[error("the sampling strategies are invalid at line {line}, column {column}")]
    StrategiesJson {
        /// The line, from 1, or 0 for an empty response.
        line: usize,
        /// The column, from 1, or 0 at the start of a line.
        column: usize,
    },

    /// `OTEL_TRACES_SAMPLER` holds a name that is not in the specification and not specific to this
    /// crate.
    #[error("unknown sampler, its name is {len} bytes long")]
    SamplerUnknown {
        /// Length of the name in bytes.
        len: usize,
    },

    /// A line of the saved weights of a learned sampler is malformed.
    #[error("line {line} of the weights is not a kind, a number and a name")]
    Weights {
        /// The line, from 1.
        line: usize,
    },
}
