//! Records of the `log` crate, printed by env_logger.

use std::collections::BTreeMap;
use std::sync::Mutex;

use env_logger::{Builder, Target, WriteStyle};
use log::kv::{Error, Key, Source, Value, VisitSource};
use log::{Log, Metadata, Record, info};
use tracer_instrument::log::{CorrelatedLogger, TraceFields};

use super::{SPAN_ID, TRACE_ID, Written, in_example_span};

fn printed(write: impl FnOnce(&CorrelatedLogger<env_logger::Logger>)) -> String {
    let written = Written::default();
    let logger = Builder::new()
        .filter_level(log::LevelFilter::Info)
        .write_style(WriteStyle::Never)
        .target(Target::Pipe(Box::new(written.clone())))
        .build();
    log::set_max_level(log::LevelFilter::Trace);
    write(&CorrelatedLogger::new(logger).service_name("orders"));
    written.text()
}

#[test]
fn env_logger_prints_the_ids_after_the_records_own() {
    let _span = in_example_span();
    let line =
        printed(|logger| info!(logger: logger, target: "shop", cents = 1200; "order priced"));
    let expected = format!(
        "order priced cents=1200 service.name=orders trace_id={TRACE_ID} span_id={SPAN_ID} trace_flags=01\n"
    );
    assert!(line.ends_with(&expected), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn outside_of_spans_the_service_stands_alone() {
    let line = printed(|logger| info!(logger: logger, target: "shop", "starting"));
    assert!(line.ends_with("starting service.name=orders\n"), "{line}");
}

#[test]
fn what_the_logger_inside_refuses_is_not_logged() {
    let line = printed(|logger| {
        log::debug!(logger: logger, "too fine");
        assert!(!logger.enabled(&Metadata::builder().level(log::Level::Debug).build()));
        logger.flush();
    });
    assert_eq!(line, "");
}

/// A structured logger: a map of each record's key-values.
#[derive(Default)]
struct Maps(Mutex<Vec<BTreeMap<String, String>>>);

impl Log for Maps {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        struct Collect(BTreeMap<String, String>);
        impl<'kvs> VisitSource<'kvs> for Collect {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
                self.0.insert(key.to_string(), value.to_string());
                Ok(())
            }
        }
        let mut collect = Collect(BTreeMap::new());
        let source = record.key_values();
        source.visit(&mut collect).unwrap();
        // What a logger asks for one by one is what it sees when it visits.
        for (key, value) in &collect.0 {
            let found = source.get(Key::from_str(key)).unwrap();
            assert_eq!(found.to_string(), *value, "{key}");
        }
        collect
            .0
            .insert("count".to_owned(), source.count().to_string());
        self.0.lock().unwrap().push(collect.0);
    }

    fn flush(&self) {}
}

static MAPS: Maps = Maps(Mutex::new(Vec::new()));

#[test]
fn structured_logger_sees_each_id_once_and_ours_win() {
    let _span = in_example_span();
    let logger = CorrelatedLogger::new(&MAPS).service_name("orders");
    log::set_max_level(log::LevelFilter::Trace);
    info!(logger: logger, trace_id = "forged", cents = 1200; "order priced");
    let maps = MAPS.0.lock().unwrap();
    let expected = [
        ("cents", "1200"),
        ("count", "6"),
        ("service.name", "orders"),
        ("span_id", SPAN_ID),
        ("trace_flags", "01"),
        ("trace_id", TRACE_ID),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(*maps, [BTreeMap::from(expected)]);
}

#[test]
fn fields_are_a_source_by_themselves() {
    let _span = in_example_span();
    let fields = TraceFields::current().unwrap();
    assert_eq!(Source::count(&fields), 3);
    let id = fields.get(Key::from_str("trace_id")).unwrap();
    assert_eq!(id.to_borrowed_str(), Some(TRACE_ID));
    assert!(fields.get(Key::from_str("other")).is_none());
}
