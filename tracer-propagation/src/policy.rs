//! Which hosts are told what.

use std::borrow::Cow;
use std::net::IpAddr;

use opentelemetry::baggage::{BaggageExt, BaggageMetadata, KeyValueMetadata};
use opentelemetry::{Context, Key, StringValue};

use crate::error::Error;

/// Which hosts a client sends trace context to, and which baggage.
///
/// By default all of both, as the specifications have it. Baggage is text of the application and
/// its users: a service that also calls hosts of others should list its own.
///
/// A pattern is a host name or address (`api.example.com`, `10.0.0.7`, `::1`), or `*.` and a domain
/// for every name below it, at any depth and without the domain itself; `*` alone is every host.
/// A name beyond ASCII is written in its ASCII form (`xn--`), as in a URL, and an IPv4 address in
/// four decimal parts. Case, a dot at the end and the spelling of an IPv6 address do not matter. No
/// pattern at all is no host.
///
/// # Examples
///
/// ```
/// use tracer_propagation::PropagationPolicy;
///
/// let policy = PropagationPolicy::default()
///     .trace_context_to(["*.example.com", "partner.example"])?
///     .baggage_to(["*.example.com"])?;
/// assert!(policy.sends_baggage_to("orders.example.com"));
/// assert!(policy.sends_trace_context_to("partner.example"));
/// assert!(!policy.sends_baggage_to("partner.example"));
/// assert!(!policy.sends_trace_context_to("evil-example.com"));
/// # Ok::<(), tracer_propagation::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PropagationPolicy {
    trace_context: Hosts,
    baggage: Hosts,
}

impl PropagationPolicy {
    /// The hosts that get trace context. Default: all.
    ///
    /// # Errors
    ///
    /// [`Error::HostPattern`] for a text that is no pattern: empty, with a port, a path or a scheme,
    /// with a `*` elsewhere than in front, or with a number at its end that makes it no name.
    pub fn trace_context_to<P: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        self.trace_context = Hosts::listed(patterns)?;
        Ok(self)
    }

    /// The hosts that get baggage. Default: all.
    ///
    /// # Errors
    ///
    /// As [`trace_context_to`](Self::trace_context_to).
    pub fn baggage_to<P: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        self.baggage = Hosts::listed(patterns)?;
        Ok(self)
    }

    /// Whether the host, without its port, gets trace context.
    pub fn sends_trace_context_to(&self, host: &str) -> bool {
        self.trace_context.contains(host)
    }

    /// Whether the host, without its port, gets baggage.
    pub fn sends_baggage_to(&self, host: &str) -> bool {
        self.baggage.contains(host)
    }

    /// The part of a context that may be injected into a message to the host.
    ///
    /// # Cost
    ///
    /// A comparison with each pattern. Nothing is allocated unless something is left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::Context;
    /// use opentelemetry::baggage::BaggageExt;
    /// use tracer_propagation::PropagationPolicy;
    ///
    /// let policy = PropagationPolicy::default().baggage_to(["*.example.com"])?;
    /// let context = Context::new().with_baggage([opentelemetry::KeyValue::new("user", "7")]);
    /// assert_eq!(policy.outgoing(&context, "orders.example.com").baggage().len(), 1);
    /// assert_eq!(policy.outgoing(&context, "elsewhere.example").baggage().len(), 0);
    /// # Ok::<(), tracer_propagation::Error>(())
    /// ```
    pub fn outgoing<'c>(&self, cx: &'c Context, host: &str) -> Cow<'c, Context> {
        let baggage = self.sends_baggage_to(host);
        if self.sends_trace_context_to(host) {
            if baggage || cx.baggage().is_empty() {
                Cow::Borrowed(cx)
            } else {
                Cow::Owned(cx.with_cleared_baggage())
            }
        } else if baggage && !cx.baggage().is_empty() {
            // A fresh one: a format may keep a sampling decision or more beside the span.
            let member = |(key, (value, metadata)): (&Key, &(StringValue, BaggageMetadata))| {
                KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
            };
            let members: Vec<_> = cx.baggage().iter().map(member).collect();
            Cow::Owned(Context::new().with_baggage(members))
        } else {
            Cow::Owned(Context::new())
        }
    }
}

#[derive(Clone, Debug, Default)]
enum Hosts {
    #[default]
    All,
    Listed(Vec<Pattern>),
}

impl Hosts {
    fn listed<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        let mut listed = Vec::new();
        for (position, pattern) in patterns.into_iter().enumerate() {
            match Pattern::parse(pattern.as_ref()) {
                Some(pattern) => listed.push(pattern),
                None => return Err(Error::HostPattern { position }),
            }
        }
        Ok(Self::Listed(listed))
    }

    fn contains(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(patterns) => {
                let host = plain(host);
                patterns.iter().any(|pattern| pattern.matches(host))
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Pattern {
    Any,
    /// One address has many spellings.
    Address(IpAddr),
    Exact(String),
    /// With the dot in front.
    Below(String),
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let (name, below) = match text.strip_prefix('*') {
            Some(domain) => (domain.strip_prefix('.')?, true),
            None => (text, false),
        };
        let name = plain(name);
        if !below && let Ok(address) = name.parse() {
            return Some(Self::Address(address));
        }
        let is_host = is_name(name) && name.split('.').all(|label| !label.is_empty());
        match below {
            _ if !is_host || ends_in_number(name) => None,
            true => Some(Self::Below(format!(".{name}"))),
            false => Some(Self::Exact(name.to_owned())),
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Address(address) => host.parse() == Ok(*address),
            Self::Exact(name) => host.eq_ignore_ascii_case(name),
            Self::Below(domain) => {
                let start = host.len().checked_sub(domain.len());
                let end = start
                    .filter(|start| *start > 0)
                    .and_then(|start| host.get(start..));
                // What is no host may only look like one at its end.
                is_name(host) && end.is_some_and(|end| end.eq_ignore_ascii_case(domain))
            }
        }
    }
}

fn is_name(host: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    host.bytes().all(is_part)
}

/// Then a URL takes it for an address (WHATWG URL, *ends in a number checker*), and it is no name
/// that anything can be below of: `*.0.0.1` would match `127.0.0.1`.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = |text: &str, radix| text.chars().all(|digit| digit.is_digit(radix));
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    hex.map_or_else(|| digits(last, 10), |hex| digits(hex, 16))
}

/// Without the brackets of an IPv6 address in a URL, or the dot that ends a full name.
fn plain(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or_else(|| host.strip_suffix('.').unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    };

    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let policy = PropagationPolicy::default().baggage_to([pattern]).unwrap();
        for host in matching {
            assert!(policy.sends_baggage_to(host), "{pattern} {host}");
        }
        for host in others {
            assert!(!policy.sends_baggage_to(host), "{pattern} {host}");
        }
    }

    #[test]
    fn patterns_match_whole_labels() {
        check(
            "api.example.com",
            &["api.example.com", "API.Example.COM", "api.example.com."],
            &[
                "example.com",
                "a.api.example.com",
                "api.example.com.evil.net",
                "",
            ],
        );
        check(
            "*.example.com.",
            &["a.example.com", "a.b.example.com.", "A.EXAMPLE.com"],
            &[
                "example.com",
                ".example.com",
                "evilexample.com",
                "a.example.com.evil.net",
                "evil.net#.example.com",
                "evil.net/.example.com",
                "evil.net\\.example.com",
                "é",
            ],
        );
        check("*", &["anything", "::1"], &[]);
        check("10.0.0.7", &["10.0.0.7"], &["10.0.0.70", "110.0.0.7"]);
        check("[::1]", &["::1", "[::1]"], &["::2"]);
        check("::1", &["[::1]"], &[]);
        // RFC 5952: one address, written in other ways.
        check(
            "[2001:0DB8:0:0:0:0:0:1]",
            &["2001:db8::1", "[2001:db8::0001]"],
            &["2001:db8::2"],
        );
        // As a URL has it, and as people write it.
        check("::ffff:10.0.0.7", &["[::ffff:a00:7]"], &["10.0.0.7"]);
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_its_place() {
        for wrong in [
            "",
            ".",
            "*.",
            "**",
            "*example.com",
            "a.*.b",
            "http://a",
            "a:80",
            "a/b",
            "a b",
            ".a",
            "a..b",
            "a..",
            "*.10.0.0.0/8",
            // Addresses, in forms that a URL turns into the one with four parts.
            "127.1",
            "0177.0.0.1",
            "2130706433",
            "0x7f000001",
            "1.0x",
            "1.2.3.4.5",
            "*.0.0.1",
            "*.0x1",
            "é",
        ] {
            let refused = PropagationPolicy::default().trace_context_to(["a", wrong]);
            assert_eq!(
                refused.err(),
                Some(Error::HostPattern { position: 1 }),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_context_goes_out_as_far_as_the_host_may_see_it() {
        let span = SpanContext::new(
            TraceId::from(1),
            SpanId::from(2),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let cx = Context::new()
            .with_remote_span_context(span)
            .with_baggage([KeyValue::new("a", "1")]);
        let policy = PropagationPolicy::default()
            .trace_context_to(["both", "trace"])
            .and_then(|policy| policy.baggage_to(["both", "baggage"]))
            .unwrap();
        for (host, trace, baggage) in [
            ("both", true, 1),
            ("trace", true, 0),
            ("baggage", false, 1),
            ("none", false, 0),
        ] {
            let out = policy.outgoing(&cx, host);
            assert_eq!(out.span().span_context().is_valid(), trace, "{host}");
            assert_eq!(out.baggage().len(), baggage, "{host}");
        }
        let all = PropagationPolicy::default();
        assert!(matches!(all.outgoing(&cx, "any"), Cow::Borrowed(_)));
        let nobody = all.baggage_to([""; 0]).unwrap();
        assert_eq!(nobody.outgoing(&cx, "any").baggage().len(), 0);
        let without = cx.with_cleared_baggage();
        assert!(matches!(nobody.outgoing(&without, "any"), Cow::Borrowed(_)));
    }
}
