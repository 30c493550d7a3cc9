//! Fields and events.

use std::{collections::BTreeMap, fmt, io};

use opentelemetry::{Array, Value, trace::Status};
use tracing::{Level, debug, error, event, info, info_span, warn};

use super::support::{Ours, map, ours, peer, same, same_with, told};

#[test]
fn fields_of_all_kinds_are_what_the_peer_makes_of_them() {
    let told = same(|| {
        let span = info_span!(
            "work",
            bool = true,
            int = -5_i64,
            short = 7_i32,
            double = 0.5,
            text = "text",
            owned = String::from("owned"),
            display = %"shown",
            debug = ?Some("text"),
            late = tracing::field::Empty,
            never = tracing::field::Empty,
            dotted.name = "dotted",
        );
        span.record("late", 9_i64);
        // Again: the last value counts, in both.
        span.record("text", "newer");
    });
    assert_eq!(told[0].attributes["late"], Value::I64(9));
    assert_eq!(told[0].attributes["debug"], Value::from("Some(\"text\")"));
    assert_eq!(told[0].attributes.len(), 10);
}

/// The peer makes text of every number without a sign, so that a status code cannot be compared.
#[test]
fn numbers_without_sign_are_numbers() {
    let work = || {
        drop(info_span!(
            "work",
            status = 500_u16,
            most = u64::MAX,
            wide = 5_u128,
            widest = i128::MIN
        ));
    };
    let expected = |status: Value, wide: Value| {
        BTreeMap::from([
            ("status".to_owned(), status),
            ("most".to_owned(), u64::MAX.to_string().into()),
            ("wide".to_owned(), wide),
            ("widest".to_owned(), i128::MIN.to_string().into()),
        ])
    };
    assert_eq!(
        map(&ours(work)[0].attributes),
        expected(500.into(), 5.into())
    );
    let peer = peer(|layer| layer, work);
    assert_eq!(map(&peer[0].attributes), expected("500".into(), "5".into()));
}

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn failing() {
    let error = Outer(io::Error::other("inner"));
    let error: &(dyn std::error::Error + 'static) = &error;
    let _span = info_span!("work", cause = error).entered();
    error!(error, "it failed");
    error!(other = error);
}

#[test]
fn error_values_are_exceptions_with_their_sources() {
    let told = same(failing);
    let chain = Value::Array(Array::String(vec!["inner".into()]));
    assert_eq!(told[0].attributes["cause.chain"], chain);
    assert_eq!(told[0].attributes["exception.stacktrace"], chain);
    assert_eq!(told[0].attributes["exception.message"], "outer".into());
    assert_eq!(told[0].events[0].0, "it failed");
    assert_eq!(told[0].events[0].1["exception.message"], "outer".into());
}

#[test]
fn each_mapping_of_errors_can_be_turned_off_as_in_the_peer() {
    let work = || {
        failing();
        returns_an_error();
    };
    macro_rules! off {
        ($($option:ident)+) => {
            same_with(|layer| layer$(.$option(false))+, |layer| layer$(.$option(false))+, work)
        };
    }
    off!(with_error_fields_to_exceptions);
    off!(with_error_records_to_exceptions);
    off!(with_error_events_to_exceptions);
    let told = off!(with_error_events_to_status);
    assert_eq!(told[1].status, Status::error(""));
    off!(with_error_fields_to_exceptions with_error_records_to_exceptions
        with_error_events_to_exceptions with_error_events_to_status);
}

fn returns_an_error() {
    #[tracing::instrument(err)]
    fn fails(input: &str) -> Result<u8, std::num::ParseIntError> {
        input.parse()
    }
    assert!(fails("x").is_err());
}

#[test]
fn error_that_a_function_returns_is_an_exception_and_the_status() {
    let told = same(returns_an_error);
    let description = "invalid digit found in string";
    assert_eq!(told[0].status, Status::error(description));
    assert_eq!(told[0].events[0].0, "exception");
    assert_eq!(told[0].events[0].1["exception.message"], description.into());
    assert_eq!(told[0].attributes["input"], "x".into());
}

#[test]
fn events_have_level_target_message_and_fields() {
    let told = same(|| {
        // Outside of a span: nowhere.
        info!("lost");
        let span = info_span!("work").entered();
        info!(key = "order", count = 3_i64, "cache {}", "miss");
        debug!(target: "elsewhere", flag = true);
        warn!(parent: &span, "explicit");
        event!(parent: None, Level::INFO, "nowhere");
        {
            let _inner = info_span!("inner").entered();
            event!(parent: &span, Level::INFO, "to the outer one");
            info!("to the inner one");
        }
    });
    let outer = &told[1];
    let names: Vec<_> = outer.events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[0], "cache miss");
    assert!(names[1].starts_with("event "), "{names:?}");
    assert_eq!(names[2..], ["explicit", "to the outer one"]);
    assert_eq!(outer.events[0].1["level"], "INFO".into());
    assert_eq!(outer.events[1].1["target"], "elsewhere".into());
}

#[test]
fn error_events_set_a_status_and_leave_one_that_says_more() {
    let told = same(|| {
        {
            let _plain = info_span!("plain").entered();
            warn!("not yet");
            error!("now");
        }
        {
            let _described = info_span!("described", otel.status_description = "broken").entered();
            error!("again");
        }
        let _ok = info_span!("ok", otel.status_code = "ok").entered();
        error!("handled");
    });
    let status: Vec<_> = told.into_iter().map(|span| span.status).collect();
    assert_eq!(
        status,
        [Status::error(""), Status::error("broken"), Status::Ok]
    );
}

#[test]
fn many_fields_of_an_event_all_arrive() {
    let told = same(|| {
        let _span = info_span!("work").entered();
        info!(
            a = 1,
            b = 1,
            c = 1,
            d = 1,
            e = 1,
            f = 1,
            g = 1,
            h = 1,
            i = 1,
            j = 1,
            k = 1,
            l = 1,
            m = 1,
            n = 1,
            o = 1,
            p = 1,
            q = 1,
            r = "last",
            "many"
        );
    });
    assert_eq!(told[0].events[0].1.len(), 20);
}

#[test]
fn place_level_target_and_thread_are_recorded_on_request_as_by_the_peer() {
    let work = || {
        let _span = info_span!("work").entered();
        info!("event");
    };
    let told = same_with(
        |layer| {
            layer
                .with_location(true)
                .with_level(true)
                .with_target(true)
                .with_threads(true)
        },
        |layer| {
            layer
                .with_location(true)
                .with_level(true)
                .with_target(true)
                .with_threads(true)
        },
        work,
    );
    let keys: Vec<_> = told[0].attributes.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "code.file.path",
            "code.line.number",
            "code.module.name",
            "level",
            "target",
            "thread.id",
            "thread.name"
        ]
    );
    assert_eq!(told[0].events[0].1.len(), 5);
    let bare = self::told(&ours(work));
    assert_eq!(bare[0].attributes, BTreeMap::new());
}

#[test]
fn time_in_and_out_of_a_span_adds_up_to_its_duration() {
    let ours = Ours::new();
    ours.run_with(
        |layer| layer.with_tracked_inactivity(true),
        || {
            let span = info_span!("work");
            let spin = || {
                let since = std::time::Instant::now();
                while since.elapsed().as_millis() < 5 {}
            };
            for _ in 0..2 {
                spin();
                // Entered twice at once: counted once.
                span.in_scope(|| span.in_scope(spin));
            }
        },
    );
    let span = ours.span("work");
    let nanos = |key: &str| match map(&span.attributes)[key] {
        Value::I64(nanos) => nanos as u128,
        ref other => panic!("{other:?}"),
    };
    let took = span.end_time.duration_since(span.start_time);
    let took = took.expect("in order").as_nanos();
    assert!(nanos("busy_ns") >= 10_000_000 && nanos("idle_ns") >= 10_000_000);
    let sum = nanos("busy_ns") + nanos("idle_ns");
    // Two clocks, read one after the other; a busy machine may stop this thread in between.
    assert!(
        sum <= took + 5_000_000 && took <= sum + 5_000_000,
        "{sum} {took}"
    );
}

#[test]
fn records_of_the_log_crate_are_events_of_their_place() {
    use tracing_log::log;
    let record = || {
        let _span = info_span!("work").entered();
        let record = log::Record::builder()
            .args(format_args!("from log"))
            .level(log::Level::Warn)
            .target("a::library")
            .module_path(Some("a::library"))
            .file(Some("library.rs"))
            .line(Some(3))
            .build();
        tracing_log::format_trace(&record).expect("no error");
    };
    let ours = Ours::new();
    ours.run_with(|layer| layer.with_location(true), record);
    let told = self::told(&ours.spans());
    let (name, attributes) = &told[0].events[0];
    assert_eq!(name, "from log");
    assert_eq!(attributes["target"], "a::library".into());
    assert_eq!(attributes["level"], "WARN".into());
    assert_eq!(attributes["code.file.path"], "library.rs".into());
    assert_eq!(attributes.len(), 5);
}
