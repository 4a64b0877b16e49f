//! The size of the process's table of file descriptors. Growing it is expensive on Linux.

use std::os::fd::AsFd;

/// How many descriptors the table fits from the start, if the process may open that many. They take 128 KiB of the
/// kernel's memory.
const DESCRIPTORS: i32 = 16_384;

/// Makes space for the descriptors of many connections at once.
///
/// The kernel doubles the table whenever it is full. In a process with threads, it waits each time until every core has
/// passed through its scheduler. That takes about 10 ms, in which the accepting thread stands still. When all clients
/// reconnect after a restart, these pauses add up. The table fits the highest descriptor that was ever open, and does not
/// shrink.
pub(super) fn make_room(socket: impl AsFd) {
    let mut highest = DESCRIPTORS - 1;
    // The kernel refuses a number beyond the process's limit. A process with a very low limit needs no larger table.
    while highest > 255 && rustix::io::fcntl_dupfd_cloexec(&socket, highest).is_err() {
        highest /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rest of a line in one of this process's files in `/proc`, after its name.
    fn line(file: &str, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/self/{file}")).expect("a file of Linux");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line of this name").to_owned()
    }

    #[test]
    fn the_table_fits_as_many_descriptors_as_the_process_may_open() {
        let may_have = line("limits", "Max open files");
        let may_have = may_have.split_whitespace().next().and_then(|soft| soft.parse().ok());
        make_room(std::fs::File::open("/dev/null").expect("a null device"));
        let room: usize = line("status", "FDSize:").trim().parse().expect("a number");
        // The process's limit, or half of it because the search halves.
        let expected = may_have.unwrap_or(usize::MAX).min(DESCRIPTORS as usize) / 2;
        assert!(room > expected, "room for {room}");
    }
}
