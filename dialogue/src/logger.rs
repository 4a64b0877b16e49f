//! The loggers that come with Dialogue, for `Dialogue::builder().logger(…)`.
//!
//! Owns the format of a log line, and makes sure that one event is one line, whatever text a client sends. Each module
//! decides what it logs, and logs through `tracing`.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use tracing::{Dispatch, Level};
use tracing_subscriber::fmt::MakeWriter;

/// Logs to standard error: one line for each event at `INFO` or above, with its time in UTC, level, origin, message
/// and fields.
///
/// Line breaks, other control characters and characters that reverse the direction of text are escaped. A client
/// therefore cannot send text that looks like a line of the log. For other levels, filters or formats, give the
/// builder your own dispatcher. To use the application's subscriber, set no logger.
#[must_use]
pub fn default_logger() -> Dispatch {
    logger_to(io::stderr)
}

/// Logs nothing. Use it in tests, and in programs that want no output even if a global subscriber is set.
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
        // `tracing_subscriber` prints them with `eprintln!`, which panics if standard error is a closed pipe.
        .log_internal_errors(false)
        .finish()
        .into()
}

/// Makes writers that escape every character that could end or disguise a line, except for the line's own end.
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLineWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(self.0.make_writer())
    }
}

/// Text that somebody else chose, for a field of a log line: it takes one line and cannot disguise it, whatever subscriber
/// prints it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SafeText<'a>(pub(crate) &'a str);

impl fmt::Display for SafeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match forges(character) {
            true => write!(f, "{}", character.escape_default()),
            false => f.write_char(character),
        })
    }
}

/// At most `max` characters of text that somebody else chose, as [`SafeText`].
pub(crate) fn shown(text: &str, max: usize) -> String {
    let mut shown: String = text.chars().take(max).collect();
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    SafeText(&shown).to_string()
}

/// Writes one formatted event. The formatter passes it in one piece.
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

/// Whether a character can make a line look like something else. These are control characters (including line breaks
/// and terminal escapes), Unicode's own line breaks, and the marks that change the direction of text.
fn forges(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{061c}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        fn logger(&self) -> Dispatch {
            let captured = self.clone();
            logger_to(move || captured.clone())
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn logs_level_message_and_fields_at_info_and_above() {
        let captured = Captured::default();
        tracing::dispatcher::with_default(&captured.logger(), || {
            tracing::info!(room = "chat", "joined");
            tracing::debug!("too fine");
        });
        let text = captured.text();
        assert!(text.contains(" INFO "), "{text}");
        assert!(text.ends_with("joined room=\"chat\"\n"), "{text}");
        assert!(!text.contains("too fine"), "{text}");
    }

    #[test]
    fn an_event_is_one_line_whatever_it_contains() {
        let captured = Captured::default();
        let forged = "a\r\nERROR b\u{1b}[2J\u{85}\u{2028}\u{202e}c";
        tracing::dispatcher::with_default(&captured.logger(), || {
            tracing::warn!(id = %forged, debug = ?forged, "refused {forged}");
        });
        let text = captured.text();
        assert_eq!(
            text.chars().filter(|character| forges(*character)).count(),
            1,
            "{text:?}"
        );
        assert!(text.ends_with('\n'), "{text:?}");
        assert!(text.contains("id=a\\r\\nERROR b"), "{text:?}");
        assert!(text.contains("\\u{85}\\u{2028}\\u{202e}c"), "{text:?}");
    }

    #[test]
    fn logs_text_in_any_script_unchanged() {
        let captured = Captured::default();
        tracing::dispatcher::with_default(&captured.logger(), || tracing::info!("Grüße, 世界 🎉"));
        assert!(captured.text().ends_with("Grüße, 世界 🎉\n"));
    }

    #[test]
    fn the_silent_logger_hides_events_from_the_subscriber_around_it() {
        let captured = Captured::default();
        tracing::dispatcher::with_default(&captured.logger(), || {
            tracing::dispatcher::with_default(&silent_logger(), || tracing::error!("unheard"));
            tracing::error!("heard");
        });
        let text = captured.text();
        assert!(text.contains("heard") && !text.contains("unheard"), "{text}");
    }
}
