//! A subscriber that keeps the log messages of the crates under test.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use tracing::{Event, Level, Metadata, Subscriber, field, span};

/// A log message.
#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub message: String,
    /// The other fields as text.
    pub fields: BTreeMap<&'static str, String>,
}

/// A subscriber that keeps the messages. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    /// Returns an empty log that is the subscriber of this process. The test runs in a process of
    /// its own, because a process has one subscriber.
    pub fn install() -> Self {
        let log = Self::default();
        tracing::subscriber::set_global_default(log.clone()).expect("no subscriber before");
        log
    }

    /// Returns the messages so far.
    pub fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap().clone()
    }

    /// Forgets the messages so far.
    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Returns the lines whose message contains `text`.
    pub fn containing(&self, text: &str) -> Vec<Line> {
        let mut lines = self.lines();
        lines.retain(|line| line.message.contains(text));
        lines
    }
}

impl field::Visit for Line {
    fn record_debug(&mut self, field: &field::Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields.insert(field.name(), format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &field::Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tracer_")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            level: *event.metadata().level(),
            message: String::new(),
            fields: BTreeMap::new(),
        };
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }
}
