//! What the macros accept, and what they say of what they do not.

#[test]
fn right_programs_compile_and_each_mistake_has_its_sentence() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
