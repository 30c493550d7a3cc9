//! The strategies in the response of a sampling server.

use std::fmt;

use serde::Deserialize;

use crate::error::Error;

/// The sampling strategies of a service, as Jaeger's *remote sampling* describes them.
///
/// The JSON form is the response to `GET /sampling?service=NAME`, or the entry of one service in a
/// strategies file.
///
/// # Examples
///
/// ```
/// use tracer_sampling::jaeger_remote::{Strategies, Strategy};
///
/// let strategies = Strategies::from_json(
///     br#"{
///         "strategyType": "PROBABILISTIC",
///         "probabilisticSampling": {"samplingRate": 0.25}
///     }"#,
/// )?;
/// assert_eq!(strategies.service, Strategy::Probabilistic(0.25));
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Strategies {
    /// The strategy for operations without a probability of their own.
    pub service: Strategy,
    /// The operations with a probability of their own: span name, and probability from 0 to 1.
    pub operations: Vec<(String, f64)>,
    /// The number of traces a second of each operation that are sampled regardless of its
    /// probability.
    pub lower_bound: f64,
}

/// A strategy for the spans of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Strategy {
    /// Samples this fraction of all traces, from 0 to 1.
    Probabilistic(f64),
    /// Samples at most this number of traces a second; 0 samples none.
    RateLimiting(f64),
}

impl Strategies {
    /// The maximum number of operations. Further operations are ignored, as in Jaeger's own
    /// clients.
    pub const MAX_OPERATIONS: usize = 2_000;

    /// Creates strategies that sample all operations of a service alike.
    pub fn of_service(strategy: Strategy) -> Self {
        Self {
            service: strategy,
            operations: Vec::new(),
            lower_bound: 0.0,
        }
    }

    /// Parses the response of a sampling server.
    ///
    /// Unknown fields are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::StrategiesJson`] if the response is not the JSON of sampling strategies;
    /// [`Error::StrategiesIncomplete`] if it lacks the fields of its strategy type;
    /// [`Error::RatioOutOfRange`] and [`Error::RateOutOfRange`] for a number out of range.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let answer: Answer = serde_json::from_slice(json).map_err(|error| {
            // The text of the error is left out, because it quotes parts of the response.
            Error::StrategiesJson {
                line: error.line(),
                column: error.column(),
            }
        })?;
        answer.checked()
    }
}

/// The JSON form of `SamplingStrategyResponse` (jaeger-idl, `sampling.proto`).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    strategy_type: StrategyType,
    probabilistic_sampling: Option<Probabilistic>,
    rate_limiting_sampling: Option<RateLimited>,
    operation_sampling: Option<PerOperation>,
}

#[derive(Clone, Copy, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StrategyType {
    #[default]
    Probabilistic,
    RateLimiting,
    /// The strategies file spells the type in lower case.
    #[serde(rename = "probabilistic")]
    ProbabilisticInFile,
    #[serde(rename = "ratelimiting")]
    RateLimitingInFile,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Probabilistic {
    sampling_rate: f64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RateLimited {
    max_traces_per_second: f64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PerOperation {
    default_sampling_probability: f64,
    default_lower_bound_traces_per_second: f64,
    per_operation_strategies: Option<Vec<OneOperation>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OneOperation {
    operation: String,
    probabilistic_sampling: Option<Probabilistic>,
}

impl Answer {
    fn checked(self) -> Result<Strategies, Error> {
        if let Some(operations) = self.operation_sampling {
            let strategies = operations.per_operation_strategies.into_iter().flatten();
            let strategies = strategies.take(Strategies::MAX_OPERATIONS);
            let lower_bound = rate(operations.default_lower_bound_traces_per_second)?;
            return Ok(Strategies {
                service: Strategy::Probabilistic(ratio(operations.default_sampling_probability)?),
                operations: strategies
                    .map(|one| {
                        Ok((
                            one.operation,
                            ratio(one.probabilistic_sampling.unwrap_or_default().sampling_rate)?,
                        ))
                    })
                    .collect::<Result<_, Error>>()?,
                lower_bound,
            });
        }
        let is_limited = matches!(
            self.strategy_type,
            StrategyType::RateLimiting | StrategyType::RateLimitingInFile
        );
        let service = match (
            is_limited,
            self.probabilistic_sampling,
            self.rate_limiting_sampling,
        ) {
            (true, _, Some(limited)) => {
                Strategy::RateLimiting(rate(limited.max_traces_per_second)?)
            }
            (false, Some(all), _) => Strategy::Probabilistic(ratio(all.sampling_rate)?),
            _ => return Err(Error::StrategiesIncomplete),
        };
        Ok(Strategies::of_service(service))
    }
}

fn ratio(ratio: f64) -> Result<f64, Error> {
    if (0.0..=1.0).contains(&ratio) {
        Ok(ratio)
    } else {
        Err(Error::RatioOutOfRange { ratio })
    }
}

fn rate(rate: f64) -> Result<f64, Error> {
    if rate == 0.0 || (1e-6..=1e9).contains(&rate) {
        Ok(rate)
    } else {
        Err(Error::RateOutOfRange { rate })
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probabilistic(ratio) => write!(f, "probabilistic {ratio}"),
            Self::RateLimiting(rate) => write!(f, "rate limiting {rate}/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts are the examples in Jaeger's documentation of remote sampling, and the forms that
    /// its servers send.
    #[test]
    fn the_forms_of_jaegers_servers_are_read() {
        let read = |json: &str| Strategies::from_json(json.as_bytes()).unwrap();
        let service = |json| read(json).service;
        assert_eq!(
            service(
                r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.001}}"#
            ),
            Strategy::Probabilistic(0.001)
        );
        // The JSON form of Protocol Buffers omits zero values, including the strategy type.
        assert_eq!(
            service(r#"{"probabilisticSampling":{}}"#),
            Strategy::Probabilistic(0.0)
        );
        assert_eq!(
            service(
                r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#
            ),
            Strategy::RateLimiting(5.0)
        );
        assert_eq!(
            read(
                r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},
                "operationSampling":{"defaultSamplingProbability":0.5,
                "defaultLowerBoundTracesPerSecond":0.25,"defaultUpperBoundTracesPerSecond":9,
                "perOperationStrategies":[
                    {"operation":"/a","probabilisticSampling":{"samplingRate":0.75}},
                    {"operation":"/b"}]}}"#
            ),
            Strategies {
                service: Strategy::Probabilistic(0.5),
                operations: vec![("/a".to_owned(), 0.75), ("/b".to_owned(), 0.0)],
                lower_bound: 0.25,
            }
        );
    }

    #[test]
    fn other_answers_are_refused_without_their_text() {
        let refused = |json: &str| Strategies::from_json(json.as_bytes()).unwrap_err();
        for json in [
            "",
            "7",
            "{",
            r#"{"strategyType":"s3cret"}"#,
            r#"{"probabilisticSampling":{"samplingRate":"1"}}"#,
        ] {
            let error = refused(json);
            assert!(
                matches!(error, Error::StrategiesJson { line: 0..=1, .. }),
                "{json}"
            );
            assert!(!error.to_string().contains("s3cret"));
        }
        for json in [
            "{}",
            "[]",
            r#"{"strategyType":"RATE_LIMITING","probabilisticSampling":{"samplingRate":1}}"#,
        ] {
            assert_eq!(refused(json), Error::StrategiesIncomplete, "{json}");
        }
        assert_eq!(
            refused(r#"{"probabilisticSampling":{"samplingRate":2}}"#),
            Error::RatioOutOfRange { ratio: 2.0 }
        );
        assert_eq!(
            refused(
                r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":-5}}"#
            ),
            Error::RateOutOfRange { rate: -5.0 }
        );
    }

    /// Protocol Buffers' JSON takes `null` for a field that is not set.
    #[test]
    fn null_counts_as_a_field_that_is_not_set() {
        let json = br#"{"operationSampling":{"perOperationStrategies":
            [{"operation":"/a","probabilisticSampling":null}]}}"#;
        let read = Strategies::from_json(json).unwrap();
        assert_eq!(read.operations, [("/a".to_owned(), 0.0)]);
        let json = br#"{"operationSampling":{"perOperationStrategies":null}}"#;
        assert_eq!(Strategies::from_json(json).unwrap().operations, []);
    }

    #[test]
    fn operations_beyond_the_limit_are_ignored() {
        let one =
            |at| format!(r#"{{"operation":"{at}","probabilisticSampling":{{"samplingRate":1}}}}"#);
        let all: Vec<_> = (0..5_000).map(one).collect();
        let json = format!(
            r#"{{"operationSampling":{{"perOperationStrategies":[{}]}}}}"#,
            all.join(",")
        );
        let read = Strategies::from_json(json.as_bytes()).unwrap();
        assert_eq!(read.operations.len(), Strategies::MAX_OPERATIONS);
    }
}
