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
}

impl Sessions {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let sessions = Self {
            idle_lifetime: reader.lifetime("sessions.idle_lifetime", 60..=31_536_000),
            lifetime: reader.lifetime("sessions.lifetime", 60..=31_536_000),
        };
        if sessions.idle_lifetime > sessions.lifetime {
            reader.object("sessions.idle_lifetime", "it is more than sessions.lifetime");
        }
        sessions
    }
}
