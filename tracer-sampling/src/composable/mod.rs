//! Composable samplers (OpenTelemetry, *CompositeSampler*; OTEP 250).
//!
//! A [`ComposableSampler`] does not decide. It returns a [`SamplingIntent`]: the threshold by which
//! the span should be sampled, and the attributes and trace state of the span if it is sampled. One
//! composable sampler can therefore change or replace the intent of another. [`Composite`] makes
//! the decision. It compares the threshold with the randomness of the trace once, regardless of how
//! many samplers took part.
//!
//! | sampler | intent |
//! | --- | --- |
//! | [`AlwaysOn`](crate::AlwaysOn), [`AlwaysOff`](crate::AlwaysOff) | all spans, no span |
//! | [`Probability`](crate::Probability) | a part of all traces |
//! | [`ParentThreshold`] | the threshold of the parent; the intent of another sampler for roots |
//! | [`RuleBased`] | the intent of the first rule that matches |
//! | [`Annotating`] | the intent of another sampler, with attributes for sampled spans |
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
mod should_sample;

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
pub(crate) use should_sample::should_sample_by_intent;

use crate::parent;

/// A sampler that returns how a span should be sampled, and leaves the decision to [`Composite`].
///
/// # Cost
///
/// The sampler is called for each new span on the thread that starts the span, so an implementation
/// must not block.
pub trait ComposableSampler: fmt::Debug + Send + Sync {
    /// Returns how the span should be sampled.
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a>;
}

/// The properties of a span that are known before it is sampled.
///
/// These are the parameters of `ShouldSample::should_sample` without the trace id. Only the
/// comparison with a threshold depends on the id.
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
