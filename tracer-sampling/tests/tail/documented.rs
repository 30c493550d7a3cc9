//! Tests of the configurations that the Collector documents, as JSON.
//!
//! Source: README and `testdata/tail_sampling_config.yaml` of `processor/tailsamplingprocessor` in
//! opentelemetry-collector-contrib.

use std::time::Duration;

use tracer_sampling::tail::{
    BufferedTrace, ErrorMode, Policy, PolicyKind, TailSamplingConfig, Verdict,
};

use crate::support::{Span, Value, config, seconds, span};

/// The first example: each type of policy once.
const REFERENCE: &str = r#"{
    "decision_wait": "10s",
    "num_traces": 100,
    "expected_new_traces_per_sec": 10,
    "decision_cache": {"sampled_cache_size": 100000, "non_sampled_cache_size": 100000},
    "policies": [
        {"name": "test-policy-1", "type": "always_sample"},
        {"name": "test-policy-2", "type": "latency",
            "latency": {"threshold_ms": 5000, "upper_threshold_ms": 10000}},
        {"name": "test-policy-3", "type": "numeric_attribute",
            "numeric_attribute": {"key": "key1", "min_value": 50, "max_value": 100}},
        {"name": "test-policy-4", "type": "probabilistic",
            "probabilistic": {"sampling_percentage": 10}},
        {"name": "test-policy-5", "type": "status_code",
            "status_code": {"status_codes": ["ERROR", "UNSET"]}},
        {"name": "test-policy-6", "type": "string_attribute",
            "string_attribute": {"key": "key2", "values": ["value1", "value2"]}},
        {"name": "test-policy-7", "type": "string_attribute",
            "string_attribute": {"key": "key2", "values": ["value1", "val*"],
                "enabled_regex_matching": true, "cache_max_size": 10}},
        {"name": "test-policy-8", "type": "rate_limiting",
            "rate_limiting": {"spans_per_second": 35}},
        {"name": "test-policy-9", "type": "bytes_limiting",
            "bytes_limiting": {"bytes_per_second": 1024000, "burst_capacity": 2048000}},
        {"name": "test-policy-10", "type": "span_count",
            "span_count": {"min_spans": 2, "max_spans": 20}},
        {"name": "test-policy-11", "type": "trace_state",
            "trace_state": {"key": "key3", "values": ["value1", "value2"]}},
        {"name": "test-policy-12", "type": "boolean_attribute",
            "boolean_attribute": {"key": "key4", "value": true}},
        {"name": "test-policy-13", "type": "ottl_condition",
            "ottl_condition": {"error_mode": "ignore",
                "span": ["attributes[\"test_attr_key_1\"] == \"test_attr_val_1\""],
                "spanevent": ["name != \"test_span_event_name\""]}},
        {"name": "and-policy-1", "type": "and", "and": {"and_sub_policy": [
            {"name": "test-and-policy-1", "type": "numeric_attribute",
                "numeric_attribute": {"key": "key1", "min_value": 50, "max_value": 100}},
            {"name": "test-and-policy-2", "type": "string_attribute",
                "string_attribute": {"key": "key2", "values": ["value1", "value2"]}}
        ]}},
        {"name": "drop-policy-1", "type": "drop", "drop": {"drop_sub_policy": [
            {"name": "test-drop-policy-1", "type": "string_attribute",
                "string_attribute": {"key": "url.path", "values": ["\\/health", "\\/metrics"],
                    "enabled_regex_matching": true}}
        ]}},
        {"name": "composite-policy-1", "type": "composite", "composite": {
            "max_total_spans_per_second": 1000,
            "policy_order":
                ["test-composite-policy-1", "test-composite-policy-2", "test-composite-policy-3"],
            "composite_sub_policy": [
                {"name": "test-composite-policy-1", "type": "numeric_attribute",
                    "numeric_attribute": {"key": "key1", "min_value": 50}},
                {"name": "test-composite-policy-2", "type": "string_attribute",
                    "string_attribute": {"key": "key2", "values": ["value1", "value2"]}},
                {"name": "test-composite-policy-3", "type": "always_sample"}
            ],
            "rate_allocation": [
                {"policy": "test-composite-policy-1", "percent": 50},
                {"policy": "test-composite-policy-2", "percent": 25}
            ]
        }}
    ]
}"#;

struct Never;

impl Policy<Span> for Never {
    fn evaluate(&mut self, _: u64, _: &BufferedTrace<'_, Span>) -> Verdict {
        Verdict::NotSampled
    }
}

#[test]
fn reference_example_is_read_and_built() {
    let config: TailSamplingConfig = serde_json::from_str(REFERENCE).unwrap();
    assert_eq!(config.decision_wait, Duration::from_secs(10));
    assert_eq!(config.decision_cache.non_sampled_cache_size, 100_000);
    assert_eq!(config.policies.len(), 16);
    let PolicyKind::OttlCondition(ottl) = &config.policies[12].kind else {
        panic!("policy 13");
    };
    assert_eq!(ottl.error_mode, Some(ErrorMode::Ignore));
    let sampler = config.build_with::<Span>(|_| Some(Box::new(Never)));
    assert_eq!(sampler.unwrap().policy_stats().count(), 16);
}

#[test]
fn drop_of_the_reference_example_wins() {
    let config: TailSamplingConfig = serde_json::from_str(REFERENCE).unwrap();
    for (path, sampled) in [("/health", false), ("/v1/metrics", false), ("/pay", true)] {
        let mut sampler = config
            .build_with::<Span>(|_| Some(Box::new(Never)))
            .unwrap();
        sampler.add(seconds(0), attribute(span(1), "url.path", text(path)));
        let trace = sampler.shutdown(seconds(0)).next().unwrap();
        assert_eq!(trace.decision.is_sampled(), sampled, "{path}");
    }
}

fn attribute(mut span: Span, key: &str, value: Value) -> Span {
    span.attributes.push((key.to_owned(), value));
    span
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The practical example. The section of rule 7 has the name of its type, unlike in the original.
const PRACTICAL: &str = r#"
    {"name": "backwards-compatibility-policy", "type": "and", "and": {"and_sub_policy": [
        {"name": "services-using-tail_sampling-policy", "type": "string_attribute",
            "string_attribute": {"key": "service.name", "invert_match": true,
                "values": ["service-1", "service-2", "service-3"]}},
        {"name": "sample-all-policy", "type": "always_sample"}]}},
    {"name": "team_a-probe", "type": "and", "and": {"and_sub_policy": [
        {"name": "service-name-policy", "type": "string_attribute",
            "string_attribute":
                {"key": "service.name", "values": ["service-1", "service-2", "service-3"]}},
        {"name": "route-live-ready-policy", "type": "string_attribute",
            "string_attribute": {"key": "http.route", "values": ["/live", "/ready"],
                "enabled_regex_matching": true}},
        {"name": "probabilistic-policy", "type": "probabilistic",
            "probabilistic": {"sampling_percentage": 0.1}}]}},
    {"name": "team_a-noisy-endpoint-1", "type": "and", "and": {"and_sub_policy": [
        {"name": "service-name-policy", "type": "string_attribute",
            "string_attribute": {"key": "service.name", "values": ["service-1"]}},
        {"name": "route-name-policy", "type": "string_attribute",
            "string_attribute": {"key": "http.route", "values": ["/v1/name/.+"],
                "enabled_regex_matching": true}},
        {"name": "probabilistic-policy", "type": "probabilistic",
            "probabilistic": {"sampling_percentage": 1}}]}},
    {"name": "team_a-service-1", "type": "and", "and": {"and_sub_policy": [
        {"name": "service-name-policy", "type": "string_attribute",
            "string_attribute": {"key": "service.name", "values": ["service-1"]}},
        {"name": "route-name-policy", "type": "string_attribute",
            "string_attribute": {"key": "http.route", "values": ["/v1/name/.+"],
                "enabled_regex_matching": true, "invert_match": true}},
        {"name": "probabilistic-policy", "type": "probabilistic",
            "probabilistic": {"sampling_percentage": 100}}]}},
    {"name": "team_a-status-policy", "type": "and", "and": {"and_sub_policy": [
        {"name": "service-name-policy", "type": "string_attribute",
            "string_attribute":
                {"key": "service.name", "values": ["service-1", "service-2", "service-3"]}},
        {"name": "trace-status-policy", "type": "status_code",
            "status_code": {"status_codes": ["ERROR"]}}]}},
    {"name": "team_a-force-sample", "type": "boolean_attribute",
        "boolean_attribute": {"key": "app.force_sample", "value": true}},
    {"name": "do-not-sample", "type": "drop", "drop": {"drop_sub_policy": [
        {"name": "team_a-do-not-sample", "type": "boolean_attribute",
            "boolean_attribute": {"key": "app.do_not_sample", "value": true}}]}}"#;

#[test]
fn practical_example_follows_its_documented_rules() {
    let error = |mut span: Span| {
        span.status = tracer_sampling::tail::StatusCode::Error;
        span
    };
    let with = |service: &str, route: &str| {
        let mut span = attribute(span(1), "http.route", text(route));
        span.service = service.to_owned();
        span
    };
    let flag = |span, key| attribute(span, key, Value::Bool(true));
    for (rule, span, sampled) in [
        ("1", with("other", "/x"), true),
        ("2", with("service-2", "/live"), false),
        ("3", with("service-1", "/v1/name/bob"), false),
        ("4", with("service-1", "/v1/names"), true),
        ("5", error(with("service-2", "/x")), true),
        ("none", with("service-2", "/x"), false),
        ("6", flag(with("service-2", "/x"), "app.force_sample"), true),
        ("7", flag(with("other", "/x"), "app.do_not_sample"), false),
    ] {
        let mut sampler = config("", PRACTICAL).build().unwrap();
        sampler.add(seconds(0), span);
        let trace = sampler.shutdown(seconds(0)).next().unwrap();
        assert_eq!(trace.decision.is_sampled(), sampled, "rule {rule}");
    }
}

/// The Collector ignores this section, so its rule 7 does not apply the documented value. This
/// crate refuses the configuration.
#[test]
fn section_under_the_name_of_another_type_is_refused() {
    let text = PRACTICAL.replace(
        r#""boolean_attribute": {"key": "app.do_not_sample", "value": true}"#,
        r#""string_attribute": {"key": "app.do_not_sample", "values": ["true"]}"#,
    );
    assert_ne!(text, PRACTICAL);
    let text = format!(r#"{{"policies": [{text}]}}"#);
    let error = serde_json::from_str::<TailSamplingConfig>(&text).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("needs the section `boolean_attribute`"),
        "{error}"
    );
}

/// The other documented forms: `volume-control`, and the forms in the test data that differ.
#[test]
fn other_examples_are_read_and_built() {
    let policies = r#"
        {"name": "volume-control", "type": "bytes_limiting",
            "bytes_limiting": {"bytes_per_second": 1048576, "burst_capacity": 5242880}},
        {"name": "test-policy-2", "type": "latency", "latency": {"threshold_ms": 5000}},
        {"name": "test-policy-4", "type": "probabilistic",
            "probabilistic": {"hash_salt": "custom-salt", "sampling_percentage": 0.1}},
        {"name": "test-policy-8", "type": "span_count", "span_count": {"min_spans": 2}},
        {"name": "flags", "type": "trace_flags"},
        {"name": "not-policy", "type": "not", "not": {"not_sub_policy":
            {"name": "inner", "type": "latency", "latency": {"threshold_ms": 100}}}}"#;
    let settings = r#""decision_wait_after_root_received": "5s", "sample_on_first_match": true,
        "drop_pending_traces_on_shutdown": true, "maximum_trace_size_bytes": 1048576,
        "block_on_overflow": false"#;
    assert!(config(settings, policies).build::<Span>().is_ok());
}
