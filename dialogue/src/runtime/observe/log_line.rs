//! Log lines that clients can cause: what they name, and how they are written.
//!
//! Owns the names in such a line. [`super::log_limit`] owns the limit. The place where something happens decides about the
//! level and the text of its line.

use tracing::field::{DisplayValue, display};

use super::emit::Involved;
use crate::logger::SafeText;

/// A name in a log line.
type Name<'a> = Option<DisplayValue<SafeText<'a>>>;

/// The names in a log line. Those that a client or a user chose take one line, whatever they contain.
pub(crate) struct Names<'a> {
    pub(crate) room: Name<'a>,
    pub(crate) event: Name<'a>,
    pub(crate) user: Name<'a>,
    pub(crate) client: Name<'a>,
    pub(crate) peer: Option<DisplayValue<std::net::SocketAddr>>,
}

impl<'a> From<Involved<'a>> for Names<'a> {
    fn from(involved: Involved<'a>) -> Self {
        let name = |text: &'a str| display(SafeText(text));
        Self {
            room: involved.room.map(|room| name(room)),
            event: involved.event.map(|event| name(event)),
            user: involved.user.map(|user| name(user)),
            client: involved.client.map(|client| name(client)),
            peer: involved.peer.map(display),
        }
    }
}

/// Logs a line that a client can cause, at most as often as the limiter permits: `log_line!(LEVEL, core, involved, detail,
/// { fields }, "text")`. `detail` is the hook or the code that the line is about; each has its own limit.
macro_rules! log_line {
    ($level:ident, $core:expr, $involved:expr, $detail:expr, { $($fields:tt)* }, $text:literal) => {{
        let core: &$crate::runtime::Core = &$core;
        core.log(|| {
            if !tracing::enabled!(tracing::Level::$level) {
                return;
            }
            let Some(suppressed) = core.log_limiter.permit(($text, $detail), tokio::time::Instant::now()) else {
                return;
            };
            let names = $crate::runtime::Names::from($involved);
            tracing::event!(
                tracing::Level::$level,
                $($fields)*
                room = names.room,
                event = names.event,
                user = names.user,
                client = names.client,
                peer = names.peer,
                suppressed,
                $text
            );
        });
    }};
}

pub(crate) use log_line;
