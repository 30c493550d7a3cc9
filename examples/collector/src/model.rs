//! Spans in memory, between decoding and storing and after reading.
//!
//! Both decoders build these types, so a span is the same for the store and the queries, whatever
//! its encoding was.

use std::borrow::Cow;
use std::sync::Arc;

/// A trace id, never all zero.
pub(crate) type TraceId = [u8; 16];
/// A span id, never all zero.
pub(crate) type SpanId = [u8; 8];

/// An attribute value, in the types of OTLP's `AnyValue`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<Attribute>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) key: String,
    pub(crate) value: Value,
}

/// Attributes, with the number of those that were dropped by the sender and at our limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attributes {
    pub(crate) items: Vec<Attribute>,
    pub(crate) dropped: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resource {
    pub(crate) attributes: Attributes,
    pub(crate) schema_url: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scope {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) schema_url: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) time_nanos: u64,
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Link {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) trace_state: String,
    pub(crate) attributes: Attributes,
    pub(crate) flags: u32,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Status {
    #[default]
    Unset,
    Ok,
    Error,
}

impl Status {
    /// The number of a name in the protocol.
    pub(crate) fn number_of(name: &str) -> Option<i32> {
        match name {
            "STATUS_CODE_UNSET" => Some(0),
            "STATUS_CODE_OK" => Some(1),
            "STATUS_CODE_ERROR" => Some(2),
            _ => None,
        }
    }

    /// The status of a number; `None` if the protocol has no such number.
    pub(crate) fn known(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Unset),
            1 => Some(Self::Ok),
            2 => Some(Self::Error),
            _ => None,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        Self::known(number).unwrap_or_default()
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "UNSET",
            Self::Ok => "OK",
            Self::Error => "ERROR",
        }
    }
}

/// The kind's number in OTLP; anything outside 1..=5 is kept as 0, unspecified.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Kind(u8);

impl Kind {
    const NAMES: [&'static str; 6] = [
        "UNSPECIFIED",
        "INTERNAL",
        "SERVER",
        "CLIENT",
        "PRODUCER",
        "CONSUMER",
    ];

    /// The kind of a number; `None` if the protocol has no such number.
    pub(crate) fn known(number: i64) -> Option<Self> {
        let number = u8::try_from(number).ok();
        number.filter(|number| *number <= 5).map(Self)
    }

    pub(crate) fn from_number(number: i64) -> Self {
        Self::known(number).unwrap_or_default()
    }

    /// The number of a name in the protocol.
    pub(crate) fn number_of(name: &str) -> Option<i32> {
        let short = name.strip_prefix("SPAN_KIND_")?;
        let index = Self::NAMES.iter().position(|known| *known == short)?;
        i32::try_from(index).ok()
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// Returns whether the span is the calling side: CLIENT or PRODUCER.
    pub(crate) fn is_caller(self) -> bool {
        matches!(self.0, 3 | 4)
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::NAMES
            .get(usize::from(self.0))
            .copied()
            .unwrap_or("UNSPECIFIED")
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Span {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) trace_state: String,
    pub(crate) flags: u32,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) start_nanos: u64,
    pub(crate) end_nanos: u64,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<Event>,
    pub(crate) dropped_events: u32,
    pub(crate) links: Vec<Link>,
    pub(crate) dropped_links: u32,
    pub(crate) status: Status,
    pub(crate) status_message: String,
}

/// Spans that share a resource and a scope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) resource: Arc<Resource>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) spans: Vec<Span>,
}

/// The name of a service without a name, as the semantic conventions define it.
pub(crate) const UNKNOWN_SERVICE: &str = "unknown_service";

impl Resource {
    /// `service.name`, or [`UNKNOWN_SERVICE`] where it is missing, empty or not a string.
    pub(crate) fn service_name(&self) -> &str {
        self.attributes
            .items
            .iter()
            .find_map(|attribute| match &attribute.value {
                Value::String(name) if attribute.key == "service.name" && !name.is_empty() => {
                    Some(name.as_str())
                }
                _ => None,
            })
            .unwrap_or(UNKNOWN_SERVICE)
    }
}

impl Value {
    /// Returns the text of a value in lists for completion, which is the text that the API shows,
    /// or `None` for a value without a one-line text (null, bytes, arrays, maps).
    pub(crate) fn search_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Bool(value) => Some(if *value { "true" } else { "false" }.into()),
            Self::Int(value) => Some(value.to_string().into()),
            Self::Double(value) => Some(double_text(*value)),
            Self::String(value) => Some(value.as_str().into()),
            Self::Null | Self::Bytes(_) | Self::Array(_) | Self::Map(_) => None,
        }
    }

    /// Returns whether a search for `text` finds the value. A double has several texts: `5.0` in
    /// JSON and `5` in a browser are one number, and so are `1e+300` and `1e300`.
    pub(crate) fn is_found_by(&self, text: &str) -> bool {
        match self {
            Self::Double(value) => {
                let wanted: Option<f64> = text.parse().ok();
                wanted.is_some_and(|wanted| wanted == *value || wanted.is_nan() && value.is_nan())
            }
            _ => self.search_text().is_some_and(|own| own == text),
        }
    }
}

/// Returns a double as JSON writes it, or its name in OTLP if JSON cannot write it.
pub(crate) fn double_text(value: f64) -> Cow<'static, str> {
    match serde_json::Number::from_f64(value) {
        Some(number) => number.to_string().into(),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Names and numbers of `SpanKind` in opentelemetry/proto/trace/v1/trace.proto.
    #[test]
    fn kinds_have_the_numbers_and_names_of_the_protocol() {
        for (number, name) in [
            (0, "UNSPECIFIED"),
            (1, "INTERNAL"),
            (2, "SERVER"),
            (3, "CLIENT"),
            (4, "PRODUCER"),
            (5, "CONSUMER"),
        ] {
            assert_eq!(Kind::from_number(number).as_str(), name);
            let full = format!("SPAN_KIND_{name}");
            assert_eq!(Kind::number_of(&full).map(i64::from), Some(number));
        }
        assert_eq!(Kind::from_number(6), Kind::default());
        assert_eq!(Kind::from_number(-1), Kind::default());
        assert_eq!(Kind::number_of("SERVER"), None);
    }

    // Texts by hand: JSON's (RFC 8259 section 6), ECMAScript's (Number::toString) and OTLP's names.
    #[test]
    fn a_double_is_found_by_every_text_that_shows_it() {
        for (value, listed, texts) in [
            (1e300, "1e+300", &["1e300", "1e+300", "1E300"][..]),
            (-1e-7, "-1e-7", &["-1e-7", "-0.0000001"]),
            (5.0, "5.0", &["5.0", "5", "5e0"]),
            (0.1, "0.1", &["0.1", ".1"]),
            (-0.0, "-0.0", &["-0.0", "0", "-0"]),
            (f64::INFINITY, "Infinity", &["Infinity"]),
            (f64::NEG_INFINITY, "-Infinity", &["-Infinity"]),
            (f64::NAN, "NaN", &["NaN"]),
        ] {
            let double = Value::Double(value);
            assert_eq!(double.search_text().unwrap(), listed);
            for text in texts {
                assert!(double.is_found_by(text), "{value} by {text}");
            }
            for text in ["", "x", "1e301", "6"] {
                assert!(!double.is_found_by(text), "{value} by {text}");
            }
        }
        // Integers are exact: these two are one double.
        let int = Value::Int(9_007_199_254_740_993);
        assert!(int.is_found_by("9007199254740993"));
        assert!(!int.is_found_by("9007199254740992"));
        // Text is not a number.
        assert!(!Value::String("1e300".into()).is_found_by("1e+300"));
        assert!(Value::Bool(true).is_found_by("true"));
    }
}
