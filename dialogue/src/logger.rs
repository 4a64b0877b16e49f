//! The loggers that come with Dialogue, for `Dialogue::builder().logger(…)`.
//!
//! Owns how a log line looks and that one event is one line, whatever a client managed to get into it. What is logged
//! is decided where it happens, through `tracing`.

use std::io::{self, Write};

use tracing::{Dispatch, Level};
use tracing_subscriber::fmt::MakeWriter;

/// Logs to standard error: a line for each event at `INFO` or above, with its time in UTC, level, origin, message and
/// fields.
///
/// Line breaks, other control characters and characters that reverse the direction of text are escaped, so that what
/// a client sent cannot pass for a line of the log. For other levels, filters or formats, give the builder a
/// dispatcher of your own, or none to use the application's subscriber.
#[must_use]
pub fn default_logger() -> Dispatch {
    logger_to(io::stderr)
}

/// Logs nothing. For tests, and for programs that want no output even where a global subscriber is set.
#[must_use]
pub fn silent_logger() -> Dispatch {
    Dispatch::none()
}

fn logger_to<W>(writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_writer(OneLine(writer))
        .finish()
        .into()
}

/// Makes writers that escape whatever could end a line or hide in one, but for the line's own end.
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLineWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(self.0.make_writer())
    }
}

/// Writes one formatted event, which the formatter hands over whole.
struct OneLineWriter<W>(W);

impl<W: Write> Write for OneLineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut escaped = String::with_capacity(event.len());
        for character in line.chars() {
            if forges(character) {
                escaped.extend(character.escape_default());
            } else {
                escaped.push(character);
            }
        }
        escaped.push('\n');
        self.0.write_all(escaped.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether a character can make a line look like something else: controls (line breaks and terminal escapes among
/// them), Unicode's own line breaks, and the marks that change the direction of text.
fn forges(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
