//! `usage.*`: how calls are counted, and how long the counts are kept.

use super::reader::Reader;
use crate::domain::usage::Retention;
use std::time::Duration;

/// `usage.*`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// How often a node adds what it counted to the database: the most that a crash loses.
    pub flush_every: Duration,
    /// How many combinations of client, endpoint, grant type, resource and outcome a node tells apart between two flushes.
    pub most_keys: usize,
    /// How long rollups are kept.
    pub retention: Retention,
}

impl Usage {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            flush_every: reader.duration("usage.flush_every", 1..=300),
            most_keys: reader.count("usage.most_keys", 16..=65_536),
            retention: Retention {
                hours: reader.lifetime("usage.hours_kept", 86_400..=31_536_000),
                days: reader.lifetime("usage.days_kept", 86_400..=315_360_000),
            },
        }
    }
}
