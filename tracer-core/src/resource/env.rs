//! The resource from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;

const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// A resource, and what was wrong with the variables it came from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Detected {
    /// The resource. Always has a `service.name`.
    pub resource: Resource,
    /// Why a variable was discarded, for the application's diagnostics.
    pub problem: Option<EnvProblem>,
}

/// Why `OTEL_RESOURCE_ATTRIBUTES` was discarded, all of it: a part that is wrong casts doubt on the
/// rest (OpenTelemetry specification, resource/sdk.md "Specifying resource information via an
/// environment variable").
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvProblem {
    /// A list member has no `=`.
    #[error("OTEL_RESOURCE_ATTRIBUTES: member {member} has no '='")]
    NoEquals {
        /// Which member, the first is 1.
        member: usize,
    },
    /// A list member has an empty key.
    #[error("OTEL_RESOURCE_ATTRIBUTES: member {member} has no key")]
    NoKey {
        /// Which member, the first is 1.
        member: usize,
    },
    /// A key or value is not UTF-8 after percent decoding.
    #[error("OTEL_RESOURCE_ATTRIBUTES: member {member} is not UTF-8 after percent decoding")]
    NotUtf8 {
        /// Which member, the first is 1.
        member: usize,
    },
}

/// Reads the resource from environment variables, given as a function so that tests and
/// configuration files can stand in for the process environment.
///
/// `OTEL_RESOURCE_ATTRIBUTES` is a list `key=value,key=value` with percent-encoded keys and values;
/// `OTEL_SERVICE_NAME` wins over a `service.name` in it. Without either, `service.name` is
/// `unknown_service:` and the name of the executable. An empty variable counts as unset.
///
/// # Examples
/// ```
/// let detected = tracer_core::resource::from_env(|name| match name {
///     "OTEL_SERVICE_NAME" => Some("orders".to_owned()),
///     "OTEL_RESOURCE_ATTRIBUTES" => Some("team=green%20apples".to_owned()),
///     _ => None,
/// });
/// let get = |key: &'static str| detected.resource.get(&key.into()).map(|value| value.to_string());
/// assert_eq!(get("service.name").as_deref(), Some("orders"));
/// assert_eq!(get("team").as_deref(), Some("green apples"));
/// ```
pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Detected {
    let lookup = |name| lookup(name).filter(|value| !value.trim().is_empty());
    let (listed, problem) = match lookup(RESOURCE_ATTRIBUTES).map(|list| parse(&list)) {
        None => (Vec::new(), None),
        Some(Ok(listed)) => (listed, None),
        Some(Err(problem)) => (Vec::new(), Some(problem)),
    };
    // Later attributes win over earlier ones.
    let mut attributes = vec![
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.sdk.name", "tracer-core"),
        KeyValue::new("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.name", unknown_service()),
    ];
    attributes.extend(listed);
    attributes.extend(lookup(SERVICE_NAME).map(|name| KeyValue::new("service.name", name)));
    Detected {
        resource: Resource::builder_empty()
            .with_attributes(attributes)
            .build(),
        problem,
    }
}

/// Source: semantic conventions, resource/README.md "Service", `service.name`.
fn unknown_service() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .map_or_else(
            || "unknown_service".to_owned(),
            |name| format!("unknown_service:{name}"),
        )
}

fn parse(list: &str) -> Result<Vec<KeyValue>, EnvProblem> {
    list.split(',')
        .enumerate()
        .filter(|(_, member)| !member.trim().is_empty())
        .map(|(at, member)| parse_member(at + 1, member))
        .collect()
}

fn parse_member(at: usize, member: &str) -> Result<KeyValue, EnvProblem> {
    let (key, value) = member
        .split_once('=')
        .ok_or(EnvProblem::NoEquals { member: at })?;
    let decode = |text: &str| {
        percent_decode_str(text.trim())
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| EnvProblem::NotUtf8 { member: at })
    };
    let (key, value) = (decode(key)?, decode(value)?);
    if key.is_empty() {
        return Err(EnvProblem::NoKey { member: at });
    }
    Ok(KeyValue::new(key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(service_name: Option<&str>, attributes: &str) -> Detected {
        from_env(|name| match name {
            SERVICE_NAME => service_name.map(str::to_owned),
            RESOURCE_ATTRIBUTES => Some(attributes.to_owned()),
            _ => None,
        })
    }

    #[track_caller]
    fn check(detected: &Detected, key: &'static str, expected: Option<&str>) {
        let value = detected.resource.get(&key.into());
        assert_eq!(value.map(|value| value.to_string()).as_deref(), expected);
    }

    #[test]
    fn values_are_percent_decoded_and_may_hold_equals_signs() {
        let detected = detect(None, " a = x%2Cy%3D , b=c=d , service.name=list");
        check(&detected, "a", Some("x,y="));
        check(&detected, "b", Some("c=d"));
        check(&detected, "service.name", Some("list"));
        assert_eq!(detected.problem, None);
    }

    #[test]
    fn service_name_variable_wins_and_empty_counts_as_unset() {
        check(
            &detect(Some("own"), "service.name=list"),
            "service.name",
            Some("own"),
        );
        check(
            &detect(Some(" "), "service.name=list"),
            "service.name",
            Some("list"),
        );
        let unknown = from_env(|_| None);
        let name = unknown
            .resource
            .get(&"service.name".into())
            .expect("always there");
        assert!(
            name.as_str().starts_with("unknown_service:tracer_core"),
            "{name}"
        );
        check(&unknown, "telemetry.sdk.language", Some("rust"));
    }

    #[test]
    fn one_bad_member_discards_the_whole_list_and_says_which() {
        for (list, problem) in [
            ("a=1,b", EnvProblem::NoEquals { member: 2 }),
            ("=1,a=2", EnvProblem::NoKey { member: 1 }),
            ("a=1,,b=%ff", EnvProblem::NotUtf8 { member: 3 }),
        ] {
            let detected = detect(Some("own"), list);
            check(&detected, "a", None);
            check(&detected, "service.name", Some("own"));
            assert_eq!(detected.problem, Some(problem));
        }
    }
}
