//! The process's table of file descriptors, which Linux lets grow at a price.

use std::os::fd::AsFd;

/// How many descriptors there is room for from the start, where the process may have as many: 128 KiB of the kernel's memory.
const DESCRIPTORS: i32 = 16_384;

/// Makes room for the descriptors of many connections at once.
///
/// The kernel doubles the table whenever it is full, and in a process with threads waits each time until every core has
/// been through its scheduler: some 10 ms, in which the thread that accepts stands still. When all clients come back after
/// a restart, that adds up. The table is as large as the highest descriptor that there ever was, and does not shrink.
pub(super) fn make_room(socket: impl AsFd) {
    let mut highest = DESCRIPTORS - 1;
    // Refused if the process may have fewer. Whoever may have hardly any needs no room.
    while highest > 255 && rustix::io::fcntl_dupfd_cloexec(&socket, highest).is_err() {
        highest /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of a file of this process in `/proc`, without its name.
    fn line(file: &str, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/self/{file}")).expect("Linux has it");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line of this name").to_owned()
    }

    #[test]
    fn there_is_room_for_as_many_as_the_process_may_have() {
        let may_have = line("limits", "Max open files");
        let may_have = may_have.split_whitespace().next().and_then(|soft| soft.parse().ok());
        make_room(std::fs::File::open("/dev/null").expect("it is always there"));
        let room: usize = line("status", "FDSize:").trim().parse().expect("a number");
        // As many as it may have, but for the halving.
        let expected = may_have.unwrap_or(usize::MAX).min(DESCRIPTORS as usize) / 2;
        assert!(room > expected, "room for {room}");
    }
}
