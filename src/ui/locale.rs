//! The languages of the pages, and which of them a person gets.

use serde::{Serialize, Serializer};

/// A language the pages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// How many language tags of one list are looked at; more than a browser sends, and little work for whoever sends more.
const TAGS_MAX: usize = 32;

/// How many bytes of one list are looked at.
const LIST_BYTES_MAX: usize = 1024;

impl Locale {
    /// Every locale, in the order the language switch shows them.
    pub const ALL: [Locale; 2] = [Locale::En, Locale::Ko];

    /// The BCP 47 tag: `en` or `ko`. Also the name of the locale file.
    pub fn tag(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::Ko => "ko",
        }
    }

    /// The language's own name for itself, for the language switch.
    pub fn name(self) -> &'static str {
        match self {
            Locale::En => "English",
            Locale::Ko => "한국어",
        }
    }

    /// The locale a language tag names, judged by its primary subtag: `ko`, `ko-KR` and `KO_kr` are Korean.
    pub fn parse(tag: &str) -> Option<Locale> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Locale::ALL.into_iter().find(|locale| locale.tag().eq_ignore_ascii_case(primary))
    }

    /// Chooses the locale of a page; the first source that names a supported language wins, else English.
    pub fn negotiate(ui_locales: Option<&str>, cookie: Option<&str>, accept_language: Option<&str>) -> Locale {
        Locale::asked_for(ui_locales, cookie, accept_language).unwrap_or_default()
    }

    /// The locale somebody asks for; `None` when no source names a supported language.
    ///
    /// `ui_locales` is the request's space-separated list in order of preference (OIDC Core §3.1.2.1), `cookie` the tag
    /// that the language switch stored, `accept_language` the header with its weights (RFC 9110 §12.5.4). All three come
    /// from outside: what is not understood is passed over, and only the first part of an overlong list is read.
    pub fn asked_for(ui_locales: Option<&str>, cookie: Option<&str>, accept_language: Option<&str>) -> Option<Locale> {
        ui_locales
            .and_then(first_of_list)
            .or_else(|| cookie.and_then(Locale::parse))
            .or_else(|| accept_language.and_then(best_of_weighted))
    }
}

impl Serialize for Locale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.tag())
    }
}

fn first_of_list(list: &str) -> Option<Locale> {
    bounded(list).split_ascii_whitespace().take(TAGS_MAX).find_map(Locale::parse)
}

/// The supported language with the highest weight; among equals the first named.
fn best_of_weighted(header: &str) -> Option<Locale> {
    let mut best: Option<(u16, Locale)> = None;
    for (weight, locale) in bounded(header).split(',').take(TAGS_MAX).filter_map(weighted) {
        if weight > best.map_or(0, |(highest, _)| highest) {
            best = Some((weight, locale));
        }
    }
    best.map(|(_, locale)| locale)
}

/// One element of `Accept-Language` and its weight in thousandths. `None` for an unsupported or malformed element.
fn weighted(element: &str) -> Option<(u16, Locale)> {
    let mut parts = element.split(';').map(str::trim);
    let locale = Locale::parse(parts.next()?)?;
    let Some(parameter) = parts.next() else { return Some((1000, locale)) };
    let number = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    Some((thousandths(number)?, locale))
}

/// `0`, `1`, or a fraction with up to three digits (RFC 9110 §12.4.2), as thousandths.
fn thousandths(number: &str) -> Option<u16> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match whole {
        "0" => format!("{fraction:0<3}").parse().ok(),
        "1" if fraction.bytes().all(|byte| byte == b'0') => Some(1000),
        _ => None,
    }
}

fn bounded(list: &str) -> &str {
    let end = (0..=LIST_BYTES_MAX.min(list.len())).rev().find(|&at| list.is_char_boundary(at));
    &list[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_judged_by_its_primary_subtag() {
        for (tag, expected) in [
            ("ko", Some(Locale::Ko)),
            ("ko-KR", Some(Locale::Ko)),
            ("KO_kr", Some(Locale::Ko)),
            (" en-GB ", Some(Locale::En)),
            ("kok", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(Locale::parse(tag), expected, "{tag:?}");
        }
    }

    #[test]
    fn the_first_source_that_names_a_supported_language_wins() {
        let negotiate = Locale::negotiate;
        assert_eq!(negotiate(Some("fr ko en"), Some("en"), Some("en")), Locale::Ko);
        assert_eq!(negotiate(Some("fr de"), Some("ko"), Some("en")), Locale::Ko);
        assert_eq!(negotiate(None, Some("junk\u{0}"), Some("ko")), Locale::Ko);
        assert_eq!(negotiate(None, None, None), Locale::En);
        assert_eq!(Locale::asked_for(Some("fr"), None, Some("*")), None);
    }

    /// RFC 9110 §12.5.4
    #[test]
    fn accept_language_is_read_by_weight() {
        for (header, expected) in [
            ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", Locale::Ko),
            ("en;q=0.5, ko;q=0.51", Locale::Ko),
            ("ko;q=0, en;q=0.001", Locale::En),
            ("ko;q=0", Locale::En),
            ("fr, ko;q=0.2, *;q=0.1", Locale::Ko),
            ("ko;q=2, en;q=0.1", Locale::En),
            ("ko;q=0.1234, en;q=0.1", Locale::En),
            (";;;,,q=,ko;x=1,,ko", Locale::Ko),
            ("", Locale::En),
        ] {
            assert_eq!(Locale::negotiate(None, None, Some(header)), expected, "{header:?}");
        }
    }

    #[test]
    fn only_the_first_part_of_an_overlong_list_is_read() {
        let many_tags = format!("{}ko", "fr,".repeat(TAGS_MAX));
        let many_bytes = format!("{}가,ko", "x".repeat(LIST_BYTES_MAX - 1));
        assert_eq!(Locale::negotiate(None, None, Some(&many_tags)), Locale::En);
        assert_eq!(Locale::negotiate(None, None, Some(&many_bytes)), Locale::En);
        assert_eq!(Locale::negotiate(Some(&"가 ".repeat(100_000)), None, None), Locale::En);
    }
}
