//! What can be wrong with the settings of a sampler.

use std::time::Duration;

/// Why a setting was refused.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// `OTEL_TRACES_SAMPLER_ARG` is not a number, where the sampler takes one.
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

    /// A token bucket holds at least one token.
    #[error("a burst of 0 samples nothing")]
    BurstZero,

    /// The time in which one trace of each operation is sampled is from 1 ms to 10 days.
    #[error("a floor of one trace in {floor:?} is outside 1 ms to 10 days")]
    FloorOutOfRange {
        /// The time given.
        floor: Duration,
    },

    /// A threshold has 1 to 14 hex digits.
    #[error("a precision of {digits} digits is outside 1 to 14")]
    Precision {
        /// The number of digits asked for.
        digits: u8,
    },

    /// A limit is from 10^-6 to 10^9 spans a second.
    #[error("a limit of {rate} spans a second is outside 0.000001 to 1000000000")]
    RateOutOfRange {
        /// The number given.
        rate: f64,
    },

    /// A sampling ratio is a number from 0 to 1.
    #[error("sampling ratio {ratio} is outside 0 to 1")]
    RatioOutOfRange {
        /// The number given.
        ratio: f64,
    },

    /// The smallest ratio of consistent probability sampling above 0 is 2^-56.
    #[error("sampling ratio {ratio} is below 2^-56 and not 0")]
    RatioTooSmall {
        /// The number given.
        ratio: f64,
    },

    /// `OTEL_TRACES_SAMPLER` names a sampler of the specification that this crate does not have.
    #[error("sampler `{name}` is not built in")]
    SamplerNotBuiltIn {
        /// The name, as the specification spells it.
        name: &'static str,
    },

    /// The answer of a sampling server lacks the fields of its strategy.
    #[error("the sampling strategies have no numbers for their type")]
    StrategiesIncomplete,

    /// The answer of a sampling server is not the JSON of sampling strategies.
    #[error("the sampling strategies are no such JSON at line {line}, column {column}")]
    StrategiesJson {
        /// From 1, or 0 for an empty answer.
        line: usize,
        /// From 1, or 0 at the start of a line.
        column: usize,
    },

    /// `OTEL_TRACES_SAMPLER` holds a name that no specification knows.
    #[error("unknown sampler, its name is {len} bytes long")]
    SamplerUnknown {
        /// Length of the name in bytes.
        len: usize,
    },

    /// The saved weights of a learned sampler have a line of another form.
    #[error("line {line} of the weights is not a kind, a number and a name")]
    Weights {
        /// From 1.
        line: usize,
    },
}
