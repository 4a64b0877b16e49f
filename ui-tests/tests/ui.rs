//! Checks that the macros accept valid programs and report the expected errors for invalid ones.

#[test]
fn right_programs_compile_and_each_mistake_has_its_sentence() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
