//! What compiles without a warning, and what is refused with which words.

#[test]
fn good_code_compiles_and_mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/traced/pass/*.rs");
    cases.compile_fail("tests/traced/fail/*.rs");
}

/// A module here, so that Clippy sees it, too.
#[test]
fn the_program_without_warnings_runs() {
    crate::lints::main();
}
