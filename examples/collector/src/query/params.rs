//! The parameters of queries.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;

use super::error::ApiError;
use super::token;
use crate::store::{Filter, PageRequest};

/// Results on a page if the query has no limit.
const DEFAULT_LIMIT: usize = 50;
/// The most results on a page.
const MAX_LIMIT: usize = 1000;
/// The most results that an offset skips. Page tokens reach further.
const MAX_OFFSET: usize = 10_000;
/// The most tag conditions of a search.
const MAX_TAGS: usize = 16;

pub(crate) type Pairs = Vec<(String, String)>;

/// The query string of a request. It must be UTF-8, because a query with replaced characters would
/// be another query.
pub(super) struct QueryString(pub(super) Pairs);

impl<S: Sync> FromRequestParts<S> for QueryString {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let malformed = || ApiError::bad_parameter("query string is malformed");
        if !is_utf8(parts.uri.query().unwrap_or_default()) {
            return Err(malformed());
        }
        let Query(pairs) = Query::try_from_uri(&parts.uri).map_err(|_| malformed())?;
        Ok(Self(pairs))
    }
}

/// The one variable part of a path.
pub(super) struct PathText(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::bad_parameter("path is malformed"))?;
        Ok(Self(text))
    }
}

/// Returns whether a string is UTF-8 once its percent signs are resolved.
fn is_utf8(encoded: &str) -> bool {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let digit = |index| tail.get(index).and_then(|c| char::from(*c).to_digit(16));
        if *byte == b'%'
            && let (Some(high), Some(low)) = (digit(0), digit(1))
        {
            bytes.push((high * 16 + low) as u8);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// Reads the parameters of `GET /api/traces`. An empty value is the same as none, as forms send
/// their empty fields.
pub(crate) fn search(pairs: Pairs) -> Result<(Filter, PageRequest), ApiError> {
    let mut filter = Filter::default();
    let mut page = PageRequest {
        limit: DEFAULT_LIMIT,
        ..PageRequest::default()
    };
    let mut known = Vec::new();
    for (name, value) in pairs {
        if let Some(key) = name.strip_prefix("tag.") {
            // All must match, even several of one key: a span and its resource may both have that
            // key.
            if filter.tags.len() >= MAX_TAGS {
                return Err(ApiError::bad_parameter(format!(
                    "at most {MAX_TAGS} tag parameters"
                )));
            }
            filter.tags.push((key.to_owned(), value));
            continue;
        }
        if known.contains(&name) {
            return Err(ApiError::bad_parameter(format!(
                "{} is given twice",
                shown(&name)
            )));
        }
        known.push(name.clone());
        let given = !value.is_empty();
        match name.as_str() {
            "serviceName" => filter.service = given.then_some(value),
            "operationName" => filter.operation = given.then_some(value),
            "startTime" if given => filter.start_nanos = Some(time(&name, &value)?),
            "endTime" if given => filter.end_nanos = Some(time(&name, &value)?),
            "minDurationMs" if given => filter.min_duration_nanos = Some(millis(&name, &value)?),
            "maxDurationMs" if given => filter.max_duration_nanos = Some(millis(&name, &value)?),
            "hasErrors" if given => {
                filter.has_errors = Some(number(&name, &value, "true or false")?)
            }
            "offset" if given => page.offset = at_most(&name, &value, MAX_OFFSET)?,
            "limit" if given => page.limit = at_most(&name, &value, MAX_LIMIT)?,
            "pageToken" if given => {
                let key = token::read(&value);
                let wrong = || ApiError::bad_parameter("pageToken is not one of this collector");
                page.before = Some(key.ok_or_else(wrong)?);
            }
            "startTime" | "endTime" | "minDurationMs" | "maxDurationMs" | "hasErrors"
            | "offset" | "limit" | "pageToken" => {}
            _ => return Err(unknown(&name)),
        }
    }
    if page.before.is_some() && page.offset > 0 {
        return Err(ApiError::bad_parameter(
            "offset and pageToken exclude each other",
        ));
    }
    if page.limit == 0 {
        return Err(ApiError::bad_parameter("limit must be at least 1"));
    }
    in_order(
        ("startTime", filter.start_nanos),
        ("endTime", filter.end_nanos),
    )?;
    in_order(
        ("minDurationMs", filter.min_duration_nanos),
        ("maxDurationMs", filter.max_duration_nanos),
    )?;
    Ok((filter, page))
}

/// Returns an error for a range that is always empty.
fn in_order(low: (&str, Option<u64>), high: (&str, Option<u64>)) -> Result<(), ApiError> {
    match (low.1, high.1) {
        (Some(from), Some(to)) if from > to => Err(ApiError::bad_parameter(format!(
            "{} must not be above {}",
            low.0, high.0
        ))),
        _ => Ok(()),
    }
}

/// Reads the parameters of the completion calls: a service and a limit.
pub(crate) fn names(pairs: Pairs) -> Result<(Option<String>, usize), ApiError> {
    let (mut service, mut limit) = (None, MAX_LIMIT);
    for (name, value) in pairs {
        match name.as_str() {
            "serviceName" => service = Some(value).filter(|value| !value.is_empty()),
            "limit" if !value.is_empty() => limit = at_most(&name, &value, MAX_LIMIT)?,
            "limit" => {}
            _ => return Err(unknown(&name)),
        }
    }
    Ok((service, limit))
}

/// Returns an error if there are parameters.
pub(crate) fn none(pairs: &Pairs) -> Result<(), ApiError> {
    pairs.first().map_or(Ok(()), |(name, _)| Err(unknown(name)))
}

fn unknown(name: &str) -> ApiError {
    ApiError::bad_parameter(format!("unknown parameter {}", shown(name)))
}

/// Returns the name of a parameter for an answer: short, and nothing but printable ASCII.
fn shown(name: &str) -> String {
    name.chars()
        .take(64)
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .collect()
}

fn number<T: FromStr>(name: &str, value: &str, expected: &str) -> Result<T, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::bad_parameter(format!("{} must be {expected}", shown(name))))
}

fn at_most(name: &str, value: &str, max: usize) -> Result<usize, ApiError> {
    let expected = format!("a number up to {max}");
    let given: usize = number(name, value, &expected)?;
    // The standard parser takes a plus sign as well.
    if given <= max && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(given);
    }
    Err(ApiError::bad_parameter(format!(
        "{name} must be {expected}"
    )))
}

/// Reads milliseconds, whole or with a fraction, and returns nanoseconds.
fn millis(name: &str, value: &str) -> Result<u64, ApiError> {
    let expected = "a number of milliseconds";
    let millis: f64 = number(name, value, expected)?;
    // A hundred years of milliseconds is exact enough in a float and far from the integer's end.
    if !(0.0..=3.2e12).contains(&millis) {
        return Err(ApiError::bad_parameter(format!(
            "{name} must be {expected}"
        )));
    }
    Ok((millis * 1e6).round() as u64)
}

/// Reads a time as RFC 3339 §5.6 writes it, and returns nanoseconds since the epoch.
fn time(name: &str, value: &str) -> Result<u64, ApiError> {
    let wrong = || {
        ApiError::bad_parameter(format!(
            "{name} must be a time such as 2026-01-31T12:00:00Z, from 1970 on"
        ))
    };
    super::rfc3339::parse(value).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        list.iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn all_parameters_are_read() {
        let (filter, page) = search(pairs(&[
            ("serviceName", "orders"),
            ("operationName", "GET /"),
            ("startTime", "1970-01-01T00:00:01Z"),
            ("endTime", "1970-01-01T00:00:02Z"),
            ("minDurationMs", "1.5"),
            ("maxDurationMs", "100"),
            ("hasErrors", "true"),
            ("tag.http.response.status_code", "500"),
            ("offset", "5"),
            ("limit", "7"),
        ]))
        .unwrap();
        let expected = Filter {
            service: Some("orders".into()),
            operation: Some("GET /".into()),
            tags: vec![("http.response.status_code".into(), "500".into())],
            start_nanos: Some(1_000_000_000),
            end_nanos: Some(2_000_000_000),
            min_duration_nanos: Some(1_500_000),
            max_duration_nanos: Some(100_000_000),
            has_errors: Some(true),
        };
        assert_eq!(filter, expected);
        assert_eq!(
            page,
            PageRequest {
                before: None,
                offset: 5,
                limit: 7
            }
        );
    }

    #[test]
    fn empty_values_mean_no_condition() {
        let (filter, page) = search(pairs(&[
            ("serviceName", ""),
            ("limit", ""),
            ("startTime", ""),
        ]))
        .unwrap();
        assert_eq!((filter, page.limit), (Filter::default(), DEFAULT_LIMIT));
    }

    #[test]
    fn wrong_parameters_are_errors() {
        for (name, value) in [
            ("service", "x"),
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", "-1"),
            ("limit", "+5"),
            ("offset", "10001"),
            ("hasErrors", "yes"),
            ("minDurationMs", "NaN"),
            ("minDurationMs", "-1"),
            ("startTime", "yesterday"),
            ("pageToken", "abc"),
        ] {
            assert!(search(pairs(&[(name, value)])).is_err(), "{name}={value}");
        }
        assert!(search(pairs(&[("limit", "1"), ("limit", "2")])).is_err());
        assert!(search(pairs(&[("tag.k", "v"); MAX_TAGS])).is_ok());
        assert!(search(pairs(&[("tag.k", "v"); MAX_TAGS + 1])).is_err());
    }

    #[test]
    fn an_unknown_name_is_shown_without_its_odd_bytes() {
        assert_eq!(shown("a\u{1b}[2J<é"), "a?[2J<?");
        assert_eq!(shown(&"x".repeat(100)).len(), 64);
    }
}
