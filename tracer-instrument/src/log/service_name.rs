//! The service's name, which is unknown at first if logging is set up before tracing.

use std::sync::OnceLock;

use tracer_core::TracerProvider;

/// The service's name as it is written to the log. It is fixed, or the first line that finds a global provider takes it
/// from there.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceName(OnceLock<String>);

impl ServiceName {
    /// Makes a fixed name, given as it is written to the log.
    pub(super) fn fixed(rendered: String) -> Self {
        Self(OnceLock::from(rendered))
    }

    /// Returns the name as it is written to the log; `None` while it is unknown. `render` is called once, with the
    /// provider's name.
    pub(super) fn get(&self, render: impl FnOnce(String) -> String) -> Option<&str> {
        if let Some(known) = self.0.get() {
            return Some(known);
        }
        let name = TracerProvider::global_service_name()?;
        Some(self.0.get_or_init(|| render(name)))
    }
}
