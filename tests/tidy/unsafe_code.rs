//! Unsafe code: in which files it may be, and that it says why it is sound.

use std::path::Path;

use serde_json::Value;

use crate::workspace::{files, list, metadata, none, read, shown, text};

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
