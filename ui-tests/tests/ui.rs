//! Checks that the macros accept valid programs and report the expected errors for invalid ones.

#[test]
fn valid_programs_compile_and_each_mistake_has_its_own_error() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
