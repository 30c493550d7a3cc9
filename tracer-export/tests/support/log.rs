//! Keeps the log messages of the crates under test for the whole process, because exporters log on
//! threads of their own.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{LazyLock, Mutex},
};

use tracing::{Event, Subscriber, field};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _};

/// One message.
#[derive(Clone, Debug)]
pub struct Line {
    pub message: String,
    /// The other fields as text.
    pub fields: BTreeMap<&'static str, String>,
}

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// Installs the subscriber that keeps messages, unless it is installed.
pub fn start() {
    static STARTED: LazyLock<()> = LazyLock::new(|| {
        let subscriber = tracing_subscriber::registry().with(Keep);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LazyLock::force(&STARTED);
}

/// The messages so far that contain `text` in the message itself or in a field.
pub fn containing(text: &str) -> Vec<Line> {
    let mut lines = LINES.lock().unwrap().clone();
    lines.retain(|line| {
        let mut fields = line.fields.values();
        line.message.contains(text) || fields.any(|value| value.contains(text))
    });
    lines
}

struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("tracer_") {
            let mut line = Line {
                message: String::new(),
                fields: BTreeMap::new(),
            };
            event.record(&mut line);
            LINES.lock().unwrap().push(line);
        }
    }
}

impl field::Visit for Line {
    fn record_debug(&mut self, field: &field::Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "message" => self.message = value,
            name => {
                self.fields.insert(name, value);
            }
        }
    }

    fn record_str(&mut self, field: &field::Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}
