//! Where a browser goes after signing in, when it came for a page: a path of this server, and nothing that a browser could
//! read as another host (RFC 9700 §4.11).

use super::extract::Edge;
use actix_web::http::Method;

/// The longest path that is carried through the login page.
const LONGEST_PATH: usize = 2048;
/// The sections whose pages are come back to.
const SECTIONS: [&str; 2] = ["/account", "/admin"];

/// A path of this server.
pub fn own_path(text: &str) -> Option<&str> {
    let is_own = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= LONGEST_PATH
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_own.then_some(text)
}

/// A page for signed-in people, by a path that came with a link or form.
pub fn page<'a>(edge: &Edge, text: &'a str) -> Option<&'a str> {
    page_under(edge.issuer().path(), text)
}

fn page_under<'a>(base: &str, text: &'a str) -> Option<&'a str> {
    let path = own_path(text)?;
    let is_within = |section: &&str| {
        let rest = path.strip_prefix(base).and_then(|rest| rest.strip_prefix(*section));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    SECTIONS.iter().any(is_within).then_some(path)
}

/// The login page, which leads back to the page that was asked for. The answer to a form leads nowhere: what it asked for
/// is asked for again by a person.
pub fn login(edge: &Edge) -> String {
    let login = edge.path("/login");
    let asked = edge.request.uri().path_and_query().map(actix_web::http::uri::PathAndQuery::as_str);
    let is_form = edge.request.method() != Method::GET && edge.request.method() != Method::HEAD;
    match asked.filter(|_| !is_form).and_then(|path| page(edge, path)) {
        // Signing in leads there by itself.
        Some(path) if path != edge.path("/account") => format!("{login}?return={}", encode(path)),
        _ => login,
    }
}

/// A path as the value of a query parameter.
pub fn encode(path: &str) -> String {
    url::form_urlencoded::byte_serialize(path.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9700 §4.11
    #[test]
    fn a_return_path_stays_on_this_server() {
        assert_eq!(own_path("/login?interaction=x"), Some("/login?interaction=x"));
        for bad in ["//evil.example", "/\\evil.example", "https://evil.example", "", "login", "/a\tb", "/\n/evil"] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
    }

    /// RFC 9700 §4.11
    #[test]
    fn only_pages_for_signed_in_people_are_come_back_to() {
        for good in ["/t/account", "/t/account/apps?page=2", "/t/admin?x=https://evil.example", "/t/admin/usage"] {
            assert_eq!(page_under("/t", good), Some(good));
        }
        for bad in [
            "/t/accounts",
            "/t/adminx",
            "/t/logout",
            "/t/authorize?client_id=x",
            "/account",
            "//t/account",
            "/t//admin",
            "https://evil.example/t/admin",
            "/t/admin\\",
            &format!("/t/admin?{}", "x".repeat(LONGEST_PATH)),
        ] {
            assert_eq!(page_under("/t", bad), None, "{bad}");
        }
    }
}
