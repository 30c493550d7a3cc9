//! `OTEL_EXPORTER_OTLP_*`.
//!
//! Source: OpenTelemetry specification, protocol/exporter.md. Of each pair the variable for traces
//! wins over the general one.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use tracer_core::SpanExporter;

use crate::{
    env::Env,
    error::ConfigError,
    otlp::{
        Compression, DEFAULT_TIMEOUT,
        endpoint::{Endpoint, traces_url},
        headers::header_map,
        settings::Settings,
    },
};

const ENDPOINT: Pair = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const PROTOCOL: Pair = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
const HEADERS: Pair = [
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
];
const COMPRESSION: Pair = [
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
];
const TIMEOUT: Pair = [
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
];

/// The variable for traces, then the general one.
type Pair = [&'static str; 2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Grpc,
    HttpProtobuf,
}

impl Protocol {
    /// `http/protobuf`, as the specification recommends, where it is built in.
    const DEFAULT: Self = if cfg!(feature = "http") {
        Self::HttpProtobuf
    } else {
        Self::Grpc
    };
}

pub(super) fn exporter(env: &mut Env) -> Result<Option<Box<dyn SpanExporter>>, ConfigError> {
    let (protocol, settings) = settings(env);
    match protocol {
        Protocol::Grpc => grpc(settings).map(Some),
        Protocol::HttpProtobuf => http(settings).map(Some),
    }
}

fn settings(env: &mut Env) -> (Protocol, Settings) {
    let protocol = first(env, PROTOCOL, protocol).unwrap_or(Protocol::DEFAULT);
    let settings = Settings {
        endpoint: endpoint(env, protocol),
        headers: headers(env),
        compression: first(env, COMPRESSION, compression).unwrap_or_default(),
        timeout: timeout(env),
    };
    (protocol, settings)
}

/// The first of the two that is set and not refused.
fn first<T>(env: &mut Env, pair: Pair, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
    pair.into_iter().find_map(|name| env.parse(name, &parse))
}

fn protocol(value: &str) -> Result<Protocol, String> {
    let (protocol, feature) = match value.to_ascii_lowercase().as_str() {
        "grpc" if cfg!(feature = "grpc") => return Ok(Protocol::Grpc),
        "http/protobuf" if cfg!(feature = "http") => return Ok(Protocol::HttpProtobuf),
        "grpc" => ("grpc", "grpc"),
        "http/protobuf" => ("http/protobuf", "http"),
        "http/json" => return Err("`http/json` is not built in, ignored".to_owned()),
        _ => {
            return Err("is neither grpc nor http/protobuf, ignored".to_owned());
        }
    };
    let missing = ConfigError::FeatureMissing { feature };
    Err(format!("`{protocol}`: {missing}, ignored"))
}

/// As it is from the variable for traces; with the path of the signal from the general one, but
/// for gRPC, which has no paths.
fn endpoint(env: &mut Env, protocol: Protocol) -> String {
    let [specific, general] = ENDPOINT;
    let check = |url: &str| match Endpoint::parse(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(error) => Err(format!("{error}, ignored")),
    };
    if let Some(url) = env.parse(specific, check) {
        return url;
    }
    match (env.parse(general, check), protocol) {
        (Some(url), Protocol::Grpc) => url,
        (Some(url), Protocol::HttpProtobuf) => traces_url(&url),
        (None, Protocol::Grpc) => "http://localhost:4317".to_owned(),
        (None, Protocol::HttpProtobuf) => "http://localhost:4318/v1/traces".to_owned(),
    }
}

/// `key=value,key=value`, percent-encoded, as in W3C Baggage without properties. Entries that are
/// refused are left out, the others are kept.
fn headers(env: &mut Env) -> Vec<(String, String)> {
    for variable in HEADERS {
        let Some(list) = env.get(variable) else {
            continue;
        };
        let mut headers = Vec::new();
        let mut refused = Vec::new();
        for (index, entry) in list.split(',').enumerate() {
            match header(entry) {
                Ok(header) => headers.extend(header),
                Err(reason) => refused.push(format!("entry {} {reason}", index + 1)),
            }
        }
        if !refused.is_empty() {
            env.refuse(variable, format_args!("{}, left out", refused.join("; ")));
        }
        return headers;
    }
    Vec::new()
}

fn header(entry: &str) -> Result<Option<(String, String)>, &'static str> {
    if entry.trim().is_empty() {
        return Ok(None);
    }
    let (name, value) = entry.split_once('=').ok_or("has no `=`")?;
    let decode = |text: &str| {
        let text = percent_decode_str(text.trim()).decode_utf8();
        text.map(|text| text.into_owned())
    };
    let name = decode(name).map_err(|_| "has a name that is not utf-8")?;
    let value = decode(value).map_err(|_| "has a value that is not utf-8")?;
    let header = [(name, value)];
    match header_map(&header) {
        Ok(_) => Ok(header.into_iter().next()),
        Err(ConfigError::HeaderReserved { .. }) => Err("is set by the protocol"),
        Err(_) => Err("is not a valid http header"),
    }
}

fn compression(value: &str) -> Result<Compression, String> {
    let compression = match value.to_ascii_lowercase().as_str() {
        "gzip" => Compression::Gzip,
        "none" => Compression::None,
        "zstd" => Compression::Zstd,
        _ => return Err("is none of gzip, none, zstd, ignored".to_owned()),
    };
    compression
        .check()
        .map_err(|error| format!("{error}, ignored"))
}

fn timeout(env: &mut Env) -> Duration {
    let [specific, general] = TIMEOUT;
    let general = env.millis(general, DEFAULT_TIMEOUT);
    env.millis(specific, general)
}

#[cfg(feature = "grpc")]
fn grpc(settings: Settings) -> Result<Box<dyn SpanExporter>, ConfigError> {
    Ok(Box::new(crate::otlp::OtlpGrpcConfig(settings).build()?))
}

#[cfg(not(feature = "grpc"))]
fn grpc(_: Settings) -> Result<Box<dyn SpanExporter>, ConfigError> {
    Err(ConfigError::FeatureMissing { feature: "grpc" })
}

#[cfg(feature = "http")]
fn http(settings: Settings) -> Result<Box<dyn SpanExporter>, ConfigError> {
    Ok(Box::new(crate::otlp::OtlpHttpConfig(settings).build()?))
}

#[cfg(not(feature = "http"))]
fn http(_: Settings) -> Result<Box<dyn SpanExporter>, ConfigError> {
    Err(ConfigError::FeatureMissing { feature: "http" })
}

#[cfg(test)]
mod tests;
