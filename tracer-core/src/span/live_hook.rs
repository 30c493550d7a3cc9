//! The live view's hooks in a recording.

use super::{
    live_observer::{LiveKey, LiveObserver},
    recording::Recording,
};

impl Recording {
    /// Lists the span in the live view.
    pub(crate) fn show_in(&mut self, view: &dyn LiveObserver) {
        self.hide();
        self.live_key = self
            .record()
            .and_then(|record| view.start(self.provider.id, self.anchor, &record));
    }

    /// Reports a change to the live view.
    #[inline]
    pub(super) fn changed(&self) {
        if let Some(key) = self.live_key {
            self.show(key);
        }
    }

    #[cold]
    fn show(&self, key: LiveKey) {
        if let Some(view) = self.view()
            && let Some(record) = self.record()
        {
            view.refresh(key, &record);
        }
    }

    /// Removes the span from the live view, because it ends.
    pub(crate) fn hide(&mut self) {
        if let Some(key) = self.live_key.take()
            && let Some(view) = self.view()
        {
            view.stop(key);
        }
    }

    /// Returns the live view, unless the span started in the parent process and is listed there.
    fn view(&self) -> Option<&dyn LiveObserver> {
        let view = self.provider.live.as_deref();
        view.filter(|_| !self.is_from_parent_process())
    }
}
