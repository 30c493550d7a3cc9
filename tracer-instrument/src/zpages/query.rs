//! What a request asks for.

use http::{HeaderMap, header};
use tracer_core::live::Bucket;

/// Longer queries are refused: a name has at most 256 bytes, three times as many when encoded.
const MAX_QUERY_BYTES: usize = 2048;

/// The buckets by the names they have in queries and in JSON.
pub(super) const BUCKETS: [(&str, Bucket); 10] = [
    ("0", Bucket::From0),
    ("10us", Bucket::From10us),
    ("100us", Bucket::From100us),
    ("1ms", Bucket::From1ms),
    ("10ms", Bucket::From10ms),
    ("100ms", Bucket::From100ms),
    ("1s", Bucket::From1s),
    ("10s", Bucket::From10s),
    ("100s", Bucket::From100s),
    ("failed", Bucket::Failed),
];

/// A query that is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) format: Option<Format>,
    pub(super) name: Option<String>,
    pub(super) bucket: Option<Bucket>,
    pub(super) refresh_seconds: Option<u16>,
    pub(super) is_style: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Json,
}

/// Why a query is refused; holds nothing of it.
pub(super) type QueryError = &'static str;

impl Query {
    pub(super) fn parse(query: &str) -> Result<Self, QueryError> {
        if query.len() > MAX_QUERY_BYTES {
            return Err("the query is too long");
        }
        let mut parsed = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_new = match &*key {
                "format" => {
                    let format = match &*value {
                        "html" => Format::Html,
                        "json" => Format::Json,
                        _ => return Err("format is html or json"),
                    };
                    parsed.format.replace(format).is_none()
                }
                "name" => parsed.name.replace(value.into_owned()).is_none(),
                "bucket" => {
                    let bucket = BUCKETS.iter().find(|(name, _)| *name == value);
                    let bucket = bucket.ok_or("no such bucket")?;
                    parsed.bucket.replace(bucket.1).is_none()
                }
                "refresh" => {
                    let seconds = value
                        .parse()
                        .ok()
                        .filter(|seconds| (1..=3600).contains(seconds));
                    let seconds = seconds.ok_or("refresh is a number of seconds, 1 to 3600")?;
                    parsed.refresh_seconds.replace(seconds).is_none()
                }
                "asset" if value == "style.css" => !std::mem::replace(&mut parsed.is_style, true),
                _ => return Err("no such parameter"),
            };
            if !is_new {
                return Err("a parameter is given twice");
            }
        }
        if parsed.bucket.is_some() && parsed.name.is_none() {
            return Err("a bucket is one of a name");
        }
        Ok(parsed)
    }

    /// The format that was asked for, or else the one that the client takes.
    pub(super) fn format(&self, headers: &HeaderMap) -> Format {
        let accepts = |kind: &str| {
            let mut values = headers.get_all(header::ACCEPT).iter();
            values.any(|value| value.to_str().is_ok_and(|value| value.contains(kind)))
        };
        self.format.unwrap_or_else(|| {
            if accepts("application/json") && !accepts("text/html") {
                Format::Json
            } else {
                Format::Html
            }
        })
    }

    /// A link to a part of the page, relative to wherever it is mounted.
    pub(super) fn link(
        name: Option<&str>,
        bucket: Option<Bucket>,
        more: &[(&str, &str)],
    ) -> String {
        let mut link = form_urlencoded::Serializer::new(String::from("?"));
        if let Some(name) = name {
            link.append_pair("name", name);
        }
        if let Some(bucket) = bucket {
            link.append_pair("bucket", bucket_name(bucket));
        }
        link.extend_pairs(more);
        link.finish()
    }
}

pub(super) fn bucket_name(bucket: Bucket) -> &'static str {
    let found = BUCKETS.iter().find(|(_, other)| *other == bucket);
    found.map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(query: &str) {
        assert!(Query::parse(query).is_err(), "{query}");
    }

    #[test]
    fn every_bucket_has_a_name_of_its_own() {
        for bucket in Bucket::ALL {
            let link = Query::link(Some("x"), Some(bucket), &[]);
            let query = Query::parse(link.trim_start_matches('?')).unwrap();
            assert_eq!(query.bucket, Some(bucket));
        }
    }

    #[test]
    fn links_lead_back_to_any_name() {
        for name in ["GET /a?b=c&d#e", "\"><script>", "ä ö+%20", "", "\u{202e}\0"] {
            let link = Query::link(Some(name), None, &[("format", "json")]);
            assert!(link.bytes().all(|byte| byte.is_ascii_graphic()), "{link}");
            let query = Query::parse(link.trim_start_matches('?')).unwrap();
            assert_eq!(query.name.as_deref(), Some(name));
            assert_eq!(query.format, Some(Format::Json));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for query in [
            "format=xml",
            "format=json&format=json",
            "bucket=10us",
            "name=x&bucket=11us",
            "name=x&name=y",
            "refresh=0",
            "refresh=3601",
            "refresh=-1",
            "refresh=99999999999",
            "asset=../Cargo.toml",
            "script=1",
        ] {
            refused(query);
        }
        refused(&format!("name={}", "x".repeat(MAX_QUERY_BYTES)));
        assert_eq!(Query::parse(""), Ok(Query::default()));
    }

    #[test]
    fn format_is_what_was_asked_for_or_is_accepted() {
        let check = |query: &str, accept: &str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(Query::parse(query).unwrap().format(&headers), expected);
        };
        check("", "*/*", Format::Html);
        check("", "application/json", Format::Json);
        check("format=html", "application/json", Format::Html);
        check("format=json", "text/html", Format::Json);
        // A browser's.
        check(
            "",
            "text/html,application/json;q=0.9,*/*;q=0.8",
            Format::Html,
        );
        assert_eq!(Query::default().format(&HeaderMap::new()), Format::Html);
    }
}
