//! Tokio tasks that start with the current span of the code that spawns them.

use std::future::Future;

use tokio::task::JoinHandle;

use super::{InSpan as _, with_current_context};

/// Spawns a task whose parent is the current span; see
/// [`with_current_span`](crate::InSpan::with_current_span).
///
/// # Panics
/// Panics outside of a tokio runtime, as [`tokio::spawn`] does.
///
/// # Examples
/// ```
/// use tracer_core::{InSpan as _, TracerProvider, current, start_span, task};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let request = async {
///     let here = current().span_context();
///     let there = task::spawn(async { current().span_context() }).await;
///     assert_eq!(there.ok(), Some(here));
/// };
/// request.in_span(start_span!("request")).await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.with_current_span())
}

/// Runs a closure that may block, with the current span as its parent; see
/// [`with_current_context`](crate::with_current_context).
///
/// # Panics
/// Panics outside of a tokio runtime, as [`tokio::task::spawn_blocking`] does.
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(with_current_context(work))
}
