//! Diagnostics about `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY`, which other clients honour and
//! this one does not.

use std::net::IpAddr;

use crate::{env::Env, transport::endpoint::Endpoint};

// Clients for HTTP read the variable for the endpoint's scheme; gRPC clients read both.
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const NONE: [&str; 2] = ["NO_PROXY", "no_proxy"];

const REASON: &str = "has no effect: spans are sent to the endpoint directly";

/// Reports the first proxy variable that is set for the endpoint. Reports nothing if other clients
/// would use no proxy either: for a loopback address, and for a host that `NO_PROXY` lists.
pub(super) fn refuse(env: &mut Env, endpoint: &Endpoint, is_grpc: bool) {
    let variables = match (is_grpc, endpoint.is_https()) {
        (true, _) => [&HTTPS[..], &HTTP, &ALL].concat(),
        (false, true) => [HTTPS, ALL].concat(),
        (false, false) => [HTTP, ALL].concat(),
    };
    let Some(set) = variables.into_iter().find(|name| env.get(name).is_some()) else {
        return;
    };
    let (host, port) = endpoint.server();
    let excluded = NONE.into_iter().find_map(|name| env.get(name));
    if !is_loopback(&host) && !excludes(&excluded.unwrap_or_default(), &host, port) {
        env.refuse(set, REASON);
    }
}

fn is_loopback(host: &str) -> bool {
    let is_loopback = |address: IpAddr| address.is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
}

/// Whether a list of names, addresses and networks contains the host. Entries may have a port,
/// which must then be that of the endpoint. A name matches itself and its subdomains; `*` matches
/// every host.
///
/// Source: the `golang.org/x/net/http/httpproxy` package and curl's manual, `NO_PROXY`. They differ
/// in whether `.a.b` matches `a.b`. It does here, as in curl.
fn excludes(list: &str, host: &str, port: u16) -> bool {
    let mut entries = list.split([',', ' ']).filter(|entry| !entry.is_empty());
    entries.any(|entry| {
        let entry = entry.strip_suffix(&format!(":{port}")).unwrap_or(entry);
        let entry = entry.trim_start_matches('[').trim_end_matches(']');
        entry == "*" || has_name(entry, host) || has_address(entry, host).unwrap_or(false)
    })
}

fn has_name(entry: &str, host: &str) -> bool {
    let [entry, host] = [entry, host].map(str::to_ascii_lowercase);
    let entry = entry.strip_prefix('.').unwrap_or(&entry);
    host.strip_suffix(entry)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether the address or network `entry` contains the address `host`. `None` unless both are
/// addresses of the same IP version.
fn has_address(entry: &str, host: &str) -> Option<bool> {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let (network, prefix) = entry.split_once('/').unwrap_or((entry, ""));
    let (network, longest) = bits(network.parse().ok()?);
    let (host, kind) = bits(host.parse().ok()?);
    let prefix = match prefix {
        "" => longest,
        prefix => prefix.parse().ok()?,
    };
    if kind != longest || prefix > longest {
        return None;
    }
    // A prefix of 0 contains every address; the shift by all 128 bits overflows.
    let differ = (network ^ host).checked_shr(128 - prefix).unwrap_or(0);
    Some(differ == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::with_variables;

    #[track_caller]
    fn check(variables: &[(&str, &str)], endpoint: &str, is_grpc: bool, expected: &[&str]) {
        let endpoint = Endpoint::parse(endpoint).unwrap();
        let ((), refused) = with_variables(variables, |env| refuse(env, &endpoint, is_grpc));
        let names: Vec<_> = refused.iter().map(|refused| refused.variable).collect();
        assert_eq!(names, expected, "{variables:?}");
        for refused in refused {
            assert!(!refused.reason.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn proxy_for_the_endpoint_is_reported_once() {
        let proxy = "http://user:s3cret@proxy:3128";
        let http = "http://collector:4318/v1/traces";
        check(&[], http, false, &[]);
        check(&[("HTTP_PROXY", "")], http, false, &[]);
        check(&[("HTTP_PROXY", proxy)], http, false, &["HTTP_PROXY"]);
        check(&[("http_proxy", proxy)], http, false, &["http_proxy"]);
        check(&[("ALL_PROXY", proxy)], http, false, &["ALL_PROXY"]);
        check(&[("all_proxy", proxy)], http, false, &["all_proxy"]);
        // A proxy for the other scheme.
        check(&[("HTTPS_PROXY", proxy)], http, false, &[]);
        check(&[("https_proxy", proxy)], http, true, &["https_proxy"]);
        check(&[("http_proxy", proxy)], http, true, &["http_proxy"]);
        let all = [
            ("ALL_PROXY", proxy),
            ("HTTP_PROXY", proxy),
            ("http_proxy", proxy),
        ];
        check(&all, http, false, &["HTTP_PROXY"]);
        #[cfg(feature = "tls")]
        {
            let https = "https://collector/v1/traces";
            check(&[("HTTPS_PROXY", proxy)], https, false, &["HTTPS_PROXY"]);
            check(&[("HTTP_PROXY", proxy)], https, false, &[]);
        }
    }

    #[test]
    fn proxy_that_would_not_be_used_is_not_reported() {
        let proxy = ("HTTP_PROXY", "http://proxy:3128");
        for loopback in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"] {
            check(&[proxy], &format!("http://{loopback}:4318/"), false, &[]);
        }
        check(
            &[proxy, ("no_proxy", "collector")],
            "http://collector:4318",
            false,
            &[],
        );
        check(
            &[proxy, ("NO_PROXY", "other")],
            "http://collector:4318",
            false,
            &["HTTP_PROXY"],
        );
    }

    /// Examples from golang.org/x/net/http/httpproxy and from curl's manual.
    #[test]
    fn excluded_hosts_are_names_addresses_and_networks() {
        let check = |list, host, expected| {
            assert_eq!(excludes(list, host, 4318), expected, "{list:?} {host}");
        };
        for list in ["a.b", ".a.b", "A.B", "x, a.b", "x a.b", "*", "a.b:4318"] {
            check(list, "a.b", true);
        }
        for list in ["", ",", "b.a", "aa.b", "b:4319", "a.b:80", "c", "/", "a/8"] {
            check(list, "a.b", false);
        }
        check("a.b", "x.a.b", true);
        check("a.b", "xa.b", false);
        for list in [
            "10.1.2.3",
            "10.0.0.0/8",
            "10.1.2.3/32",
            "0.0.0.0/0",
            "10.1.2.3:4318",
        ] {
            check(list, "10.1.2.3", true);
        }
        for list in [
            "10.1.2.4",
            "11.0.0.0/8",
            "10.1.2.3/33",
            "::/0",
            "10.1.2.3/x",
        ] {
            check(list, "10.1.2.3", false);
        }
        check("fd00::/8", "fd12::1", true);
        check("::/0", "fd12::1", true);
        check("[fd12::1]:4318", "fd12::1", true);
        check("fe80::/10", "fd12::1", false);
    }
}
