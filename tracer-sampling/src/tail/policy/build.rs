//! Creates policies from their configuration.

use std::collections::HashSet;

use regex::{Regex, RegexSet};

use super::attribute::{BooleanAttribute, NumericAttribute, StringAttribute};
use super::combine::{All, Not};
use super::composite::{Composite, Share};
use super::limit::{Limit, TokenBucket, Unit};
use super::pattern::Matcher;
use super::probabilistic::Probabilistic;
use super::rare_operation::RareOperation;
use super::simple::{
    AlwaysSample, CriticalService, Latency, SpanCount, Status, TraceFlags, TraceState,
};
use super::slower_than_p99::SlowerThanP99;
use crate::tail::config::{
    CompositeConfig, NumericAttributeConfig, PolicyConfig, PolicyKind, StringAttributeConfig,
};
use crate::tail::decision::{BoxedPolicy, Verdict};
use crate::tail::error::{ConfigError, PatternError};
use crate::tail::span::TailSpan;

/// The inputs of policies besides their configuration.
pub(crate) struct Context<'a, S> {
    pub(crate) sketch_seed: u64,
    /// Creates the policies that are not built in.
    pub(crate) make: &'a mut dyn FnMut(&PolicyConfig) -> Option<BoxedPolicy<S>>,
}

/// Creates a policy.
pub(crate) fn build<S: TailSpan>(
    config: &PolicyConfig,
    context: &mut Context<'_, S>,
) -> Result<BoxedPolicy<S>, ConfigError> {
    let check = Check(config);
    Ok(match &config.kind {
        PolicyKind::AlwaysSample => Box::new(AlwaysSample),
        PolicyKind::TraceFlags => Box::new(TraceFlags),
        PolicyKind::And(and) => Box::new(All {
            policies: inner(&check, "and_sub_policy", &and.and_sub_policy, context)?,
            verdict: Verdict::Sampled,
        }),
        PolicyKind::BooleanAttribute(attribute) => {
            check.text("key", &attribute.key)?;
            Box::new(BooleanAttribute::new(attribute.clone()))
        }
        PolicyKind::BytesLimiting(limit) => {
            check.positive("bytes_per_second", limit.bytes_per_second)?;
            Box::new(Limit {
                bucket: TokenBucket::new(limit.bytes_per_second, limit.burst_capacity),
                unit: Unit::Byte,
            })
        }
        PolicyKind::Composite(composite) => Box::new(build_composite(&check, composite, context)?),
        PolicyKind::CriticalService(critical) => Box::new(CriticalService {
            services: check.values("services", &critical.services)?,
        }),
        PolicyKind::Custom(_) | PolicyKind::OttlCondition(_) => {
            (context.make)(config).ok_or_else(|| ConfigError::PolicyNotBuiltIn {
                policy: config.name.clone(),
                policy_type: config.kind.policy_type(),
            })?
        }
        PolicyKind::Drop(drop) => Box::new(All {
            policies: inner(&check, "drop_sub_policy", &drop.drop_sub_policy, context)?,
            verdict: Verdict::Dropped,
        }),
        PolicyKind::Latency(latency) => {
            let upper = latency.upper_threshold_ms;
            check.bounds(upper == 0 || latency.threshold_ms < upper)?;
            Box::new(Latency::new(latency))
        }
        PolicyKind::Not(not) => {
            check_inner(&not.not_sub_policy)?;
            let policy = build(&not.not_sub_policy, context)?;
            Box::new(Not { policy })
        }
        PolicyKind::NumericAttribute(attribute) => Box::new(numeric(&check, attribute)?),
        PolicyKind::Probabilistic(probabilistic) => {
            check.range(
                "sampling_percentage",
                probabilistic.sampling_percentage.is_finite(),
            )?;
            Box::new(Probabilistic::new(probabilistic))
        }
        PolicyKind::RareOperation(rare) => {
            check.positive("traces_per_minute", rare.traces_per_minute.into())?;
            let seed = context.sketch_seed;
            Box::new(RareOperation::new(rare.traces_per_minute, seed))
        }
        PolicyKind::RateLimiting(limit) => {
            check.positive("spans_per_second", limit.spans_per_second)?;
            Box::new(Limit {
                bucket: TokenBucket::new(limit.spans_per_second, limit.burst_capacity),
                unit: Unit::Span,
            })
        }
        PolicyKind::SlowerThanP99(slower) => {
            check.positive("min_observations", slower.min_observations.into())?;
            check.positive("max_operations", slower.max_operations as u64)?;
            Box::new(SlowerThanP99::new(
                slower.min_observations,
                slower.max_operations,
                context.sketch_seed,
            ))
        }
        PolicyKind::SpanCount(count) => {
            check.bounds(count.max_spans == 0 || count.min_spans <= count.max_spans)?;
            Box::new(SpanCount {
                min: count.min_spans,
                max: count.max_spans,
            })
        }
        PolicyKind::StatusCode(status) => {
            check.list("status_codes", &status.status_codes)?;
            Box::new(Status {
                codes: status.status_codes.clone(),
            })
        }
        PolicyKind::StringAttribute(attribute) => Box::new(string(&check, attribute)?),
        PolicyKind::TraceState(state) => {
            check.text("key", &state.key)?;
            Box::new(TraceState {
                key: state.key.clone(),
                values: check.values("values", &state.values)?,
            })
        }
    })
}

/// Creates the policies inside of another policy.
fn inner<S: TailSpan>(
    check: &Check<'_>,
    field: &'static str,
    policies: &[PolicyConfig],
    context: &mut Context<'_, S>,
) -> Result<Vec<BoxedPolicy<S>>, ConfigError> {
    check.list(field, policies)?;
    let policies = policies.iter().map(|policy| {
        check_inner(policy)?;
        build(policy, context)
    });
    policies.collect()
}

/// Refuses a `drop` or `composite` policy inside of another policy. The verdict of `drop` has an
/// effect only at the top level, and `composite` reports its inner policy only from there.
fn check_inner(config: &PolicyConfig) -> Result<(), ConfigError> {
    match config.kind {
        PolicyKind::Composite(_) | PolicyKind::Drop(_) => Err(ConfigError::Nested {
            policy: config.name.clone(),
            policy_type: config.kind.policy_type(),
        }),
        _ => Ok(()),
    }
}

fn build_composite<S: TailSpan>(
    check: &Check<'_>,
    config: &CompositeConfig,
    context: &mut Context<'_, S>,
) -> Result<Composite<S>, ConfigError> {
    let policies = &config.composite_sub_policy;
    let total = config.max_total_spans_per_second;
    check.positive("max_total_spans_per_second", total)?;
    check.list("composite_sub_policy", policies)?;
    unique_names(policies)?;
    let ordered = config.policy_order.iter();
    check.names(policies, "policy_order", ordered)?;
    let allocated = config.rate_allocation.iter().map(|share| &share.policy);
    check.names(policies, "rate_allocation", allocated)?;
    let mut percents = config.rate_allocation.iter().map(|share| share.percent);
    check.range("percent", percents.all(|percent| percent <= 100))?;

    let mut sorted: Vec<&PolicyConfig> = policies.iter().collect();
    // The sort is stable, so policies that are not in the order stay in the order of the list.
    sorted.sort_by_key(|policy| {
        let mut order = config.policy_order.iter();
        order
            .position(|name| *name == policy.name)
            .unwrap_or(usize::MAX)
    });
    let shares = sorted.into_iter().map(|policy| {
        check_inner(policy)?;
        Ok(Share {
            name: policy.name.as_str().into(),
            policy: build(policy, context)?,
            spans_per_second: share(config, &policy.name),
            sampled: 0,
        })
    });
    Ok(Composite::new(shares.collect::<Result<_, _>>()?, total))
}

/// Returns the spans a second of one policy inside of a composite policy.
fn share(config: &CompositeConfig, name: &str) -> u64 {
    let total = u128::from(config.max_total_spans_per_second);
    let policies = config.composite_sub_policy.len().max(1) as u128;
    let of = |percent: u8| match percent {
        0 => total / policies,
        percent => total * u128::from(percent) / 100,
    };
    let mut allocations = config.rate_allocation.iter();
    let spans = match allocations.find(|share| share.policy == name) {
        Some(share) => of(share.percent),
        None => {
            let allocated = config.rate_allocation.iter().map(|share| of(share.percent));
            let others = policies - config.rate_allocation.len() as u128;
            total.saturating_sub(allocated.sum()) / others.max(1)
        }
    };
    u64::try_from(spans).unwrap_or(u64::MAX)
}

fn numeric(
    check: &Check<'_>,
    config: &NumericAttributeConfig,
) -> Result<NumericAttribute, ConfigError> {
    check.text("key", &config.key)?;
    match (config.min_value, config.max_value) {
        (None, None) => return Err(check.missing("min_value")),
        (Some(min), Some(max)) => check.bounds(min <= max)?,
        _ => {}
    }
    Ok(NumericAttribute::new(config))
}

fn string(
    check: &Check<'_>,
    config: &StringAttributeConfig,
) -> Result<StringAttribute, ConfigError> {
    check.text("key", &config.key)?;
    let matcher = if config.enabled_regex_matching {
        check.list("values", &config.values)?;
        Matcher::patterns(check.patterns(&config.values)?, config.cache_max_size)
    } else {
        Matcher::Exact(check.values("values", &config.values)?)
    };
    Ok(StringAttribute {
        key: config.key.clone(),
        matcher,
        invert: config.invert_match,
    })
}

/// Checks that all policies have names, and that the names differ.
pub(crate) fn unique_names(policies: &[PolicyConfig]) -> Result<(), ConfigError> {
    let mut names = HashSet::new();
    for (index, policy) in policies.iter().enumerate() {
        if policy.name.is_empty() {
            return Err(ConfigError::NameMissing { index });
        }
        if !names.insert(&policy.name) {
            let policy = policy.name.clone();
            return Err(ConfigError::NameRepeated { policy });
        }
    }
    Ok(())
}

/// The checks of the settings of one policy.
struct Check<'a>(&'a PolicyConfig);

impl Check<'_> {
    fn list<T>(&self, field: &'static str, list: &[T]) -> Result<(), ConfigError> {
        if list.is_empty() {
            return Err(self.missing(field));
        }
        Ok(())
    }

    fn text(&self, field: &'static str, text: &str) -> Result<(), ConfigError> {
        self.list(field, text.as_bytes())
    }

    fn values(
        &self,
        field: &'static str,
        values: &[String],
    ) -> Result<HashSet<String>, ConfigError> {
        self.list(field, values)?;
        Ok(values.iter().cloned().collect())
    }

    fn positive(&self, field: &'static str, number: u64) -> Result<(), ConfigError> {
        self.range(field, number > 0)
    }

    fn range(&self, field: &'static str, holds: bool) -> Result<(), ConfigError> {
        let policy = || self.0.name.clone();
        holds
            .then_some(())
            .ok_or_else(|| ConfigError::NumberOutOfRange {
                policy: policy(),
                field,
            })
    }

    fn bounds(&self, hold: bool) -> Result<(), ConfigError> {
        let policy = || self.0.name.clone();
        hold.then_some(())
            .ok_or_else(|| ConfigError::BoundsReversed { policy: policy() })
    }

    /// Checks a list of names of inner policies.
    fn names<'n>(
        &self,
        policies: &[PolicyConfig],
        field: &'static str,
        names: impl Iterator<Item = &'n String>,
    ) -> Result<(), ConfigError> {
        let mut left: HashSet<&String> = policies.iter().map(|policy| &policy.name).collect();
        for name in names {
            if !left.remove(name) {
                return Err(ConfigError::NameUnknown {
                    policy: self.0.name.clone(),
                    field,
                    name: name.clone(),
                });
            }
        }
        Ok(())
    }

    fn patterns(&self, patterns: &[String]) -> Result<RegexSet, ConfigError> {
        RegexSet::new(patterns).map_err(|error| {
            // The error of the set does not identify the pattern.
            let mut alone = patterns.iter().map(|pattern| Regex::new(pattern).err());
            let found = alone.position(|error| error.is_some());
            ConfigError::PatternInvalid {
                policy: self.0.name.clone(),
                index: found.unwrap_or(patterns.len() - 1),
                reason: PatternError::new(error),
            }
        })
    }

    fn missing(&self, field: &'static str) -> ConfigError {
        ConfigError::ValueMissing {
            policy: self.0.name.clone(),
            field,
        }
    }
}
