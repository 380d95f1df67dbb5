//! `sessions.*`: how long a browser stays signed in.

use super::reader::Reader;
use crate::domain::time::Lifetime;

/// `sessions.*`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    /// Without being used.
    pub idle_lifetime: Lifetime,
    /// At all.
    pub lifetime: Lifetime,
    /// Whether apps may watch the state of a sign-in from a frame (OpenID Connect Session Management 1.0).
    pub session_management: bool,
}

impl Sessions {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let sessions = Self {
            idle_lifetime: reader.lifetime("sessions.idle_lifetime", 60..=31_536_000),
            lifetime: reader.lifetime("sessions.lifetime", 60..=31_536_000),
            session_management: reader.flag("sessions.session_management"),
        };
        if sessions.idle_lifetime > sessions.lifetime {
            reader.object("sessions.idle_lifetime", "it is more than sessions.lifetime");
        }
        sessions
    }
}
