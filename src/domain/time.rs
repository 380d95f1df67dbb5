//! Points and spans of time, in whole seconds. Nothing here reads a clock: `now` is always an argument.

use serde::{Deserialize, Serialize};

/// A point in time: whole seconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This point moved later by `span`; saturates at the end of time.
    pub const fn plus(self, span: Lifetime) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This point moved earlier by `span`.
    pub const fn minus(self, span: Lifetime) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Seconds from `earlier` to this point; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `2027-06-30T12:00:00Z`; the number of seconds for a time beyond the calendar.
    pub fn rfc3339(self) -> String {
        use time::format_description::well_known::Rfc3339;
        let time = time::OffsetDateTime::from_unix_timestamp(self.0).ok();
        time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| self.0.to_string())
    }

    /// Reads `2027-06-30T12:00:00Z`, or a day, `2027-06-30`, which means its first second (UTC).
    pub fn parse(text: &str) -> Option<Self> {
        use time::format_description::well_known::Rfc3339;
        let day = time::macros::format_description!("[year]-[month]-[day]");
        let time = time::OffsetDateTime::parse(text, &Rfc3339).ok();
        let time = time.or_else(|| Some(time::Date::parse(text, day).ok()?.midnight().assume_utc()));
        time.map(|time| Self(time.unix_timestamp()))
    }

    /// Whether something that ends at this point is over at `now`: the end itself is outside.
    pub const fn is_past(self, now: Self) -> bool {
        now.0 >= self.0
    }
}

/// A span of time: whole seconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifetime(i64);

impl Lifetime {
    /// From whole seconds; a negative number becomes zero.
    pub const fn seconds(seconds: i64) -> Self {
        Self(if seconds < 0 { 0 } else { seconds })
    }

    /// From whole minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// From whole hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }

    /// From whole days.
    pub const fn days(days: i64) -> Self {
        Self::hours(days * 24)
    }

    /// What [`Self::parse`] reads, in words.
    pub const FORM: &'static str = "a span is a number and h, d or w, such as 24h, at most 10 years";

    /// Reads `24h`, `7d` or `4w`: at least one hour, at most ten years.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let count: i64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
        let hours = match unit {
            'h' => count,
            'd' => count.saturating_mul(24),
            'w' => count.saturating_mul(24 * 7),
            _ => return None,
        };
        (1..=87_840).contains(&hours).then(|| Self::hours(hours))
    }

    /// The span in seconds.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_and_read_back() {
        let time = Timestamp::from_seconds(1_814_400_000);
        assert_eq!(time.rfc3339(), "2027-07-01T00:00:00Z");
        for text in ["2027-07-01", "2027-07-01T00:00:00Z", "2027-07-01T09:00:00+09:00"] {
            assert_eq!(Timestamp::parse(text), Some(time), "{text}");
        }
        assert_eq!(Timestamp::from_seconds(i64::MAX).rfc3339(), i64::MAX.to_string());
        for bad in ["", "2027", "2027-13-01", "2027-07-01 00:00", "yesterday"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_are_hours_days_or_weeks() {
        assert_eq!(Lifetime::parse("24h"), Some(Lifetime::hours(24)));
        assert_eq!(Lifetime::parse("7d"), Some(Lifetime::days(7)));
        assert_eq!(Lifetime::parse("4w"), Some(Lifetime::days(28)));
        for bad in ["", "d", "0d", "-1d", "7", "7m", "7é", "99999w", "1.5d", "9223372036854775807w"] {
            assert_eq!(Lifetime::parse(bad), None, "{bad}");
        }
    }
}
