//! Composable samplers (OpenTelemetry, *CompositeSampler*; OTEP 250).
//!
//! A [`ComposableSampler`] does not decide. It returns a [`SamplingIntent`]: the threshold by which
//! the span is to be sampled, and what else becomes of it if it is. One such sampler can therefore
//! change or replace the intent of another. [`Composite`] makes the decision: it compares the
//! threshold with the randomness of the trace, once, however many samplers took part.
//!
//! | sampler | intent |
//! | --- | --- |
//! | [`AlwaysOn`](crate::AlwaysOn), [`AlwaysOff`](crate::AlwaysOff) | all spans, no span |
//! | [`Probability`](crate::Probability) | a part of all traces |
//! | [`ParentThreshold`] | that of the parent; another sampler's for roots |
//! | [`RuleBased`] | that of the first rule that matches |
//! | [`Annotating`] | another sampler's, with attributes for sampled spans |
//!
//! [`RateLimiting`](crate::RateLimiting) is composable too.
//!
//! # Examples
//!
//! ```
//! use tracer_sampling::composable::{Composite, ParentThreshold, Rule, RuleBased};
//! use tracer_sampling::{AlwaysOff, AlwaysOn, Probability};
//!
//! // No health checks, every checkout, and one in ten of the rest; children follow their parents.
//! let roots = RuleBased::new(Probability::new(0.1)?)
//!     .rule(Rule::new("health").route_prefix("/health"), AlwaysOff)
//!     .rule(Rule::new("checkout").route_prefix("/checkout"), AlwaysOn);
//! let sampler = Composite::new(ParentThreshold::new(roots));
//! # drop(sampler);
//! # Ok::<(), tracer_sampling::Error>(())
//! ```

mod always;
mod annotating;
mod composite;
mod fresh_randomness;
mod glob;
mod intent;
mod parent_threshold;
mod rule;
mod rule_based;

use std::fmt;

use opentelemetry::trace::{Link, SpanContext, SpanKind};
use opentelemetry::{Context, KeyValue};

pub use annotating::Annotating;
pub use composite::Composite;
pub(crate) use composite::decide;
pub use intent::SamplingIntent;
pub use parent_threshold::ParentThreshold;
pub use rule::{ParentOrigin, Rule};
pub use rule_based::RuleBased;

use crate::parent;

/// A sampler that says how a span is to be sampled, and leaves the decision to [`Composite`].
///
/// # Cost
///
/// It is called for each new span on the thread that starts it, so an implementation must not
/// block.
pub trait ComposableSampler: fmt::Debug + Send + Sync {
    /// Returns how the span is to be sampled.
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a>;
}

/// What is known of a span before it is sampled: the parameters of `ShouldSample::should_sample`
/// without the trace id, because all that depends on the id is the comparison with a threshold.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct SpanToSample<'a> {
    /// The context whose active span is the parent. `None` or an invalid span means a root.
    pub parent_context: Option<&'a Context>,
    /// The name of the span.
    pub name: &'a str,
    /// The kind of the span.
    pub kind: &'a SpanKind,
    /// The attributes that are known when the span starts.
    pub attributes: &'a [KeyValue],
    /// The links that are known when the span starts.
    pub links: &'a [Link],
}

impl<'a> SpanToSample<'a> {
    /// Creates a root span of kind internal without attributes and links.
    pub const fn new(name: &'a str) -> Self {
        Self {
            parent_context: None,
            name,
            kind: &SpanKind::Internal,
            attributes: &[],
            links: &[],
        }
    }

    /// Returns the first attribute with this key.
    pub fn attribute(&self, key: &str) -> Option<&'a opentelemetry::Value> {
        let found = self
            .attributes
            .iter()
            .find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| &attribute.value)
    }

    /// Calls `read` with the parent's span context, which is invalid for a root.
    pub fn with_parent<T>(&self, read: impl FnOnce(&SpanContext) -> T) -> T {
        parent::with_parent(self.parent_context, read)
    }
}
