//! The 56-bit numbers of consistent probability sampling.
//!
//! A trace has a random number R of 56 bits: `rv` in its trace state, or the last seven bytes of
//! its id. A sampler with probability p has a rejection threshold T = (1 - p) 2^56 and samples a
//! trace if R >= T. A sampler with a higher p has a lower T, so it samples every trace that a
//! sampler with a lower p samples. In this sense, the decisions of all services about one trace
//! agree.
//!
//! The text of T is its 14 hex digits without trailing zeros, so a T with few significant digits is
//! short. If p is small, the digits of T start with a run of `f`. These digits do not add
//! precision, so they do not count as significant.

use std::fmt;

use opentelemetry::trace::TraceId;

use crate::error::Error;

/// Returns the last seven bytes of a trace id (W3C Trace Context 2, *Random Trace ID Flag*).
pub(crate) fn randomness(trace_id: TraceId) -> u64 {
    let [_, _, _, _, _, _, _, _, _, a, b, c, d, e, f, g] = trace_id.to_bytes();
    u64::from_be_bytes([0, a, b, c, d, e, f, g])
}

/// Parses 14 lowercase hex digits, the form of `rv`.
pub(crate) fn parse_randomness(text: &str) -> Option<u64> {
    (text.len() == DIGITS).then(|| parse(text)).flatten()
}

/// The rejection threshold of consistent probability sampling. A trace is sampled if its 56-bit
/// randomness is at least the threshold (OpenTelemetry, *Tracestate: Probability Sampling*).
///
/// The text form is the value of `th`: 1 to 14 hex digits without trailing zeros.
///
/// # Examples
///
/// ```
/// use tracer_sampling::Threshold;
///
/// let threshold = Threshold::of_probability(0.25)?;
/// assert_eq!(threshold.to_string(), "c");
/// assert_eq!(threshold.probability(), 0.25);
/// assert!(Threshold::of_probability(0.0).is_err());
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Threshold(
    // Invariant: below 2^56.
    u64,
);

impl Threshold {
    /// The threshold that every trace reaches.
    pub const ALWAYS: Self = Self(0);

    /// Creates the threshold of a probability from 2^-56 to 1, rounded to four significant hex
    /// digits.
    ///
    /// # Errors
    ///
    /// [`Error::RatioOutOfRange`] below 0, above 1 and for NaN; [`Error::RatioTooSmall`] for 0 and
    /// below 2^-56, because every threshold is reached by some trace.
    pub fn of_probability(probability: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::RatioOutOfRange { ratio: probability });
        }
        if probability < SMALLEST_RATIO {
            return Err(Error::RatioTooSmall { ratio: probability });
        }
        Ok(Self::new(probability, DEFAULT_DIGITS))
    }

    /// Returns the probability with which a trace reaches the threshold, from 2^-56 to 1.
    pub fn probability(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    /// Returns whether a trace with this randomness, from 0 to 2^56 - 1, is sampled.
    pub fn samples(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// Creates the threshold of a ratio, rounded to a number of hex digits, not counting leading
    /// `f`s.
    ///
    /// The caller has checked that `ratio` is from 2^-56 to 1 and `digits` from 1 to 14.
    pub(crate) fn new(ratio: f64, digits: u8) -> Self {
        // A product with a power of two is exact, so only a ratio with bits below 2^-56 rounds.
        let kept = (ratio * ALL as f64).round() as u64;
        // A ratio below 16^-n has a threshold that starts with n times the digit `f`.
        let leading = (kept.leading_zeros().saturating_sub(ALL.leading_zeros() + 1)) / 4;
        let shift = 4 * (DIGITS as u32).saturating_sub(leading + u32::from(digits));
        let half = (1_u64 << shift) >> 1;
        let rounded = (ALL - kept + half) >> shift << shift;
        // No carry reaches 2^56, because half a digit is less than `kept` for any number of digits.
        debug_assert!(rounded < ALL);
        Self(rounded)
    }

    /// Parses 1 to 14 lowercase hex digits, the form of `th`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > DIGITS {
            return None;
        }
        let missing = DIGITS - text.len();
        parse(text).map(|digits| Self(digits << (4 * missing)))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:014x}", self.0);
        match digits.trim_end_matches('0') {
            "" => f.write_str("0"),
            digits => f.write_str(digits),
        }
    }
}

/// 2^-56, the smallest probability that 56 bits can express.
pub(crate) const SMALLEST_RATIO: f64 = 1.0 / ALL as f64;
/// The significant digits that the specification recommends.
pub(crate) const DEFAULT_DIGITS: u8 = 4;
/// 2^56, the number of values of R and T.
const ALL: u64 = 1 << 56;
/// The hex digits of 56 bits.
const DIGITS: usize = 14;

/// Parses lowercase hex digits only. `from_str_radix` alone would accept a sign and capitals.
fn parse(text: &str) -> Option<u64> {
    let lowercase_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.bytes()
        .all(lowercase_hex)
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N of 1-in-N, the thresholds with 3, 4 and 5 digits, and the probability of each threshold.
    /// This is the table in *Tracestate: Probability Sampling*, *Converting floating-point
    /// probability to threshold*.
    #[rustfmt::skip]
    const TABLE: &[(f64, [&str; 3], [f64; 3])] = &[
        (1.0, ["0", "0", "0"], [1.0, 1.0, 1.0]),
        (2.0, ["8", "8", "8"], [0.5, 0.5, 0.5]),
        (3.0, ["aab", "aaab", "aaaab"], [0.333251953125, 0.3333282470703125, 0.33333301544189453]),
        (4.0, ["c", "c", "c"], [0.25, 0.25, 0.25]),
        (5.0, ["ccd", "cccd", "ccccd"], [0.199951171875, 0.1999969482421875, 0.19999980926513672]),
        (8.0, ["e", "e", "e"], [0.125, 0.125, 0.125]),
        (10.0, ["e66", "e666", "e6666"], [0.10009765625, 0.100006103515625, 0.10000038146972656]),
        (16.0, ["f", "f", "f"], [0.0625, 0.0625, 0.0625]),
        (100.0, ["fd71", "fd70a", "fd70a4"], [0.0099945068359375, 0.010000228881835938, 0.009999990463256836]),
        (1000.0, ["ffbe7", "ffbe77", "ffbe76d"], [0.0010004043579101562, 0.0009999871253967285, 0.000999998301267624]),
        (10000.0, ["fff972", "fff9724", "fff97247"], [0.00010001659393310547, 0.00010000169277191162, 0.00010000006295740604]),
        (100000.0, ["ffff584", "ffff583a", "ffff583a5"], [9.998679161071777e-06, 1.00000761449337e-05, 1.0000003385357559e-05]),
        (1000000.0, ["ffffef4", "ffffef39", "ffffef391"], [9.98377799987793e-07, 1.00000761449337e-06, 9.999930625781417e-07]),
    ];

    #[test]
    fn the_table_of_the_specification_holds() {
        for (n, texts, ratios) in TABLE {
            for (digits, (text, ratio)) in (3..).zip(texts.iter().zip(ratios)) {
                let threshold = Threshold::new(1.0 / n, digits);
                assert_eq!(threshold.to_string(), *text, "1 in {n}, {digits} digits");
                assert_eq!(threshold.probability(), *ratio, "1 in {n}, {digits} digits");
                assert_eq!(Threshold::parse(text), Some(threshold));
            }
        }
    }

    /// Computed with the Python function of the specification.
    #[test]
    fn ratios_off_the_table_agree_with_the_reference_function() {
        #[rustfmt::skip]
        let expected: &[(f64, [&str; 4])] = &[
            (0.9, ["2", "19a", "199a", "1999999a"]),
            (0.75, ["4", "4", "4", "4"]),
            (0.6666666666666666, ["5", "555", "5555", "55555555"]),
            (0.14285714285714285, ["e", "db7", "db6e", "db6db6db"]),
            (0.05, ["f3", "f333", "f3333", "f33333333"]),
            (0.3, ["b", "b33", "b333", "b3333333"]),
            (0.000244140625, ["fff", "fff", "fff", "fff"]),
            (0.0625001, ["f", "f", "f", "effffe53"]),
            (0.123456789, ["e", "e06", "e065", "e06522c9"]),
        ];
        for (ratio, texts) in expected {
            for (digits, text) in [1, 3, 4, 8].into_iter().zip(texts) {
                assert_eq!(
                    Threshold::new(*ratio, digits).to_string(),
                    *text,
                    "{ratio} {digits}"
                );
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_are_exact() {
        let least = Threshold::new(2_f64.powi(-56), 4);
        assert_eq!(least.to_string(), "ffffffffffffff");
        assert!(least.samples((1 << 56) - 1) && !least.samples((1 << 56) - 2));
        assert!(Threshold::new(1.0, 4).samples(0));
    }

    /// The examples of *TraceState Handling*: `th:c` is 25 %, `th:0` is 100 %, and 1 % is given
    /// with 5 digits.
    #[test]
    fn examples_of_the_specification_are_read() {
        assert_eq!(
            Threshold::parse("c").map(Threshold::probability),
            Some(0.25)
        );
        assert_eq!(Threshold::parse("0").map(Threshold::probability), Some(1.0));
        assert_eq!(
            Threshold::parse("fd70a4"),
            Some(Threshold(0x00fd_70a4_0000_0000))
        );
        assert_eq!(
            parse_randomness("6e6d1a75832a2f"),
            Some(0x6e_6d1a_7583_2a2f)
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "C", "+1", "0x1", "g", "000000000000000", "é"] {
            assert_eq!(Threshold::parse(text), None, "{text}");
        }
        for text in [
            "",
            "6e6d1a75832a2",
            "6e6d1a75832a2f0",
            "6E6d1a75832a2f",
            "+e6d1a75832a2f",
        ] {
            assert_eq!(parse_randomness(text), None, "{text}");
        }
    }

    #[test]
    fn randomness_is_the_last_seven_bytes_of_the_trace_id() {
        let trace_id = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(randomness(trace_id), 0xce_929d_0e0e_4736);
    }
}
