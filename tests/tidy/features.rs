//! The tables of features in the documentation of the crates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    crates::ARROWS,
    workspace::{metadata, none, package, read, root},
};

#[test]
fn feature_tables_match_the_manifests() {
    let metadata = metadata();
    let mut findings = Vec::new();
    for (name, ..) in ARROWS {
        let features: BTreeMap<_, _> = package(&metadata, name)
            .get("features")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(feature, _)| *feature != "default")
            .collect();
        let docs = read(&root().join(name).join("src/lib.rs"));
        let table = docs.split_once("# Features").map_or("", |(_, after)| after);
        let table = table.split("//! #").next().unwrap_or_default();
        let documented: BTreeSet<_> = table
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
            .collect();
        let real: BTreeSet<_> = features.keys().map(|feature| feature.as_str()).collect();
        if documented != real {
            findings.push(format!("{name}: documents {documented:?}, has {real:?}"));
        }
    }
    none("feature tables", &findings);
}
