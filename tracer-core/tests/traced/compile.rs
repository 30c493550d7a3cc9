//! Programs that compile without a warning, and programs that are refused, with their messages.

#[test]
fn good_code_compiles_and_mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/traced/pass/*.rs");
    cases.compile_fail("tests/traced/fail/*.rs");
}

/// These programs are also modules of this test program, so that Clippy checks them.
#[test]
fn the_programs_without_warnings_run() {
    crate::forms::main();
    crate::lints::main();
}
