use super::*;
use crate::env::with_variables;

type Variables<'a> = &'a [(&'a str, &'a str)];

/// What is read with the given variables: protocol, endpoint, headers, compression, timeout in
/// milliseconds; and the variables that were refused.
fn read(variables: Variables<'_>) -> (Protocol, Settings, Vec<&'static str>) {
    let ((protocol, settings), refused) = with_variables(variables, settings);
    for refused in &refused {
        assert!(!refused.reason.contains("s3cret"), "{refused}");
        assert!(refused.reason.is_ascii(), "{refused}");
    }
    let names = refused.iter().map(|refused| refused.variable).collect();
    (protocol, settings, names)
}

#[cfg(feature = "http")]
#[test]
fn defaults_are_the_specifications() {
    let (protocol, settings, refused) = read(&[]);
    assert_eq!(protocol, Protocol::HttpProtobuf);
    assert_eq!(settings.endpoint, "http://localhost:4318/v1/traces");
    assert_eq!(settings.headers, []);
    assert_eq!(settings.compression, Compression::None);
    assert_eq!(settings.timeout, Duration::from_secs(10));
    assert!(refused.is_empty());
}

#[cfg(all(feature = "grpc", feature = "http"))]
#[test]
fn endpoints_follow_precedence_and_protocol() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    const BASE: (&str, &str) = (GENERAL, "http://c:1/base");
    let cases: [(Variables<'_>, &str, &[&str]); 11] = [
        (&[BASE], "http://c:1/base/v1/traces", &[]),
        (&[(GENERAL, "http://c:1#x")], "http://c:1/v1/traces", &[]),
        (&[(TRACES, "http://t:2")], "http://t:2", &[]),
        (&[(TRACES, "http://t:2/x"), BASE], "http://t:2/x", &[]),
        (&[(TRACES, ""), BASE], "http://c:1/base/v1/traces", &[]),
        (&[GRPC], "http://localhost:4317", &[]),
        (&[GRPC, BASE], "http://c:1/base", &[]),
        (&[GRPC, (TRACES, "http://t:2")], "http://t:2", &[]),
        (
            &[(GENERAL, "s3cret:4318")],
            "http://localhost:4318/v1/traces",
            &[GENERAL],
        ),
        (
            &[(TRACES, "http://u:s3cret@h/")],
            "http://localhost:4318/v1/traces",
            &[TRACES],
        ),
        (
            &[(TRACES, "s3cret"), BASE],
            "http://c:1/base/v1/traces",
            &[TRACES],
        ),
    ];
    for (variables, expected, expected_refused) in cases {
        let (_, settings, refused) = read(variables);
        assert_eq!(settings.endpoint, expected, "{variables:?}");
        assert_eq!(refused, expected_refused, "{variables:?}");
    }
}

#[cfg(all(feature = "grpc", feature = "http"))]
#[test]
fn protocols_are_known_by_name() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
    use Protocol::{Grpc, HttpProtobuf};
    let cases: [(Variables<'_>, Protocol, &[&str]); 6] = [
        (&[(GENERAL, "grpc")], Grpc, &[]),
        (&[(GENERAL, "HTTP/Protobuf")], HttpProtobuf, &[]),
        (
            &[(TRACES, "http/protobuf"), (GENERAL, "grpc")],
            HttpProtobuf,
            &[],
        ),
        (&[(TRACES, "http/json"), (GENERAL, "grpc")], Grpc, &[TRACES]),
        (&[(GENERAL, "http/json")], HttpProtobuf, &[GENERAL]),
        (&[(GENERAL, "s3cret")], HttpProtobuf, &[GENERAL]),
    ];
    for (variables, expected, expected_refused) in cases {
        let (protocol, _, refused) = read(variables);
        assert_eq!(protocol, expected, "{variables:?}");
        assert_eq!(refused, expected_refused, "{variables:?}");
    }
}

#[cfg(not(feature = "grpc"))]
#[test]
fn grpc_names_the_missing_feature() {
    let variables = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let (_, refused) = with_variables(&variables, settings);
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].reason.contains("feature `grpc`"),
        "{}",
        refused[0]
    );
}

#[test]
fn headers_are_decoded_and_bad_entries_left_out() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
    type Expected<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [(Variables<'_>, Expected<'_>); 9] = [
        (&[(GENERAL, "a=1,b=2")], (&[("a", "1"), ("b", "2")], &[])),
        (&[(GENERAL, " a = x%20y , ")], (&[("a", "x y")], &[])),
        (
            &[(GENERAL, "authorization=Basic%20dTpw==")],
            (&[("authorization", "Basic dTpw==")], &[]),
        ),
        (&[(GENERAL, "a=1"), (TRACES, "b=2")], (&[("b", "2")], &[])),
        (&[(GENERAL, "a=")], (&[("a", "")], &[])),
        (&[(GENERAL, "s3cret,a=1")], (&[("a", "1")], &[GENERAL])),
        (&[(GENERAL, "a=s3cret%0d%0aX: 1")], (&[], &[GENERAL])),
        (
            &[(GENERAL, "a=%ff,content-length=s3cret")],
            (&[], &[GENERAL]),
        ),
        (&[(GENERAL, "=s3cret,s3cret s3cret=1")], (&[], &[GENERAL])),
    ];
    for (variables, (expected, expected_refused)) in cases {
        let (_, settings, refused) = read(variables);
        let headers: Vec<_> = settings
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(headers, expected, "{variables:?}");
        assert_eq!(refused, expected_refused, "{variables:?}");
    }
}

#[cfg(all(feature = "gzip", feature = "zstd"))]
#[test]
fn compressions_are_known_by_name() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_COMPRESSION";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION";
    let cases: [(Variables<'_>, Compression, &[&str]); 5] = [
        (&[(GENERAL, "gzip")], Compression::Gzip, &[]),
        (&[(GENERAL, "ZSTD")], Compression::Zstd, &[]),
        (
            &[(TRACES, "none"), (GENERAL, "gzip")],
            Compression::None,
            &[],
        ),
        (&[(GENERAL, "deflate")], Compression::None, &[GENERAL]),
        (
            &[(TRACES, "lz4"), (GENERAL, "gzip")],
            Compression::Gzip,
            &[TRACES],
        ),
    ];
    for (variables, expected, expected_refused) in cases {
        let (_, settings, refused) = read(variables);
        assert_eq!(settings.compression, expected, "{variables:?}");
        assert_eq!(refused, expected_refused, "{variables:?}");
    }
}

#[test]
fn timeouts_are_milliseconds() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT";
    let cases: [(Variables<'_>, u64, &[&str]); 8] = [
        (&[(GENERAL, "2500")], 2500, &[]),
        (&[(TRACES, "100"), (GENERAL, "2500")], 100, &[]),
        // configuration/common.md "Timeout": zero is no limit, and there is no upper bound.
        (&[(GENERAL, "0")], 0, &[]),
        (&[(TRACES, "0"), (GENERAL, "2500")], 0, &[]),
        (&[(GENERAL, "99999999999")], 99_999_999_999, &[]),
        (&[(GENERAL, "-5")], 10_000, &[GENERAL]),
        (&[(GENERAL, "10s")], 10_000, &[GENERAL]),
        (&[(TRACES, "x"), (GENERAL, "2500")], 2500, &[TRACES]),
    ];
    for (variables, expected, expected_refused) in cases {
        let (_, settings, refused) = read(variables);
        assert_eq!(
            settings.timeout,
            Duration::from_millis(expected),
            "{variables:?}"
        );
        assert_eq!(refused, expected_refused, "{variables:?}");
    }
}

#[cfg(all(feature = "grpc", feature = "http", feature = "tls"))]
#[test]
fn each_refused_value_says_what_applies_instead() {
    const ABSOLUTE: &str = "endpoint is not an absolute http:// or https:// url";
    const MILLIS: &str = "is not a number of milliseconds from 0 to 18446744073709551615";
    let check = |variables: Variables<'_>, expected: &[String]| {
        let (_, refused) = with_variables(variables, settings);
        let shown: Vec<_> = refused.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{variables:?}");
    };
    let [traces, general] = ENDPOINT;
    check(
        &[(general, "x")],
        &[format!(
            "{general}: {ABSOLUTE}, http://localhost:4318/v1/traces applies"
        )],
    );
    check(
        &[(general, "x"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        &[format!(
            "{general}: {ABSOLUTE}, http://localhost:4317 applies"
        )],
    );
    check(
        &[(traces, "x"), (general, "http://c:1")],
        &[format!("{traces}: {ABSOLUTE}, {general} applies")],
    );
    check(
        &[(traces, "x"), (general, "y")],
        &[
            format!("{general}: {ABSOLUTE}, http://localhost:4318/v1/traces applies"),
            format!("{traces}: {ABSOLUTE}, http://localhost:4318/v1/traces applies"),
        ],
    );
    // A variable that does not apply is not read, so its value is not refused.
    check(&[(traces, "http://c:1"), (general, "y")], &[]);
    let [traces, general] = PROTOCOL;
    check(
        &[(general, "http/json")],
        &[format!(
            "{general}: `http/json` is not built in, `http/protobuf` applies"
        )],
    );
    check(
        &[(traces, "s3cret"), (general, "grpc")],
        &[format!(
            "{traces}: is neither grpc nor http/protobuf, {general} applies"
        )],
    );
    let [traces, general] = COMPRESSION;
    check(
        &[(general, "deflate")],
        &[format!(
            "{general}: is none of gzip, none, zstd, `none` applies"
        )],
    );
    check(
        &[(traces, "deflate"), (general, "none")],
        &[format!(
            "{traces}: is none of gzip, none, zstd, {general} applies"
        )],
    );
    let [traces, general] = TIMEOUT;
    check(
        &[(general, "-1")],
        &[format!("{general}: {MILLIS}, 10000 applies")],
    );
    check(
        &[(traces, "10s"), (general, "0")],
        &[format!("{traces}: {MILLIS}, {general} applies")],
    );
}

#[test]
fn exporter_is_built_whatever_the_variables_say() {
    for value in [
        "",
        "s3cret",
        "http://",
        "\u{fffd}",
        "=,=,;",
        "999999999999999999999",
    ] {
        let variables = [ENDPOINT, PROTOCOL, HEADERS, COMPRESSION, TIMEOUT]
            .as_flattened()
            .iter()
            .map(|name| (*name, value))
            .collect::<Vec<_>>();
        let (exporter, _) = with_variables(&variables, exporter);
        let exporter = exporter
            .expect("no value makes it fail")
            .expect("otlp is built in");
        assert!(!format!("{exporter:?}").contains("s3cret"));
    }
}
