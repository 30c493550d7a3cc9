//! `probabilistic`: makes the same decision about a trace id as the Collector.

use crate::tail::config::ProbabilisticConfig;
use crate::tail::decision::{Policy, Verdict};
use crate::tail::span::TailSpan;
use crate::tail::trace::BufferedTrace;

/// The policy `probabilistic`: samples the ids whose hash is at or below a threshold.
#[derive(Debug)]
pub(super) struct Probabilistic {
    /// The state of the hash after the salt.
    salt: u64,
    /// `None` samples nothing.
    threshold: Option<u64>,
}

impl Probabilistic {
    pub(super) fn new(config: &ProbabilisticConfig) -> Self {
        let salt = match config.hash_salt.as_str() {
            "" => "default-hash-seed",
            salt => salt,
        };
        Self {
            salt: fnv1a(FNV_OFFSET, salt.as_bytes()),
            threshold: threshold(config.sampling_percentage / 100.0),
        }
    }
}

impl<S: TailSpan> Policy<S> for Probabilistic {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let hash = fnv1a(self.salt, &trace.trace_id().to_bytes());
        Verdict::sampled_if(self.threshold.is_some_and(|threshold| hash <= threshold))
    }
}

/// Continues an FNV-1a hash of 64 bits.
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// Returns the ratio times 2^64 - 1 as the Collector computes it: rounded to 64 significant bits,
/// half to even, and truncated to an integer.
fn threshold(ratio: f64) -> Option<u64> {
    if ratio.is_nan() || ratio <= 0.0 {
        return None;
    }
    if ratio >= 1.0 {
        return Some(u64::MAX);
    }
    // The ratio is mantissa x 2^-scale, with a mantissa of 53 bits at most.
    let bits = ratio.to_bits();
    let (mantissa, scale) = match bits >> 52 {
        0 => (bits, 1074),
        exponent => (bits & ((1 << 52) - 1) | 1 << 52, 1075 - exponent as u32),
    };
    let product = u128::from(mantissa) * u128::from(u64::MAX);
    let excess = (128 - product.leading_zeros()).saturating_sub(64);
    let kept = product >> excess;
    let rest = product - (kept << excess);
    let half = (1 << excess) >> 1;
    let up = excess > 0 && (rest > half || rest == half && kept & 1 == 1);
    let rounded = kept + u128::from(up);
    // For very small ratios, the shift leaves a threshold of 0.
    let shift = scale.saturating_sub(excess);
    Some(rounded.checked_shr(shift).unwrap_or_default() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::policy::testing::{TRACE_ID, check, ok};

    /// The expected values are test vectors of the FNV authors.
    #[test]
    fn hash_is_fnv1a() {
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// The expected values were computed with Python's exact fractions by the rule of Go's
    /// `big.Float`.
    #[test]
    fn thresholds_are_those_of_the_collector() {
        for (percentage, expected) in [
            (100.0, Some(u64::MAX)),
            (150.0, Some(u64::MAX)),
            (50.0, Some(0x7fff_ffff_ffff_ffff)),
            (25.0, Some(0x3fff_ffff_ffff_ffff)),
            (33.0, Some(0x547a_e147_ae14_7bff)),
            (10.0, Some(0x1999_9999_9999_99ff)),
            (1.0, Some(0x028f_5c28_f5c2_8f5f)),
            (0.1, Some(0x0041_8937_4bc6_a7ef)),
            (99.9, Some(0xffbe_76c8_b439_5fff)),
            (1e-6, Some(0x2a_f31d_c461)),
            (1e-30, Some(0)),
            (f64::MIN_POSITIVE / 8.0, Some(0)),
            (0.0, None),
            (-50.0, None),
            (f64::NAN, None),
        ] {
            assert_eq!(threshold(percentage / 100.0), expected, "{percentage}");
        }
    }

    /// According to an implementation of FNV-1a in Python, the hash of the id is at 85.863 % of the
    /// range with the default salt, and at 3.489 % with `test-salt`.
    #[test]
    fn decisions_depend_on_the_id_and_the_salt() {
        assert_eq!(TRACE_ID.to_be_bytes()[0], 1);
        for (salt, percentage, sampled) in [
            ("", 85.86, false),
            ("", 85.87, true),
            ("default-hash-seed", 85.86, false),
            ("default-hash-seed", 85.87, true),
            ("test-salt", 3.48, false),
            ("test-salt", 3.49, true),
            ("", 0.0, false),
            ("", 100.0, true),
        ] {
            let config = format!(
                r#"{{"name": "p", "type": "probabilistic",
                    "probabilistic": {{"hash_salt": "{salt}", "sampling_percentage": {percentage}}}}}"#
            );
            check(&config, &[ok()], sampled);
        }
    }

    /// A deviation of 892 in 100,000 trials at 33 % is six standard deviations. It occurs once in
    /// 500 million runs.
    #[test]
    fn sampled_part_of_the_ids_is_as_configured() {
        let config = ProbabilisticConfig {
            sampling_percentage: 33.0,
            ..ProbabilisticConfig::default()
        };
        let policy = Probabilistic::new(&config);
        let sampled = (1..=100_000_u128)
            .map(|id| id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
            .filter(|id| fnv1a(policy.salt, &id.to_be_bytes()) <= policy.threshold.unwrap());
        assert!((32_108..33_892).contains(&sampled.count()));
    }
}
