//! Checks what a lint cannot: the arrows between crates, the size of files, where unsafe code
//! lives, and that feature tables are true.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a check that cannot run is to fail"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What each crate may depend on of ours, and what it must never reach of others.
const ARROWS: [(&str, &[&str], &[&str]); 5] = [
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

const TOP_LEVEL: [&str; 13] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "examples",
    "tests",
    "tracer-core",
    "tracer-export",
    "tracer-instrument",
    "tracer-propagation",
    "tracer-sampling",
];

const MAX_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "cargo metadata failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The text of a field, or nothing.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn package<'a>(metadata: &'a Value, name: &str) -> &'a Value {
    list(metadata, "packages")
        .find(|package| text(package, "name") == name)
        .unwrap_or_else(|| panic!("no package {name}"))
}

/// The files below a folder of the project, those that git would not keep left out.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                let skipped = name.starts_with('.') || name == "target" || name == "node_modules";
                if !skipped {
                    walk(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    found.retain(|path| {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        endings.contains(&ending.as_ref())
    });
    assert!(!found.is_empty(), "no file found");
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

#[track_caller]
fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n{}", findings.join("\n"));
}

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

#[test]
fn top_level_holds_what_it_should_and_nothing_else() {
    let entries: BTreeSet<_> = fs::read_dir(root())
        .expect("the workspace")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.starts_with('.') && name != "target" && name != "clippy.toml")
        .collect();
    let expected: BTreeSet<_> = TOP_LEVEL.map(str::to_owned).into();
    assert_eq!(entries, expected);
}

#[test]
fn files_are_short() {
    let findings: Vec<_> = files(&["rs", "js", "css", "html", "py"])
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{}: {lines}", shown(path)))
        .collect();
    none("files over 400 lines", &findings);
}

#[test]
fn unsafe_code_is_where_it_belongs_and_says_why_it_is_sound() {
    // Built at run time, so that this file does not find itself.
    let token = ["un", "safe"].concat();
    let mut findings = Vec::new();
    for path in files(&["rs"]) {
        let shown = shown(&path);
        let allowed =
            shown.starts_with("tracer-core/src/ring/") || shown == "tracer-core/src/fork.rs";
        let source = read(&path);
        let lines: Vec<_> = source.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let opens = [
                format!("{token} {{"),
                format!("{token} impl"),
                format!("{token} fn"),
            ]
            .iter()
            .any(|form| code.contains(form.as_str()));
            if !opens {
                continue;
            }
            if !allowed {
                findings.push(format!("{shown}:{}: not the place", at + 1));
            }
            // A function states its contract in its docs; a block or impl why it is met.
            if code.contains(&format!("{token} fn")) {
                continue;
            }
            let above = lines.get(..at).unwrap_or_default().iter().rev();
            let said = above
                .take_while(|line| line.trim_start().starts_with("//"))
                .any(|line| line.contains("SAFETY:"));
            if !said {
                findings.push(format!("{shown}:{}: no SAFETY comment", at + 1));
            }
        }
    }
    none("unsafe code", &findings);
}

#[test]
fn every_crate_but_core_forbids_unsafe_code() {
    let mut findings = Vec::new();
    for package in list(&metadata(), "packages") {
        for target in list(package, "targets") {
            let kind = list(target, "kind").next().and_then(Value::as_str);
            if !matches!(kind, Some("lib" | "bin" | "proc-macro")) {
                continue;
            }
            let path = Path::new(text(target, "src_path"));
            let lint = if text(package, "name") == "tracer-core" {
                "#![deny(unsafe_code)]"
            } else {
                "#![forbid(unsafe_code)]"
            };
            if !read(path).contains(lint) {
                findings.push(format!("{}: {lint}", shown(path)));
            }
        }
    }
    none("crates without the lint", &findings);
}

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

#[test]
fn unfinished_work_is_marked_nowhere() {
    let marks = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["to", "do!("],
        ["unimple", "mented!("],
        ["db", "g!("],
    ];
    let mut findings = Vec::new();
    for path in files(&["rs", "js", "css", "html", "py", "toml", "md"]) {
        for (at, line) in read(&path).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(&mark.concat())) {
                findings.push(format!("{}:{}: {}", shown(&path), at + 1, line.trim()));
            }
            if line.ends_with([' ', '\t']) {
                findings.push(format!(
                    "{}:{}: white space at the end",
                    shown(&path),
                    at + 1
                ));
            }
        }
    }
    none("unfinished work", &findings);
}
