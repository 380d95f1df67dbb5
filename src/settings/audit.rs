//! `audit.*`: what is kept of who did what.

use super::reader::Reader;
use crate::domain::time::Lifetime;

/// `audit.*`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// How long an event is kept.
    pub keep: Lifetime,
    /// Whether events hold the source address of their request.
    pub source_address: bool,
}

impl Audit {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            keep: Lifetime::days(reader.number("audit.keep", 1..=3650)),
            source_address: reader.flag("audit.source_address"),
        }
    }
}
