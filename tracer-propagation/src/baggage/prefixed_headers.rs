//! Baggage with one header for each member: `uberctx-*`, `ot-baggage-*`, `x-baggage-*`.

use std::borrow::Cow;

use opentelemetry::baggage::Baggage;

use crate::baggage::decode::{Reader, Values};
use crate::baggage::encode;
use crate::carrier::{Carrier, CarrierMut};
use crate::limits::BAGGAGE_BYTES;
use crate::ows::trim;
use crate::stats;

/// The headers in which a format carries baggage.
pub(crate) struct PrefixedHeaders {
    /// The start of each header's name, in lowercase.
    pub(crate) prefix: &'static str,
    /// The name of a header with a list of members, which is read but never sent.
    pub(crate) list: Option<&'static str>,
    /// How values are encoded.
    pub(crate) values: Values,
}

impl PrefixedHeaders {
    /// Reads the baggage of a message, or returns `None` if there is no valid member.
    ///
    /// Keys become lowercase, and values are percent-decoded.
    pub(crate) fn read(&self, carrier: &dyn Carrier) -> Option<Baggage> {
        let mut reader = Reader::new();
        let mut dropped = 0;
        if let Some(list) = self.list {
            carrier.each_value(list, &mut |value| {
                reader.extend_list(value, self.values, &mut |_| dropped += 1)
            });
        }
        carrier.each_prefixed(self.prefix, &mut |name, value| {
            let key = name.get(self.prefix.len()..).unwrap_or_default();
            reader.insert(key, trim(value), self.values, &mut |_| dropped += 1)
        });
        if dropped > 0 {
            stats::add(&stats::BAGGAGE_MEMBERS_DROPPED, dropped);
        }
        Some(reader.finish()).filter(|baggage| !baggage.is_empty())
    }

    /// Writes each member as a header. These formats have no place for the properties of a member.
    ///
    /// Of keys that differ only in case, the first one is sent, because their headers have the same
    /// name. `Baggage` itself holds at most 64 members.
    ///
    /// Names that end in `-bin` are left out. gRPC expects base64 in their values (*gRPC over HTTP2*,
    /// Custom-Metadata), and its servers for C++ and Go end the call if a value is not base64. So a
    /// caller that sends such baggage could end the calls of this process.
    pub(crate) fn write(&self, baggage: &Baggage, carrier: &mut dyn CarrierMut) {
        if baggage.is_empty() {
            return;
        }
        let (mut dropped, mut bytes) = (0, 0);
        let mut sent: Vec<String> = Vec::new();
        for (key, value, _) in encode::sorted(baggage) {
            let name = format!("{}{}", self.prefix, key.to_ascii_lowercase());
            let value = match self.values {
                Values::Raw => encode::raw_value(value),
                Values::UrlEncoded => encode::value(value).to_string(),
            };
            // Counted as in a list of members, so that one that is sent can also be read.
            let size = usize::from(bytes > 0) + key.len() + 1 + value.len();
            let is_name = encode::is_key(key) && !name.ends_with("-bin");
            if is_name && !sent.contains(&name) && bytes + size <= BAGGAGE_BYTES {
                bytes += size;
                carrier.set(&name, Cow::Owned(value));
                sent.push(name);
            } else {
                dropped += 1;
            }
        }
        if dropped > 0 {
            stats::add(&stats::BAGGAGE_MEMBERS_DROPPED, dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;
    use crate::carrier::InjectorCarrier;

    const FORM: PrefixedHeaders = PrefixedHeaders {
        prefix: "uberctx-",
        list: Some("jaeger-baggage"),
        values: Values::UrlEncoded,
    };

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: &[(&str, &str)]) {
        let baggage = FORM.read(&headers).unwrap_or_default();
        let found: BTreeMap<_, _> = baggage
            .iter()
            .map(|(key, (value, _))| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected.iter().copied().collect(), "{headers:?}");
    }

    fn written(baggage: &Baggage) -> BTreeMap<String, String> {
        let mut map = HashMap::new();
        FORM.write(baggage, &mut InjectorCarrier(&mut map));
        map.into_iter().collect()
    }

    #[test]
    fn values_are_decoded_and_keys_become_lowercase() {
        check(&[("UberCtx-Foo", "a%20b+c%2Bd")], &[("foo", "a b c+d")]);
        check(&[("uberctx-a", ""), ("uberctx", "x")], &[("a", "")]);
        check(
            &[("uberctx-a", "100%"), ("uberctx-b", "%ZZ")],
            &[("a", "100%"), ("b", "%ZZ")],
        );
        check(&[("uberctx-a", "%0d%0aX: 1")], &[("a", "\r\nX: 1")]);
        check(&[("uberctx-a", " \ta b\t ")], &[("a", "a b")]);
    }

    /// The last three values are those of the tests of OpenTelemetry Go (`propagators/ot`).
    #[test]
    fn a_malformed_member_costs_itself_only() {
        let good = ("uberctx-good", "1");
        for bad in [
            ("uberctx-", "1"),
            ("uberctx-a b", "1"),
            ("uberctx-a", "1\r\nX: 2"),
            ("uberctx-a", "1\t2"),
            ("uberctx-a", "\x7f"),
            ("uberctx-d\u{2013}76", "test"),
            ("uberctx-test", "\u{f8}tel"),
            ("uberctx-test", &"s".repeat(8188)),
        ] {
            check(&[bad, good], &[("good", "1")]);
        }
        check(
            &[("uberctx-test", &"s".repeat(8187))],
            &[("test", &"s".repeat(8187))],
        );
    }

    #[test]
    fn a_list_is_read_under_the_same_budget() {
        check(
            &[
                ("jaeger-baggage", "K1=v1, k2 = v%2C2 ,k3,,k4=a=b"),
                ("uberctx-k5", "v5"),
            ],
            &[("k1", "v1"), ("k2", "v,2"), ("k4", "a=b"), ("k5", "v5")],
        );
        let list = vec!["a=1"; 64].join(",");
        check(
            &[("jaeger-baggage", &list), ("uberctx-b", "2")],
            &[("a", "1")],
        );
        // What is no member takes the place of one.
        let list = format!("{}a=1", "no value,".repeat(64));
        check(&[("jaeger-baggage", &list)], &[]);
        // 8,187 + comma + 4 = 8,192; one byte more does not fit.
        let list = format!("a={}", "x".repeat(8185));
        let (a, list) = (("a", &list[2..]), ("jaeger-baggage", list.as_str()));
        check(&[list, ("uberctx-b", "22")], &[a, ("b", "22")]);
        check(
            &[list, ("uberctx-b", "333"), ("uberctx-c", "")],
            &[a, ("c", "")],
        );
    }

    #[test]
    fn a_name_that_comes_again_is_read_once_and_its_last_value_stays() {
        let mut headers = vec![("uberctx-a", "1"); 30];
        headers.push(("UBERCTX-A", "last"));
        let names: Vec<String> = (0..33).map(|n| format!("uberctx-{n}")).collect();
        headers.extend(names.iter().map(|name| (name.as_str(), "2")));
        let mut expected = vec![("a", "last")];
        expected.extend(names.iter().map(|name| (&name[8..], "2")));
        check(&headers, &expected);
    }

    #[test]
    fn output_cannot_become_another_header_and_stays_in_the_budget() {
        let mut baggage = Baggage::new();
        baggage.insert("bin", "$$$");
        baggage.insert("key-Bin", "$$$");
        baggage.insert_with_metadata("Key", "\u{e9}\r\nx: 1, 100%+", "p=1");
        baggage.insert("key", "shadowed");
        let expected = (
            "uberctx-key".to_owned(),
            "%C3%A9%0D%0Ax:%201%2C%20100%25%2B".to_owned(),
        );
        assert_eq!(written(&baggage), BTreeMap::from([expected]));
        assert!(written(&Baggage::new()).is_empty());

        // 4,095 + comma + 4,096 = 8,192, and with one byte more the second one goes.
        for (len, sent) in [(4094, 2), (4095, 1)] {
            let mut baggage = Baggage::new();
            baggage.insert("a", "x".repeat(4093));
            baggage.insert("b", "x".repeat(len));
            assert_eq!(written(&baggage).len(), sent);
        }
        // Encoded each takes 1 + 1 + 3 x 1,000 bytes: two and a comma fit.
        let mut baggage = Baggage::new();
        for key in ["a", "b", "c"] {
            baggage.insert(key, ",".repeat(1000));
        }
        assert_eq!(written(&baggage).len(), 2);
    }
}
