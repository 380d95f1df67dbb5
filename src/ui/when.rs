//! A point in time as a person reads it: how long ago, or on which day. Pages know no time zone but UTC, so what is
//! recent is told as a span, which needs none.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::domain::time::Timestamp;

/// From this many days on, the date is told.
const DATE_AFTER_DAYS: i64 = 7;

/// A point in time for a template: `parts.when` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct When {
    /// For programs: RFC 3339, UTC.
    pub iso: String,
    /// The key of the words: `when-now`, `when-minutes`, `when-hours`, `when-days`, `when-date`.
    pub key: &'static str,
    /// How many of them.
    pub count: i64,
    /// The day, UTC.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl When {
    /// As seen from `now`. What lies ahead, because clocks differ, counts as now.
    pub fn of(at: Timestamp, now: Timestamp) -> When {
        let minutes = now.since(at).max(0) / 60;
        let (key, count) = match (minutes, minutes / 60, minutes / (24 * 60)) {
            (0, _, _) => ("when-now", 0),
            (minutes, 0, _) => ("when-minutes", minutes),
            (_, hours, 0) => ("when-hours", hours),
            (_, _, days) if days < DATE_AFTER_DAYS => ("when-days", days),
            _ => ("when-date", 0),
        };
        let date = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        When {
            iso: date.format(&Rfc3339).unwrap_or_default(),
            key,
            count,
            year: date.year(),
            month: date.month().into(),
            day: date.day(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recent_is_told_as_a_span_and_the_rest_as_a_date() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let when = |ago: i64| When::of(Timestamp::from_seconds(1_800_000_000 - ago), now);
        for (ago, key, count) in [
            (-5, "when-now", 0),
            (59, "when-now", 0),
            (60, "when-minutes", 1),
            (3599, "when-minutes", 59),
            (3600, "when-hours", 1),
            (86_399, "when-hours", 23),
            (86_400, "when-days", 1),
            (7 * 86_400 - 1, "when-days", 6),
            (7 * 86_400, "when-date", 0),
        ] {
            assert_eq!((when(ago).key, when(ago).count), (key, count), "{ago}");
        }
        let date = when(0);
        assert_eq!((date.iso.as_str(), date.year, date.month, date.day), ("2027-01-15T08:00:00Z", 2027, 1, 15));
        assert_eq!(When::of(Timestamp::from_seconds(i64::MIN), now).key, "when-date");
    }
}
