//! Hash tags: the part of a name in braces, which decides the slot of a Redis Cluster. Pure.

use std::sync::Arc;

/// The slots of a Redis Cluster.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a hash tag.
pub(super) fn slot(tag: &[u8]) -> u16 {
    crc16(tag) % SLOTS
}

/// The slot of a key or channel whose hash tag comes first.
pub(super) fn slot_of(name: &[u8]) -> u16 {
    let tag = name.strip_prefix(b"{").and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'}')?;
        Some(&rest[..end])
    });
    slot(tag.unwrap_or(name))
}

/// The tags of the partitions. Partition `p` of `n` gets a slot from `p * 16384 / n` up to the next partition's: its name is
/// the first text of digits and letters, shorter ones first, for which that holds.
pub(super) fn tags(prefix: &str, partitions: u16) -> Arc<[Box<str>]> {
    let mut tags = vec![None; usize::from(partitions)];
    let mut missing = tags.len();
    let begin = crc16_on(0, format!("{prefix}:").as_bytes());
    let mut name = Vec::new();
    while missing > 0 {
        next_name(&mut name);
        let slot = u32::from(crc16_on(begin, &name) % SLOTS);
        // The partition whose slots these are: the highest `p` with `p * 16384 / n <= slot`.
        let partition = ((slot + 1) * u32::from(partitions)).div_ceil(u32::from(SLOTS)) - 1;
        if let Some(tag @ None) = tags.get_mut(partition as usize) {
            *tag = Some(format!("{prefix}:{}", String::from_utf8_lossy(&name)).into_boxed_str());
            missing -= 1;
        }
    }
    tags.into_iter().flatten().collect()
}

/// The next text of digits and letters: shorter ones first, then in the order of the alphabet.
fn next_name(name: &mut Vec<u8>) {
    for index in (0..name.len()).rev() {
        match name[index] {
            b'9' => name[index] = b'a',
            b'z' => {
                name[index] = b'0';
                continue;
            }
            other => name[index] = other + 1,
        }
        return;
    }
    name.push(b'0');
}

/// CRC-16/XMODEM, which Redis Cluster uses.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    crc16_on(0, bytes)
}

fn crc16_on(begin: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(begin, |crc, byte| {
        let index = (crc >> 8) as u8 ^ byte;
        (crc << 8) ^ CRC_TABLE[usize::from(index)]
    })
}

const CRC_TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 {
                (crc << 1) ^ 0x1021
            } else {
                crc << 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_redis() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12_182);
    }

    #[test]
    fn the_first_tag_of_a_name_decides() {
        assert_eq!(slot_of(b"{foo}:c:{bar}"), slot(b"foo"));
        assert_eq!(slot_of(b"foo"), slot(b"foo"));
        assert_eq!(slot_of(b"{foo"), slot(b"{foo"));
    }
}
