//! Names that nobody can guess.

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
    let mut name = String::with_capacity(2 * bytes);
    for nibble in random.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]) {
        name.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
    }
    name
}

/// A new room's epoch: 64 random bits, so that no position of an earlier room of the same id fits.
#[cfg(feature = "runtime")]
pub(crate) fn random_epoch() -> std::sync::Arc<str> {
    random_name(8).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_many_bytes_in_hexadecimal_and_each_another() {
        let (one, other) = (random_name(16), random_name(16));
        assert_eq!(one.len(), 32);
        assert!(
            one.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')),
            "{one}"
        );
        assert_ne!(one, other);
    }
}
