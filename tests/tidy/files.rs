//! The files: where they are, how long they are, and that none is unfinished.

use std::{collections::BTreeSet, fs};

use crate::workspace::{files, none, read, root, shown};

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
