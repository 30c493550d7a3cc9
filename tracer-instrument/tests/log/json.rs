//! Lines of JSON, as serde_json reads them.

use std::error::Error;
use std::fmt;

use serde_json::{Value, json};
use tracing::{debug, error, info, trace, warn};

use super::{SPAN_ID, TRACE_ID, assert_is_time, in_example_span, json as logged};

#[test]
fn line_tells_time_severity_service_trace_and_event() {
    let _span = in_example_span();
    let mut line = logged(|| info!(target: "shop", cents = 1200, paid = true, "order {}", 7));
    assert_is_time(line["timestamp"].as_str().unwrap());
    line.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(
        line,
        json!({
            "severity": "INFO",
            "target": "shop",
            "service.name": "orders",
            "trace_id": TRACE_ID,
            "span_id": SPAN_ID,
            "trace_flags": "01",
            "message": "order 7",
            "fields": {"cents": 1200, "paid": true},
        })
    );
}

#[test]
fn outside_of_spans_there_are_no_ids() {
    let line = logged(|| info!("starting"));
    let mut keys: Vec<_> = line.as_object().unwrap().keys().collect();
    keys.sort();
    let expected = ["message", "service.name", "severity", "target", "timestamp"];
    assert_eq!(keys, expected);
}

#[test]
fn severities_have_the_short_names_of_the_log_data_model() {
    let severity = |log: fn()| logged(log)["severity"].clone();
    assert_eq!(severity(|| trace!("")), "TRACE");
    assert_eq!(severity(|| debug!("")), "DEBUG");
    assert_eq!(severity(|| info!("")), "INFO");
    assert_eq!(severity(|| warn!("")), "WARN");
    assert_eq!(severity(|| error!("")), "ERROR");
}

#[test]
fn values_keep_their_types_and_what_json_cannot_say_is_a_string() {
    let line = logged(|| {
        info!(
            int = i64::MIN,
            uint = u64::MAX,
            wide = i128::MIN,
            wider = u128::MAX,
            half = 0.5,
            tiny = f64::MIN_POSITIVE,
            huge = f64::MAX,
            nan = f64::NAN,
            infinite = f64::INFINITY,
            negative = f64::NEG_INFINITY,
            text = "x",
            debug = ?Some("x"),
            display = %'x',
            r#type = "raw",
        );
    });
    assert_eq!(line.get("message"), None);
    assert_eq!(
        line["fields"],
        json!({
            "int": i64::MIN,
            "uint": u64::MAX,
            "wide": "-170141183460469231731687303715884105728",
            "wider": "340282366920938463463374607431768211455",
            "half": 0.5,
            "tiny": f64::MIN_POSITIVE,
            "huge": f64::MAX,
            "nan": "NaN",
            "infinite": "Infinity",
            "negative": "-Infinity",
            "text": "x",
            "debug": "Some(\"x\")",
            "display": "x",
            "type": "raw",
        })
    );
}

#[test]
fn fields_cannot_pose_as_ids() {
    let _span = in_example_span();
    let line = logged(|| {
        info!(
            trace_id = "forged",
            span_id = "forged",
            "\",\"trace_id\":\"forged"
        )
    });
    assert_eq!(line["trace_id"], TRACE_ID);
    assert_eq!(line["span_id"], SPAN_ID);
    assert_eq!(line["message"], "\",\"trace_id\":\"forged");
    assert_eq!(line["fields"]["trace_id"], "forged");
}

#[derive(Debug)]
struct Failed(&'static str, Option<Box<Failed>>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

#[test]
fn errors_tell_their_sources() {
    let error = Failed("not paid", Some(Box::new(Failed("network down", None))));
    let line = logged(|| warn!(error = &error as &dyn Error));
    assert_eq!(line["fields"]["error"], "not paid: network down");
}

#[test]
fn name_of_the_service_is_escaped() {
    let format = tracer_instrument::log::LineFormat::json().service_name("a \"b\"\n");
    let line: Value = super::parse(&super::lines(format, || info!("x")));
    assert_eq!(line["service.name"], "a \"b\"\n");
}
