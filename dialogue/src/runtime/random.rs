//! Names that nobody can guess.

use std::sync::Arc;

/// A random name that cannot be guessed: `bytes` bytes of the operating system's randomness, in hexadecimal.
///
/// # Panics
///
/// When the operating system has no randomness to give. Nothing safe can be done then.
pub(crate) fn random_name(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    if let Err(error) = getrandom::fill(&mut random) {
        panic!("the operating system gives no random numbers: {error}");
    }
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new room's epoch: 64 random bits, so that no position of an earlier room of the same id fits.
pub(crate) fn random_epoch() -> Arc<str> {
    random_name(8).into()
}
