//! The key of a client within this process, and maps by it.

use std::hash::{BuildHasherDefault, Hasher};

use indexmap::IndexMap;

/// Identifies a client within this process. Rooms use it as a key because hashing it is cheaper than hashing the client's
/// id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientKey(pub(crate) u64);

/// A map by client. The server numbers its clients, so it needs no hash function that withstands chosen keys.
pub(crate) type ClientMap<T> = IndexMap<ClientKey, T, BuildHasherDefault<KeyHasher>>;

/// Hashes the number of a key by one multiplication.
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

/// 2^64 divided by the golden ratio: it spreads consecutive numbers evenly.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // A map uses the lowest and the highest bits. In the lower half of the product, the lowest bits depend on few bits of
        // the number. In the upper half, the highest bits do.
        let product = u128::from(self.0 ^ number) * u128::from(SPREAD);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    fn hash(key: u64) -> u64 {
        BuildHasherDefault::<KeyHasher>::default().hash_one(ClientKey(key))
    }

    #[test]
    fn keys_at_any_distance_fall_into_different_buckets() {
        for distance in [1, 2, 3, 10, 64, 1_000, 1_024, 1 << 20, 1 << 30] {
            let buckets: HashSet<u64> = (0..256).map(|number| hash(number * distance) % 512).collect();
            assert!(
                buckets.len() > 128,
                "{} buckets at the distance {distance}",
                buckets.len()
            );
            let tags: HashSet<u64> = (0..256).map(|number| hash(number * distance) >> 57).collect();
            assert!(tags.len() > 32, "{} tags at the distance {distance}", tags.len());
        }
    }
}
