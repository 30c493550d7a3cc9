//! The interface through which the pipeline uses its provider.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;

/// The services that the provider offers to its pipeline.
pub(crate) trait Host: Send + Sync + 'static {
    /// Returns the resource of this process's spans.
    fn resource(&self) -> Arc<Resource>;

    /// Returns all instrumentation scopes, to which records refer by position.
    fn scopes(&self) -> Arc<[InstrumentationScope]>;

    /// Adjusts the clock to wall time. Called by the worker about once a second.
    fn adjust_clock(&self);

    /// Logs the data that span limits have dropped. If `is_last`, also logs the totals. Called by
    /// the worker.
    fn report_limits(&self, is_last: bool);

    /// Resets the counters that belong to the parent process. Called in a forked child.
    fn reset_counters(&self);
}
