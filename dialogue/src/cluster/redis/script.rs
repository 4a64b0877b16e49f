//! The Lua scripts: each with the parts that are joined in front of it, and the name by which Redis knows it.
//!
//! The header of each file in `scripts/` says what it does, with its keys, arguments and reply.

use std::fmt;
use std::sync::OnceLock;

/// A script of ours.
pub(super) struct Script {
    name: &'static str,
    text: &'static str,
    sha1: OnceLock<String>,
}

impl Script {
    pub(super) const fn new(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text,
            sha1: OnceLock::new(),
        }
    }

    /// The name of its file.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// What `SCRIPT LOAD` and `EVAL` need.
    pub(super) fn text(&self) -> &'static str {
        self.text
    }

    /// What `EVALSHA` needs.
    pub(super) fn sha1(&self) -> &str {
        self.sha1
            .get_or_init(|| sha1_smol::Sha1::from(self.text).digest().to_string())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").field(&self.name).finish()
    }
}

/// Declares a script: its files in the order in which they are joined, the prelude first.
macro_rules! script {
    ($(#[$doc:meta])* $constant:ident = $name:literal $(after $($part:literal),+)?) => {
        $(#[$doc])*
        pub(super) static $constant: Script = Script::new(
            $name,
            concat!(
                include_str!("scripts/prelude.lua"),
                $($(include_str!(concat!("scripts/", $part, ".lua")),)+)?
                include_str!(concat!("scripts/", $name, ".lua")),
            ),
        );
    };
}

script!(
    /// Agrees on the format, the number of partitions and the secret.
    CONTACT = "contact"
);
script!(
    /// Stores and publishes a batch of events of one room, exactly once.
    APPEND = "append" after "epoch", "key"
);
script!(
    /// Reads the positions of rooms of one partition.
    POSITION = "position" after "epoch"
);
script!(
    /// Reads events of a room, newest first.
    READ = "read" after "epoch", "entries"
);
script!(
    /// Reads the outcome of an append by its idempotency key.
    OUTCOME = "outcome" after "key"
);
script!(
    /// Creates a room.
    CREATE_ROOM = "create_room" after "incarnation"
);
script!(
    /// Deletes exactly one incarnation of a room.
    DELETE_ROOM = "delete_room" after "incarnation"
);
script!(
    /// Reads the present incarnations of rooms of one partition.
    ROOMS = "rooms"
);
script!(
    /// Reads which rooms of a partition have changed since a position of the change log.
    CHANGES = "changes"
);
script!(
    /// Replaces the texts of events.
    ERASE = "erase" after "entries"
);
script!(
    /// Takes the lease on a partition's trimmed events, and reads the oldest ones.
    TRIMMED_TAKE = "trimmed_take" after "key"
);
script!(
    /// Removes trimmed events that the application has received.
    TRIMMED_DONE = "trimmed_done"
);
script!(
    /// Reads some names of the lists with events that a server has.
    SCAN = "scan"
);
script!(
    /// Reads which events of one type a user has sent in a room.
    SENT_BY = "sent_by" after "entries"
);

script!(
    /// Reads some of the rooms that a partition knows by id.
    INDEX = "index"
);
script!(
    /// Tries whether this node may publish.
    MAY_PUBLISH = "may_publish"
);
script!(
    /// Says that a node is there.
    HELLO = "hello"
);

/// All scripts, to load them after connecting.
pub(super) static ALL: [&Script; 17] = [
    &CONTACT,
    &APPEND,
    &POSITION,
    &READ,
    &OUTCOME,
    &CREATE_ROOM,
    &DELETE_ROOM,
    &ROOMS,
    &CHANGES,
    &ERASE,
    &TRIMMED_TAKE,
    &TRIMMED_DONE,
    &SCAN,
    &SENT_BY,
    &INDEX,
    &MAY_PUBLISH,
    &HELLO,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_has_its_own_name_and_begins_with_the_prelude() {
        let mut names: Vec<_> = ALL.iter().map(|script| script.sha1()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for script in ALL {
            assert!(
                script.text().starts_with(include_str!("scripts/prelude.lua")),
                "{script:?}"
            );
            assert!(!script.text().starts_with("#!"), "{script:?}");
            assert_eq!(script.sha1().len(), 40);
        }
    }

    #[test]
    fn every_file_is_a_script_or_a_part_of_one() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/redis/scripts");
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                ALL.iter().any(|script| script.text().contains(&text)),
                "{}",
                path.display()
            );
        }
    }
}
