//! The maps of the standard library as carriers.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::ops::ControlFlow;

use crate::carrier::{Carrier, CarrierMut};

/// A key in the case that was asked for wins; without it the keys are compared one by one.
impl<S: BuildHasher> Carrier for HashMap<String, String, S> {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        match self.get(name) {
            Some(value) => drop(visit(value.as_bytes())),
            None => ignoring_case(self, name, visit),
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        names(self, visit);
    }
}

impl<S: BuildHasher> CarrierMut for HashMap<String, String, S> {
    fn set(&mut self, name: &str, value: Cow<'_, str>) {
        CarrierMut::remove(self, name);
        self.insert(name.to_owned(), value.into_owned());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

/// As a `HashMap`.
impl Carrier for BTreeMap<String, String> {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        match self.get(name) {
            Some(value) => drop(visit(value.as_bytes())),
            None => ignoring_case(self, name, visit),
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        names(self, visit);
    }
}

impl CarrierMut for BTreeMap<String, String> {
    fn set(&mut self, name: &str, value: Cow<'_, str>) {
        CarrierMut::remove(self, name);
        self.insert(name.to_owned(), value.into_owned());
    }

    fn remove(&mut self, name: &str) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name));
    }
}

fn ignoring_case<'a>(
    map: impl IntoIterator<Item = (&'a String, &'a String)>,
    name: &str,
    visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>,
) {
    for (key, value) in map {
        if key.eq_ignore_ascii_case(name) && visit(value.as_bytes()).is_break() {
            return;
        }
    }
}

fn names<'a>(
    map: impl IntoIterator<Item = (&'a String, &'a String)>,
    visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>,
) {
    for (key, _) in map {
        if visit(key).is_break() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<M: Carrier + CarrierMut + Default + Extend<(String, String)>>() {
        let mut map = M::default();
        map.extend([
            ("TraceParent".to_owned(), "old".to_owned()),
            ("Other".to_owned(), "o".to_owned()),
        ]);
        assert_eq!(values(&map, "traceparent"), ["old"]);

        // One header whatever its case: a receiver that saw two would take neither.
        map.set("traceparent", Cow::Borrowed("new"));
        assert_eq!(values(&map, "TRACEPARENT"), ["new"]);
        map.set("traceparent", Cow::Borrowed("newer"));
        assert_eq!(values(&map, "traceparent"), ["newer"]);
        map.extend([("TRACEPARENT".to_owned(), "stale".to_owned())]);
        map.set("traceparent", Cow::Borrowed("newest"));
        assert_eq!(values(&map, "TRACEPARENT"), ["newest"]);

        let mut seen = Vec::new();
        map.each_name(&mut |name| {
            seen.push(name.to_owned());
            ControlFlow::Continue(())
        });
        seen.sort();
        assert_eq!(seen, ["Other", "traceparent"]);

        CarrierMut::remove(&mut map, "TraceParent");
        assert_eq!(values(&map, "traceparent"), [""; 0]);
    }

    #[test]
    fn the_case_that_was_asked_for_wins() {
        let list = ["TRACEPARENT", "traceparent", "TraceParent"];
        let list = list.map(|name| (name.to_owned(), name.to_owned()));
        let (map, sorted) = (HashMap::from(list.clone()), BTreeMap::from(list));
        assert_eq!(values(&map, "traceparent"), ["traceparent"]);
        assert_eq!(values(&sorted, "traceparent"), ["traceparent"]);
    }

    fn values(carrier: &dyn Carrier, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        carrier.each_value(name, &mut |value| {
            values.push(String::from_utf8_lossy(value).into_owned());
            ControlFlow::Continue(())
        });
        values
    }

    #[test]
    fn maps_hold_one_value_a_name_in_any_case() {
        check::<HashMap<String, String>>();
        check::<BTreeMap<String, String>>();
    }
}
