//! The resource from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;

use super::system::{clean, is_plain};
use crate::env::Env;

const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Reads the resource from environment variables, and adds the attributes that every SDK must set.
///
/// `OTEL_RESOURCE_ATTRIBUTES` is a list `key=value,key=value` with percent-encoded keys and values.
/// `OTEL_SERVICE_NAME` takes precedence over a `service.name` in it. Without either, `service.name`
/// is `unknown_service:` followed by the name of the executable.
///
/// A list with an invalid member is discarded as a whole (OpenTelemetry specification,
/// resource/sdk.md "Specifying resource information via an environment variable"). A member is
/// invalid if it has no `=` or no key, or if it has a `%` without two hex digits after it. Both
/// variables are refused if they contain control characters, bytes that are not UTF-8, or keys or
/// values of more than 4096 bytes.
///
/// # Examples
/// ```
/// use tracer_core::{env::Env, resource};
///
/// let mut env = Env::new(|name| match name {
///     "OTEL_SERVICE_NAME" => Some("orders".to_owned()),
///     "OTEL_RESOURCE_ATTRIBUTES" => Some("team=green%20apples".to_owned()),
///     _ => None,
/// });
/// let resource = resource::from_env(&mut env);
/// let get = |key: &'static str| resource.get(&key.into()).map(|value| value.to_string());
/// assert_eq!(get("service.name").as_deref(), Some("orders"));
/// assert_eq!(get("team").as_deref(), Some("green apples"));
/// ```
pub fn from_env(env: &mut Env) -> Resource {
    let listed = env.parse(RESOURCE_ATTRIBUTES, parse).unwrap_or_default();
    // Later attributes win over earlier ones.
    let mut attributes = vec![
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.sdk.name", "tracer-core"),
        KeyValue::new("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.name", unknown_service()),
    ];
    attributes.extend(listed);
    let name = env.parse(SERVICE_NAME, |name| {
        clean(name).ok_or(
            "is too long or not plain text, the name in OTEL_RESOURCE_ATTRIBUTES or \
             unknown_service applies",
        )
    });
    attributes.extend(name.map(|name| KeyValue::new("service.name", name)));
    Resource::builder_empty()
        .with_attributes(attributes)
        .build()
}

/// The reason why a list was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("member {member} has a '%' without two hex digits, none of the list applies")]
    BadPercent { member: usize },
    #[error("member {member} has no '=', none of the list applies")]
    NoEquals { member: usize },
    #[error("member {member} has no key, none of the list applies")]
    NoKey { member: usize },
    #[error("member {member} is too long or not plain text, none of the list applies")]
    NotPlain { member: usize },
}

/// Returns the default service name (semantic conventions, resource/README.md "Service",
/// `service.name`).
fn unknown_service() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .map_or_else(
            || "unknown_service".to_owned(),
            |name| format!("unknown_service:{name}"),
        )
}

fn parse(list: &str) -> Result<Vec<KeyValue>, Problem> {
    list.split(',')
        .enumerate()
        .filter(|(_, member)| !member.trim().is_empty())
        .map(|(at, member)| parse_member(at + 1, member))
        .collect()
}

fn parse_member(at: usize, member: &str) -> Result<KeyValue, Problem> {
    let (key, value) = member
        .split_once('=')
        .ok_or(Problem::NoEquals { member: at })?;
    let decode = |text: &str| {
        let text = text.trim();
        if !is_percent_encoded(text) {
            return Err(Problem::BadPercent { member: at });
        }
        percent_decode_str(text)
            .decode_utf8()
            .ok()
            .filter(|text| is_plain(text))
            .map(|text| text.into_owned())
            .ok_or(Problem::NotPlain { member: at })
    };
    let (key, value) = (decode(key)?, decode(value)?);
    if key.is_empty() {
        return Err(Problem::NoKey { member: at });
    }
    Ok(KeyValue::new(key, value))
}

/// Returns whether two hex digits follow each percent sign (RFC 3986 §2.1).
fn is_percent_encoded(text: &str) -> bool {
    let mut after_signs = text.split('%').skip(1).map(str::as_bytes);
    after_signs
        .all(|after| matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(service_name: &str, attributes: &str) -> (Resource, Vec<String>) {
        let (service_name, attributes) = (service_name.to_owned(), attributes.to_owned());
        let mut env = Env::new(move |name| match name {
            SERVICE_NAME => Some(service_name.clone()),
            RESOURCE_ATTRIBUTES => Some(attributes.clone()),
            _ => None,
        });
        let resource = from_env(&mut env);
        let messages = env.diagnostics().iter().map(ToString::to_string);
        (resource, messages.collect())
    }

    #[track_caller]
    fn check(resource: &Resource, key: &'static str, expected: Option<&str>) {
        let value = resource.get(&key.into());
        assert_eq!(value.map(|value| value.to_string()).as_deref(), expected);
    }

    #[test]
    fn values_are_percent_decoded_and_may_hold_equals_signs() {
        let (resource, messages) = read("", " a = x%2Cy%3D , b=c=d , service.name=list");
        check(&resource, "a", Some("x,y="));
        check(&resource, "b", Some("c=d"));
        check(&resource, "service.name", Some("list"));
        assert_eq!(messages, [""; 0]);
    }

    #[test]
    fn service_name_variable_wins_and_empty_counts_as_unset() {
        let list = "service.name=list";
        check(&read("own", list).0, "service.name", Some("own"));
        check(&read(" ", list).0, "service.name", Some("list"));
        let (unknown, _) = read("", "");
        let name = unknown.get(&"service.name".into()).expect("always there");
        assert!(
            name.as_str().starts_with("unknown_service:tracer_core"),
            "{name}"
        );
        check(&unknown, "telemetry.sdk.language", Some("rust"));
    }

    #[test]
    fn one_bad_member_discards_the_whole_list_and_says_which() {
        for (list, problem) in [
            ("a=1,b", Problem::NoEquals { member: 2 }),
            ("=1,a=2", Problem::NoKey { member: 1 }),
            ("a=1,,b=%ff", Problem::NotPlain { member: 3 }),
            ("a=1,b=\u{1b}[31m", Problem::NotPlain { member: 2 }),
            ("a=1,b=x%00", Problem::NotPlain { member: 2 }),
            ("a=1,b=%0Ax", Problem::NotPlain { member: 2 }),
            ("a=1,b%7F=x", Problem::NotPlain { member: 2 }),
            ("a=1,b=\u{fffd}", Problem::NotPlain { member: 2 }),
            // RFC 3986 §2.1: "%" and two hexadecimal digits.
            ("a=%zz", Problem::BadPercent { member: 1 }),
            ("a=1,b=100%", Problem::BadPercent { member: 2 }),
            ("a=1,b=%4", Problem::BadPercent { member: 2 }),
            ("a=1,b%=x", Problem::BadPercent { member: 2 }),
            ("a=1,b=%%41", Problem::BadPercent { member: 2 }),
            ("a=1,b=%+1", Problem::BadPercent { member: 2 }),
            ("a=1,b=%4\u{e9}", Problem::BadPercent { member: 2 }),
        ] {
            let (resource, messages) = read("own", list);
            check(&resource, "a", None);
            check(&resource, "service.name", Some("own"));
            assert_eq!(messages, [format!("{RESOURCE_ATTRIBUTES}: {problem}")]);
        }
        let (resource, messages) = read("\u{1b}[31m", "service.name=list");
        check(&resource, "service.name", Some("list"));
        assert_eq!(
            messages,
            [
                "OTEL_SERVICE_NAME: is too long or not plain text, the name in \
              OTEL_RESOURCE_ATTRIBUTES or unknown_service applies"
            ]
        );
    }

    #[test]
    fn values_may_be_empty_or_4096_bytes_long_and_no_longer() {
        let (resource, messages) = read("", &format!("a=,b={}", "x".repeat(4096)));
        check(&resource, "a", Some(""));
        check(&resource, "b", Some(&"x".repeat(4096)));
        assert_eq!(messages, [""; 0]);
        let (resource, messages) = read("", &format!("a=,b={}", "x".repeat(4097)));
        check(&resource, "a", None);
        assert_eq!(messages.len(), 1);
    }
}
