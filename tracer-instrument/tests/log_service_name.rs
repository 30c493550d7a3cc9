//! A log that is set up before tracing gets the service's name once a global provider is set. In a test program of its
//! own, because the provider is global to the process.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use log::kv::Key;
use log::{Log, Metadata, Record};
use opentelemetry_sdk::Resource;
use serde_json::Value;
use tracer_core::{TracerProvider, span};
use tracer_instrument::log::{CorrelatedFormat, CorrelatedLogger, LineFormat};
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Takes what was written since the last call.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Written {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// A logger that keeps the service's name of each record.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<Option<String>>>>);

impl Log for Names {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let key_values = record.key_values();
        let name = key_values.get(Key::from_str("service.name"));
        let mut pairs = 0;
        let mut count = |_: Key<'_>, _: log::kv::Value<'_>| pairs += 1;
        key_values.visit(&mut Visit(&mut count)).unwrap();
        assert_eq!(key_values.count(), pairs);
        self.0
            .lock()
            .unwrap()
            .push(name.map(|name| name.to_string()));
    }

    fn flush(&self) {}
}

struct Visit<'f>(&'f mut dyn FnMut(Key<'_>, log::kv::Value<'_>));

impl<'kvs> log::kv::VisitSource<'kvs> for Visit<'_> {
    fn visit_pair(
        &mut self,
        key: Key<'kvs>,
        value: log::kv::Value<'kvs>,
    ) -> Result<(), log::kv::Error> {
        (self.0)(key, value);
        Ok(())
    }
}

#[test]
fn log_that_is_set_up_before_tracing_gets_the_name_later() {
    let written = Written::default();
    let ours = |lines| -> Dispatch {
        let subscriber = tracing_subscriber::fmt().event_format(lines);
        subscriber.with_writer(written.clone()).finish().into()
    };
    let (json, text) = (ours(LineFormat::json()), ours(LineFormat::text()));
    let given = ours(LineFormat::json().service_name("given"));
    let bare = format().without_time().with_ansi(false);
    let wrapped_json: Dispatch = tracing_subscriber::fmt()
        .json()
        .event_format(CorrelatedFormat::json(bare.clone().json()))
        .with_writer(written.clone())
        .finish()
        .into();
    let wrapped_text: Dispatch = tracing_subscriber::fmt()
        .event_format(CorrelatedFormat::text(bare))
        .with_writer(written.clone())
        .finish()
        .into();
    let names = Names::default();
    let logger = CorrelatedLogger::new(names.clone());
    let line = |dispatch: &Dispatch| {
        with_default(dispatch, || tracing::info!(target: "shop", "priced"));
        written.take()
    };
    let object = |dispatch: &Dispatch| -> Value { serde_json::from_str(&line(dispatch)).unwrap() };
    let record = || logger.log(&Record::builder().args(format_args!("priced")).build());

    for dispatch in [&json, &wrapped_json] {
        assert_eq!(object(dispatch).get("service.name"), None);
    }
    assert_eq!(object(&given)["service.name"], "given");
    let plain = line(&text);
    let (_, after_time) = plain.split_once(' ').unwrap();
    assert_eq!(after_time, "INFO shop: priced\n");
    assert_eq!(line(&wrapped_text), " INFO shop: priced\n");
    record();

    let resource = Resource::builder_empty()
        .with_service_name("orders")
        .build();
    let provider = TracerProvider::builder()
        .resource(resource)
        .build()
        .unwrap();
    provider.set_global();

    for dispatch in [&json, &wrapped_json] {
        for _ in 0..2 {
            assert_eq!(object(dispatch)["service.name"], "orders");
        }
        let _span = span!("order");
        let line = object(dispatch);
        assert_eq!(line["service.name"], "orders");
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32, "{line}");
    }
    assert_eq!(object(&given)["service.name"], "given");
    assert!(line(&text).ends_with(" INFO service.name=orders shop: priced\n"));
    assert_eq!(
        line(&wrapped_text),
        "service.name=orders  INFO shop: priced\n"
    );
    record();
    let names = names.0.lock().unwrap().clone();
    assert_eq!(names, [None, Some("orders".to_owned())]);
}
