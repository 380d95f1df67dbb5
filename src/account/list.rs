//! Long lists, page by page.

use crate::web::forms::StrictForm;
use serde::Serialize;

/// Entries of one page.
pub(super) const PAGE_SIZE: i64 = 20;
/// The last page that can be asked for.
const LAST_PAGE: i64 = 100_000;

/// Where a page of a list stands: links to its neighbours.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Pages {
    /// From 1.
    number: i64,
    /// At least 1.
    count: i64,
    previous: Option<String>,
    next: Option<String>,
}

impl Pages {
    /// The page that is asked for, from 0. What is no number asks for the first.
    pub(super) fn wanted(form: &StrictForm) -> i64 {
        form.find("page").and_then(|text| text.parse().ok()).map_or(0, |number: i64| number.clamp(1, LAST_PAGE) - 1)
    }

    /// The page `wanted` (from 0) of a list with `total` entries at `path`.
    pub(super) fn of(path: &str, wanted: i64, total: i64) -> Self {
        let count = ((total + PAGE_SIZE - 1) / PAGE_SIZE).max(1);
        let link = |page: i64| format!("{path}?page={}", page + 1);
        Self {
            number: wanted + 1,
            count,
            previous: (wanted > 0).then(|| link((wanted - 1).min(count - 1))),
            next: (wanted + 1 < count).then(|| link(wanted + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_to_their_neighbours_and_not_beyond() {
        let links = |wanted, total| {
            let pages = Pages::of("/a", wanted, total);
            (pages.count, pages.previous, pages.next)
        };
        let to = |page: i64| Some(format!("/a?page={page}"));
        assert_eq!(links(0, 0), (1, None, None));
        assert_eq!(links(0, 20), (1, None, None));
        assert_eq!(links(0, 21), (2, None, to(2)));
        assert_eq!(links(1, 21), (2, to(1), None));
        assert_eq!(links(50, 21), (2, to(2), None));
    }

    #[test]
    fn what_is_no_page_is_the_first() {
        for (text, page) in [("", 0), ("page=1", 0), ("page=3", 2), ("page=-7", 0), ("page=x", 0), ("page=9e9", 0)] {
            assert_eq!(Pages::wanted(&StrictForm::parse(text.as_bytes()).unwrap()), page, "{text}");
        }
        let form = StrictForm::parse(b"page=9223372036854775807").unwrap();
        assert_eq!(Pages::wanted(&form), LAST_PAGE - 1);
    }
}
