//! The service's name, which a log that is set up before tracing does not know yet.

use std::sync::OnceLock;

use tracer_core::TracerProvider;

/// The name as lines have it: given, or that of the global provider from the first line on that finds one.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceName(OnceLock<String>);

impl ServiceName {
    /// As lines have it.
    pub(super) fn given(rendered: String) -> Self {
        Self(OnceLock::from(rendered))
    }

    /// `None` while no name is known. `render` makes what is kept of the name, once.
    pub(super) fn get(&self, render: impl FnOnce(String) -> String) -> Option<&str> {
        if let Some(known) = self.0.get() {
            return Some(known);
        }
        let name = TracerProvider::global_service_name()?;
        Some(self.0.get_or_init(|| render(name)))
    }
}
