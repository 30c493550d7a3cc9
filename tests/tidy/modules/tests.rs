//! Shows with small crates that the checks fail when they have to, and only then.

use super::{
    arrows::{Arrow, arrows},
    check::{against_the_circle, against_the_table},
    source::Source,
    tables::{Layers, Table},
};

/// Reads a crate from the texts of its files.
#[track_caller]
fn source(files: &[(&str, &str)]) -> Source {
    Source::read(&|name| {
        files
            .iter()
            .find(|(file, _)| *file == name)
            .map(|(_, text)| (*text).to_owned())
    })
    .expect("a crate")
}

/// Compares the arrows of a crate with some in the form `file:line -> file modules`.
#[track_caller]
fn check_arrows(files: &[(&str, &str)], expected: &[&str]) {
    let found: Vec<String> = arrows(&source(files))
        .iter()
        .map(|arrow: &Arrow| {
            format!(
                "{}:{} -> {} {}",
                arrow.from_file,
                arrow.line,
                arrow.to_file,
                arrow.through.join(" ")
            )
        })
        .collect();
    assert_eq!(found, expected);
}

/// Compares a crate with a table. Each finding has to contain the expected text.
#[track_caller]
fn check_table(files: &[(&str, &str)], rows: Table, knot: Table, expected: &[&str]) {
    let source = source(files);
    let layers = Layers {
        src: "src",
        rows,
        knot,
    };
    let found = against_the_table(&layers, &source.top_level(), &arrows(&source));
    check_findings(&found, expected);
}

#[track_caller]
fn check_findings(found: &[String], expected: &[&str]) {
    let as_expected = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(finding, text)| finding.contains(text));
    assert!(as_expected, "found {found:#?}, expected {expected:#?}");
}

const LIB: (&str, &str) = ("lib.rs", "mod low; mod high; pub use crate::low::Low;");
const LOW: (&str, &str) = ("low.rs", "pub struct Low;");
const HIGH: (&str, &str) = ("high.rs", "use crate::low::Low;\npub struct High(Low);");

#[test]
fn arrows_of_the_table_are_allowed() {
    let rows = &[("low", ""), ("high", "low")];
    check_table(&[LIB, LOW, HIGH], rows, &[], &[]);
}

#[test]
fn a_new_arrow_is_found_with_its_file_and_line() {
    let rows = &[("low", ""), ("high", "")];
    check_table(
        &[LIB, LOW, HIGH],
        rows,
        &[],
        &["src/high.rs:1 (crate::low::Low): high -> low: remove the use, or add \"low\""],
    );
}

#[test]
fn an_arrow_to_a_higher_layer_is_found() {
    let low = (
        "low.rs",
        "pub struct Low;\nfn back(_: crate::high::High) {}",
    );
    let rows = &[("low", ""), ("high", "low")];
    check_table(
        &[LIB, low, HIGH],
        rows,
        &[],
        &["src/low.rs:2 (crate::high::High): low -> high: high is not a lower layer"],
    );
}

#[test]
fn a_row_cannot_list_a_higher_layer() {
    let low = ("low.rs", "pub struct Low(crate::high::High);");
    let rows = &[("low", "high"), ("high", "low")];
    check_table(
        &[LIB, low, HIGH],
        rows,
        &[],
        &["\"high\" does not stand above the row of \"low\""],
    );
}

#[test]
fn the_knot_allows_an_arrow_to_a_higher_layer_and_no_other() {
    let low = ("low.rs", "pub struct Low(crate::high::High);");
    let rows = &[("low", ""), ("high", "low")];
    check_table(&[LIB, low, HIGH], rows, &[("low", "high")], &[]);

    let rows = &[("low", ""), ("high", "")];
    check_table(
        &[LIB, LOW, HIGH],
        rows,
        &[("high", "low")],
        &["high -> low is no knot"],
    );
}

#[test]
fn an_entry_that_no_code_uses_is_found() {
    let high = ("high.rs", "pub struct High;");
    let rows = &[("low", ""), ("high", "low")];
    check_table(
        &[LIB, LOW, high],
        rows,
        &[("low", "high")],
        &["no code uses high -> low", "no code uses low -> high"],
    );
}

#[test]
fn modules_and_rows_have_to_match() {
    check_table(
        &[LIB, LOW, ("high.rs", "")],
        &[("low", ""), ("gone", "")],
        &[],
        &["add a row for \"high\"", "no module \"gone\": delete it"],
    );
}

#[test]
fn a_path_is_followed_through_re_exports_to_the_module_that_defines_the_item() {
    // From the root, and through a module that passes on an item of another one.
    let files = [
        ("lib.rs", "mod a; mod b; mod c; pub use crate::b::Thing;"),
        ("a.rs", "use crate::Thing;\nuse crate::c::Thing as Same;"),
        ("b/mod.rs", "mod thing; pub use self::thing::Thing;"),
        ("b/thing.rs", "pub struct Thing;"),
        ("c.rs", "pub(crate) use crate::b::Thing;"),
    ];
    check_arrows(
        &files,
        &[
            "a.rs:1 -> b/thing.rs b",
            "a.rs:2 -> b/thing.rs c b",
            "c.rs:1 -> b/thing.rs b",
        ],
    );
}

#[test]
fn a_re_export_of_a_child_counts_only_if_the_file_uses_it() {
    let child = ("a/child.rs", "pub struct Child;");
    let door = ("a/mod.rs", "mod child; pub use child::Child;");
    check_arrows(&[("lib.rs", "mod a;"), door, child], &[]);

    let user = (
        "a/mod.rs",
        "mod child; pub use child::Child;\nfn make() -> Child { todo() }",
    );
    check_arrows(
        &[("lib.rs", "mod a;"), user, child],
        &["a/mod.rs:2 -> a/child.rs a"],
    );
}

#[test]
fn paths_are_found_in_types_expressions_macros_and_inline_modules() {
    let used = ("b.rs", "pub mod inner { pub fn go() {} }\npub struct B;");
    for user in [
        "fn f(_: &[crate::b::B]) {}",
        "fn f() { super::b::inner::go(); }",
        "fn f() { use crate::b::*; }",
        "fn f() { println!(\"{:?}\", [crate::b::B]); }",
        "macro_rules! m { () => { $crate::b::inner::go() } }",
        "mod deep { fn f() { super::super::b::inner::go() } }",
        "impl crate::b::B {}",
    ] {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", user), used];
        check_arrows(&files, &["a.rs:1 -> b.rs b"]);
    }
}

#[test]
fn a_path_below_an_imported_module_leads_to_the_file_that_defines_the_item() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b;\nfn f() { b::go(); }"),
        ("b/mod.rs", "mod steps; pub use self::steps::go;"),
        ("b/steps.rs", "pub fn go() {}"),
    ];
    check_arrows(
        &files,
        &["a.rs:1 -> b/mod.rs b", "a.rs:2 -> b/steps.rs a b"],
    );
}

#[test]
fn an_exported_macro_is_found_where_it_is_defined() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "fn f() { crate::shout!(); }"),
        ("b.rs", "#[macro_export] macro_rules! shout { () => {} }"),
    ];
    check_arrows(&files, &["a.rs:1 -> b.rs b"]);
}

#[test]
fn code_that_no_shipped_build_compiles_does_not_count() {
    for user in [
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] use crate::b::B;",
        "#[cfg(all(test, unix))] fn f(_: crate::b::B) {}",
        "#[cfg(any(test, doc, tracer_loom))] use crate::b::B;",
        "#[cfg(not(not(tracer_shuttle)))] use crate::b::B;",
        "struct A { #[cfg(test)] b: crate::b::B }",
        "impl A { #[cfg(test)] fn f(_: crate::b::B) {} }",
        "fn f() { #[cfg(test)] let b = crate::b::B; }",
        "#[cfg(test)] mod missing;",
        "/// See [`crate::b::B`].\n#[doc = \"crate::b::B\"] struct A;",
    ] {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", user),
            ("b.rs", "pub struct B;"),
        ];
        check_arrows(&files, &[]);
    }
}

#[test]
fn code_that_some_shipped_build_compiles_counts() {
    for condition in [
        "unix",
        "feature = \"testing\"",
        "not(test)",
        "any(test, feature = \"testing\")",
        "not(any(tracer_loom, tracer_shuttle))",
    ] {
        let user = format!("#[cfg({condition})] use crate::b::B;");
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", user.as_str()),
            ("b.rs", "pub struct B;"),
        ];
        check_arrows(&files, &["a.rs:1 -> b.rs b"]);
    }
}

#[test]
fn other_crates_and_the_module_itself_are_no_arrows_between_modules() {
    let files = [
        ("lib.rs", "mod http; mod b;"),
        (
            "http.rs",
            "use http::Uri;\nuse ::b::B;\nfn f(_: Uri) { std::mem::drop(b::go()) }",
        ),
        ("b.rs", "pub use ::http::Uri;"),
    ];
    check_arrows(&files, &[]);
}

// The files `a` and `b` import each other, and `c` imports both.
const A: (&str, &str) = ("a.rs", "use crate::b::B;\npub struct A;");
const B: (&str, &str) = ("b.rs", "\nuse crate::a::A;\npub struct B;");
const C: (&str, &str) = ("c.rs", "use crate::{a::A, b::B};\npub struct C;");
const ABC: (&str, &str) = ("lib.rs", "mod a; mod b; mod c;");

#[test]
fn a_listed_circle_is_allowed() {
    let found = against_the_circle(&["a.rs", "b.rs"], &arrows(&source(&[ABC, A, B, C])));
    check_findings(&found, &[]);
}

#[test]
fn a_grown_circle_is_found_with_its_files_and_the_imports_that_close_it() {
    let b = ("b.rs", "\nuse crate::{a::A, c::C};\npub struct B;");
    let found = against_the_circle(&["a.rs", "b.rs"], &arrows(&source(&[ABC, A, b, C])));
    check_findings(
        &found,
        &[
            "c.rs is new in the circle",
            "circle of 3: a.rs b.rs c.rs",
            "b.rs:2 (crate::c::C) -> c.rs:1 (crate::b::B) -> b.rs",
            "a.rs:1 (crate::b::B) -> b.rs:2 (crate::c::C) -> c.rs:1 (crate::a::A) -> a.rs",
        ],
    );
}

#[test]
fn a_file_that_left_the_circle_has_to_leave_the_list() {
    let b = ("b.rs", "pub struct B;");
    let found = against_the_circle(&["a.rs", "b.rs"], &arrows(&source(&[ABC, A, b, C])));
    check_findings(
        &found,
        &["a.rs is not in the circle", "b.rs is not in the circle"],
    );
}

#[test]
fn a_file_that_is_missing_or_is_not_rust_is_an_error() {
    let read = |text: &'static str| {
        Source::read(&|file| (file == "lib.rs").then(|| text.to_owned())).expect_err("no crate")
    };
    assert_eq!(read("mod gone;"), "gone/mod.rs: no such file");
    assert!(read("fn {").starts_with("lib.rs: "));
}
