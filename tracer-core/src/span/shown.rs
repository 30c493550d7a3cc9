//! A recording span in a live view.

use super::recording::Recording;
use crate::live::{LiveView, Watch};

impl Recording {
    /// Lists the span in a live view.
    pub(crate) fn show_in(&mut self, view: &LiveView) {
        self.hide();
        self.watch = view.start(self);
    }

    /// Lets a live view see what has changed.
    #[inline]
    pub(super) fn changed(&self) {
        if let Some(watch) = self.watch {
            self.show(watch);
        }
    }

    #[cold]
    fn show(&self, watch: Watch) {
        if let Some(view) = self.view()
            && let Some(record) = self.record()
        {
            view.refresh(watch, &record);
        }
    }

    /// Takes the span from the live view: it ends.
    pub(crate) fn hide(&mut self) {
        if let Some(watch) = self.watch.take()
            && let Some(view) = self.view()
        {
            view.stop(watch);
        }
    }

    /// The view that may list it. Those of the parent process list nothing here.
    fn view(&self) -> Option<&LiveView> {
        let view = self.shared.live.as_ref();
        view.filter(|_| !self.is_the_parents())
    }
}
