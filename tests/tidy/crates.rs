//! The arrows between the crates.

use crate::workspace::{list, metadata, none, package, text};

/// Each crate with the crates of the workspace that it may depend on, and the external crates that
/// it must not depend on.
pub(crate) const ARROWS: [(&str, &[&str], &[&str]); 5] = [
    (
        "tracer-core",
        &["tracer-core-macros"],
        &["http", "hyper", "reqwest", "tonic", "tower", "sqlx"],
    ),
    (
        "tracer-propagation",
        &[],
        &["opentelemetry_sdk", "tokio", "hyper", "reqwest"],
    ),
    (
        "tracer-sampling",
        &["tracer-core"],
        &["http", "hyper", "tokio"],
    ),
    (
        "tracer-export",
        &["tracer-core", "tracer-propagation", "tracer-sampling"],
        &["tower", "axum", "sqlx"],
    ),
    (
        "tracer-instrument",
        &["tracer-core", "tracer-propagation"],
        &["opentelemetry_sdk", "opentelemetry-otlp", "tonic"],
    ),
];

#[test]
fn arrows_between_crates_point_one_way() {
    let metadata = metadata();
    let mut findings = Vec::new();
    for (name, allowed, forbidden) in ARROWS {
        for dependency in list(package(&metadata, name), "dependencies") {
            let target = text(dependency, "name");
            // Tests of a crate may use what they like.
            if text(dependency, "kind") == "dev" {
                continue;
            }
            let ours = target.starts_with("tracer-") || target == "shop";
            if (ours && !allowed.contains(&target)) || forbidden.contains(&target) {
                findings.push(format!("{name} -> {target}"));
            }
        }
    }
    none("dependencies against the arrows", &findings);
}
