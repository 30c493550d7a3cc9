//! Tests of configurations that are refused, and of the errors.

use std::error::Error as _;

use tracer_sampling::tail::{ConfigError, TailSamplingConfig};

use crate::support::{ALWAYS, Span, config};

/// Builds a sampler with one policy. `policy` is its text without the name.
fn build(policy: &str) -> Result<(), ConfigError> {
    let policy = format!(r#"{{"name": "p", {policy}}}"#);
    config("", &policy).build::<Span>().map(drop)
}

#[track_caller]
fn check(policy: &str, expected: &str) {
    let found = build(policy).map_err(|error| error.to_string());
    assert_eq!(found, Err(expected.to_owned()), "{policy}");
}

#[test]
fn lists_and_keys_must_not_be_empty() {
    for (policy_type, section, field) in [
        ("and", r#""and_sub_policy": []"#, "and_sub_policy"),
        ("drop", r#""drop_sub_policy": []"#, "drop_sub_policy"),
        ("boolean_attribute", r#""key": """#, "key"),
        ("numeric_attribute", r#""key": "", "min_value": 1"#, "key"),
        ("numeric_attribute", r#""key": "k""#, "min_value"),
        ("string_attribute", r#""key": "", "values": ["v"]"#, "key"),
        ("string_attribute", r#""key": "k", "values": []"#, "values"),
        (
            "string_attribute",
            r#""key": "k", "values": [], "enabled_regex_matching": true"#,
            "values",
        ),
        ("trace_state", r#""key": "", "values": ["v"]"#, "key"),
        ("trace_state", r#""key": "k", "values": []"#, "values"),
        ("status_code", r#""status_codes": []"#, "status_codes"),
        ("critical_service", r#""services": []"#, "services"),
        (
            "composite",
            r#""max_total_spans_per_second": 1, "composite_sub_policy": []"#,
            "composite_sub_policy",
        ),
    ] {
        check(
            &format!(r#""type": "{policy_type}", "{policy_type}": {{{section}}}"#),
            &format!("`{field}` of policy `p` is empty"),
        );
    }
}

#[test]
fn numbers_must_be_in_range() {
    let composite = |settings: &str| format!(r#""composite_sub_policy": [{ALWAYS}], {settings}"#);
    for (policy_type, section, field) in [
        (
            "rate_limiting",
            r#""spans_per_second": 0"#,
            "spans_per_second",
        ),
        (
            "bytes_limiting",
            r#""bytes_per_second": 0"#,
            "bytes_per_second",
        ),
        (
            "rare_operation",
            r#""traces_per_minute": 0"#,
            "traces_per_minute",
        ),
        (
            "slower_than_p99",
            r#""min_observations": 0"#,
            "min_observations",
        ),
        (
            "slower_than_p99",
            r#""max_operations": 0"#,
            "max_operations",
        ),
        (
            "composite",
            &composite(r#""max_total_spans_per_second": 0"#),
            "max_total_spans_per_second",
        ),
        (
            "composite",
            &composite(
                r#""max_total_spans_per_second": 9,
                    "rate_allocation": [{"policy": "always", "percent": 101}]"#,
            ),
            "percent",
        ),
    ] {
        check(
            &format!(r#""type": "{policy_type}", "{policy_type}": {{{section}}}"#),
            &format!("`{field}` of policy `p` is out of range"),
        );
    }
}

#[test]
fn percentage_must_be_a_number() {
    for percentage in [f64::NAN, f64::INFINITY] {
        let mut probabilistic = tracer_sampling::tail::ProbabilisticConfig::default();
        probabilistic.sampling_percentage = percentage;
        let mut config = TailSamplingConfig::default();
        let kind = tracer_sampling::tail::PolicyKind::Probabilistic(probabilistic);
        config.policies = vec![tracer_sampling::tail::PolicyConfig::new("p", kind)];
        let expected = ConfigError::NumberOutOfRange {
            policy: "p".to_owned(),
            field: "sampling_percentage",
        };
        assert_eq!(config.build::<Span>().unwrap_err(), expected);
    }
}

#[test]
fn bounds_must_be_in_order() {
    for (policy_type, reversed, in_order) in [
        (
            "latency",
            r#""threshold_ms": 5, "upper_threshold_ms": 5"#,
            r#""threshold_ms": 5, "upper_threshold_ms": 6"#,
        ),
        (
            "numeric_attribute",
            r#""key": "k", "min_value": 2, "max_value": 1"#,
            r#""key": "k", "min_value": 1, "max_value": 1"#,
        ),
        (
            "span_count",
            r#""min_spans": 3, "max_spans": 2"#,
            r#""min_spans": 2, "max_spans": 2"#,
        ),
    ] {
        let policy =
            |section| format!(r#""type": "{policy_type}", "{policy_type}": {{{section}}}"#);
        check(&policy(reversed), "the bounds of policy `p` are reversed");
        assert_eq!(build(&policy(in_order)), Ok(()));
    }
}

#[test]
fn composite_refers_to_its_own_policies_only() {
    for (settings, field, name) in [
        (r#""policy_order": ["other"]"#, "policy_order", "other"),
        (
            r#""policy_order": ["always", "always"]"#,
            "policy_order",
            "always",
        ),
        (
            r#""rate_allocation": [{"policy": "other"}]"#,
            "rate_allocation",
            "other",
        ),
        (
            r#""rate_allocation": [{"policy": "always"}, {"policy": "always"}]"#,
            "rate_allocation",
            "always",
        ),
    ] {
        check(
            &format!(
                r#""type": "composite", "composite": {{"max_total_spans_per_second": 9,
                    "composite_sub_policy": [{ALWAYS}], {settings}}}"#
            ),
            &format!(
                "`{field}` of policy `p` names `{name}`, \
                 which is not one of its policies or is repeated"
            ),
        );
    }
}

#[test]
fn drop_and_composite_are_allowed_at_the_top_level_only() {
    let drop =
        format!(r#"{{"name": "d", "type": "drop", "drop": {{"drop_sub_policy": [{ALWAYS}]}}}}"#);
    let composite = format!(
        r#"{{"name": "c", "type": "composite", "composite":
            {{"max_total_spans_per_second": 9, "composite_sub_policy": [{ALWAYS}]}}}}"#
    );
    for (inner, name, inner_type) in [(&drop, "d", "drop"), (&composite, "c", "composite")] {
        for outer in [
            format!(r#""type": "and", "and": {{"and_sub_policy": [{inner}]}}"#),
            format!(r#""type": "drop", "drop": {{"drop_sub_policy": [{inner}]}}"#),
            format!(r#""type": "not", "not": {{"not_sub_policy": {inner}}}"#),
            format!(
                r#""type": "composite", "composite": {{"max_total_spans_per_second": 9,
                    "composite_sub_policy": [{inner}]}}"#
            ),
        ] {
            check(
                &outer,
                &format!(
                    "policy `{name}` of type `{inner_type}` cannot be inside of another policy"
                ),
            );
        }
    }
}

#[test]
fn patterns_must_compile_and_the_source_says_why_not() {
    let error = build(
        r#""type": "string_attribute", "string_attribute":
            {"key": "k", "values": ["a", "(", "["], "enabled_regex_matching": true}"#,
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "pattern 1 of policy `p` is invalid");
    let source = error.source().unwrap().to_string();
    assert!(source.contains("unclosed"), "{source}");
    let huge = build(
        r#""type": "string_attribute", "string_attribute":
            {"key": "k", "values": ["((a{1000}){1000}){1000}"], "enabled_regex_matching": true}"#,
    );
    assert!(matches!(
        huge,
        Err(ConfigError::PatternInvalid { index: 0, .. })
    ));
}

#[test]
fn policies_need_names_that_differ() {
    let error = |policies: &str| config("", policies).build::<Span>().unwrap_err();
    assert_eq!(error(""), ConfigError::NoPolicies);
    let unnamed = format!(r#"{ALWAYS}, {{"type": "always_sample"}}"#);
    assert_eq!(error(&unnamed), ConfigError::NameMissing { index: 1 });
    let policy = "always".to_owned();
    assert_eq!(
        error(&[ALWAYS, ALWAYS].join(",")),
        ConfigError::NameRepeated { policy }
    );
}

#[test]
fn policies_that_are_not_built_in_must_be_created_by_the_caller() {
    check(
        r#""type": "ottl_condition", "ottl_condition": {"span": ["true"]}"#,
        "policy `p` of type `ottl_condition` is not built in",
    );
    check(
        r#""type": "not", "not": {"not_sub_policy":
            {"name": "inner", "type": "custom", "custom": {"id": "x"}}}"#,
        "policy `inner` of type `custom` is not built in",
    );
}

#[test]
fn number_of_traces_must_be_in_range() {
    for num_traces in [0, (1 << 31) + 1] {
        let settings = format!(r#""num_traces": {num_traces}"#);
        let error = config(&settings, ALWAYS).build::<Span>().unwrap_err();
        assert_eq!(error, ConfigError::NumTracesOutOfRange { num_traces });
    }
}
