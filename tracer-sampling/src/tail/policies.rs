//! The policies of a sampler, and the rules that turn their verdicts into a decision.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::config::{PolicyKind, TailSamplingConfig};
use super::decision::{BoxedPolicy, Decision, DropReason, SampledBy, Verdict};
use super::error::ConfigError;
use super::policy::{Context, build, unique_names};
use super::span::TailSpan;
use super::stats::PolicyStats;
use super::trace::BufferedTrace;

/// The policies, in the order in which they are evaluated.
#[derive(Debug)]
pub(super) struct Policies<S: TailSpan> {
    /// `drop` policies first, because nothing overrules them.
    policies: Vec<Named<S>>,
    sample_on_first_match: bool,
    errors: u64,
}

#[derive(Debug)]
struct Named<S: TailSpan> {
    policy: BoxedPolicy<S>,
    stats: PolicyStats,
}

impl<S: TailSpan> Policies<S> {
    /// Creates the policies of a configuration. `context` creates the policies that are not built
    /// in.
    pub(super) fn new(
        config: &TailSamplingConfig,
        context: &mut Context<'_, S>,
    ) -> Result<Self, ConfigError> {
        if config.policies.is_empty() {
            return Err(ConfigError::NoPolicies);
        }
        unique_names(&config.policies)?;
        let is_drop = |kind: &PolicyKind| matches!(kind, PolicyKind::Drop(_));
        let (first, second): (Vec<_>, Vec<_>) =
            (config.policies.iter()).partition(|policy| is_drop(&policy.kind));
        let policies = first.into_iter().chain(second).map(|policy| {
            Ok(Named {
                policy: build(policy, context)?,
                stats: PolicyStats::new(policy.name.as_str().into()),
            })
        });
        Ok(Self {
            policies: policies.collect::<Result<_, ConfigError>>()?,
            sample_on_first_match: config.sample_on_first_match,
            errors: 0,
        })
    }

    /// Decides about a trace. A verdict to drop wins over all others, and a verdict to sample over
    /// the rest.
    pub(super) fn decide(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Decision {
        let decision = self.ask(now_nanos, trace);
        for named in &mut self.policies {
            let observe = || named.policy.observe(now_nanos, trace);
            if catch_unwind(AssertUnwindSafe(observe)).is_err() {
                named.stats.failed += 1;
                self.errors += 1;
            }
        }
        decision
    }

    fn ask(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Decision {
        let mut sampled_by = None;
        for named in &mut self.policies {
            // A policy is responsible for its own state after a panic. A built-in policy panics
            // only if the span does, and does not change its state before it has read the span.
            let evaluate = || named.policy.evaluate(now_nanos, trace);
            let verdict = catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or(Verdict::Failed);
            match verdict {
                Verdict::Dropped => {
                    named.stats.dropped += 1;
                    return Decision::Dropped(DropReason::Policy(Arc::clone(&named.stats.name)));
                }
                Verdict::Failed => {
                    named.stats.failed += 1;
                    self.errors += 1;
                }
                Verdict::NotSampled => named.stats.not_sampled += 1,
                Verdict::Sampled => {
                    named.stats.sampled += 1;
                    if sampled_by.is_none() {
                        let sub_policy = named.policy.sub_policy().cloned();
                        sampled_by =
                            Some(SampledBy::new(Arc::clone(&named.stats.name), sub_policy));
                    }
                    if self.sample_on_first_match {
                        break;
                    }
                }
            }
        }
        sampled_by.map_or(Decision::NotSampled, Decision::Sampled)
    }

    /// Returns the verdicts of each policy, in the order of evaluation.
    pub(super) fn stats(&self) -> impl Iterator<Item = &PolicyStats> {
        self.policies.iter().map(|named| &named.stats)
    }

    /// Returns how often a policy failed.
    pub(super) fn errors(&self) -> u64 {
        self.errors
    }
}
