//! Names that nobody can guess.

/// A random name that nobody can guess: `bytes` bytes of the operating system's randomness, in hexadecimal.
///
/// # Panics
///
/// Panics if the operating system has no randomness. Nothing safe can be done then.
pub(crate) fn random_name(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    fill(&mut random);
    let mut name = String::with_capacity(2 * bytes);
    for nibble in random.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]) {
        name.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
    }
    name
}

/// A new room's epoch: 64 random bits, so that no position in an earlier room with the same id is valid.
#[cfg(feature = "runtime")]
pub(crate) fn random_epoch() -> std::sync::Arc<str> {
    random_name(8).into()
}

/// Bytes that nobody can guess.
///
/// # Panics
///
/// Panics if the operating system has no randomness.
#[cfg(feature = "runtime")]
pub(crate) fn random_bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut random = [0; BYTES];
    fill(&mut random);
    random
}

/// A random time, at most this one.
#[cfg(feature = "runtime")]
pub(crate) fn random_up_to(longest: std::time::Duration) -> std::time::Duration {
    let random = u32::from_le_bytes(random_bytes());
    longest.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn fill(random: &mut [u8]) {
    if let Err(error) = getrandom::fill(random) {
        panic!("the operating system has no random numbers: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hexadecimal_of_the_given_length_and_differ() {
        let (one, other) = (random_name(16), random_name(16));
        assert_eq!(one.len(), 32);
        assert!(
            one.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')),
            "{one}"
        );
        assert_ne!(one, other);
    }
}
