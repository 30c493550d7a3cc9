//! `OTEL_EXPORTER_OTLP_*`.
//!
//! Source: OpenTelemetry specification, protocol/exporter.md. Of each pair the variable for traces
//! wins over the general one.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use tracer_core::{SpanExporter, env::parse_millis};

use crate::{
    env::{Env, proxy},
    error::ConfigError,
    otlp::{Compression, DEFAULT_TIMEOUT, headers::header_map, settings::Settings},
    transport::{
        Protocol,
        endpoint::{Endpoint, traces_url},
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

impl Protocol {
    /// `http/protobuf`, as the specification recommends, where it is built in.
    const DEFAULT: Self = if cfg!(feature = "http") {
        Self::HttpProtobuf
    } else {
        Self::Grpc
    };

    const DEFAULT_NAME: &str = match Self::DEFAULT {
        Self::Grpc => "`grpc`",
        Self::HttpProtobuf => "`http/protobuf`",
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
    let protocol = match first(env, PROTOCOL, Protocol::DEFAULT_NAME, protocol) {
        Some((protocol, _)) => protocol,
        None => Protocol::DEFAULT,
    };
    let settings = Settings {
        endpoint: endpoint(env, protocol),
        headers: headers(env),
        compression: match first(env, COMPRESSION, "`none`", compression) {
            Some((compression, _)) => compression,
            None => Compression::None,
        },
        timeout: timeout(env),
    };
    if let Ok(endpoint) = Endpoint::parse(&settings.endpoint) {
        proxy::refuse(env, &endpoint, protocol == Protocol::Grpc);
    }
    (protocol, settings)
}

/// Returns the value and the name of the first of the two variables that is set and not refused.
/// Each refused value makes a diagnostic that says what applies instead: the general variable or
/// `default`. The general variable is not read if the one for traces applies.
fn first<T>(
    env: &mut Env,
    pair: Pair,
    default: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<(T, &'static str)> {
    let [specific, general] = pair;
    let refused = match env.get(specific).map(|value| parse(&value)) {
        Some(Ok(value)) => return Some((value, specific)),
        Some(Err(reason)) => Some(reason),
        None => None,
    };
    let value = env.parse(general, |value| {
        parse(value).map_err(|reason| format!("{reason}, {default} applies"))
    });
    if let Some(reason) = refused {
        let instead = value.as_ref().map_or(default, |_| general);
        env.refuse(specific, format_args!("{reason}, {instead} applies"));
    }
    Some((value?, general))
}

fn protocol(value: &str) -> Result<Protocol, String> {
    let (protocol, feature) = match value.to_ascii_lowercase().as_str() {
        "grpc" if cfg!(feature = "grpc") => return Ok(Protocol::Grpc),
        "http/protobuf" if cfg!(feature = "http") => return Ok(Protocol::HttpProtobuf),
        "grpc" => ("grpc", "grpc"),
        "http/protobuf" => ("http/protobuf", "http"),
        "http/json" => return Err("`http/json` is not built in".to_owned()),
        _ => return Err("is neither grpc nor http/protobuf".to_owned()),
    };
    let missing = ConfigError::FeatureMissing { feature };
    Err(format!("`{protocol}`: {missing}"))
}

/// As it is from the variable for traces; with the path of the signal from the general one, but
/// for gRPC, which has no paths.
fn endpoint(env: &mut Env, protocol: Protocol) -> String {
    let [_, general] = ENDPOINT;
    let default = match protocol {
        Protocol::Grpc => "http://localhost:4317",
        Protocol::HttpProtobuf => "http://localhost:4318/v1/traces",
    };
    let check = |url: &str| match Endpoint::parse(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match first(env, ENDPOINT, default, check) {
        Some((url, variable)) if variable == general && protocol == Protocol::HttpProtobuf => {
            traces_url(&url)
        }
        Some((url, _)) => url,
        None => default.to_owned(),
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
        _ => return Err("is none of gzip, none, zstd".to_owned()),
    };
    compression.check().map_err(|error| error.to_string())
}

fn timeout(env: &mut Env) -> Duration {
    let default = DEFAULT_TIMEOUT.as_millis().to_string();
    let timeout = first(env, TIMEOUT, &default, parse_millis);
    timeout.map_or(DEFAULT_TIMEOUT, |(timeout, _)| timeout)
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
