//! The start page, the account page, and the choice of a language.

use super::{AccountError, browser, find_signed_in, finish, with_cookies};
use crate::domain::time::Lifetime;
use crate::ui::{Locale, Page};
use crate::web::answer::{page, redirect};
use crate::web::cookies::{self, CookieKind};
use crate::web::csrf::Binding;
use crate::web::extract::{Edge, Query};
use actix_web::HttpResponse;
use serde::Serialize;

const LOCALE_LIFETIME: Lifetime = Lifetime::days(365);

#[derive(Serialize)]
struct StartPage {
    signed_in: Option<String>,
    demo: bool,
}

impl Page for StartPage {
    const TEMPLATE: &'static str = "pages/start.html";
}

#[derive(Serialize)]
struct AccountPage {
    username: String,
    email: String,
    csrf: String,
    logout_action: String,
    password_href: String,
    changed: bool,
}

impl Page for AccountPage {
    const TEMPLATE: &'static str = "pages/account.html";
}

/// `GET /`
pub async fn start(edge: Edge) -> HttpResponse {
    let result = async {
        let signed_in = find_signed_in(&edge).await?;
        let page = StartPage {
            signed_in: signed_in.map(|(_, user)| user.username.as_str().to_owned()),
            demo: edge.issuer().is_loopback(),
        };
        Ok(page::show(&edge, &page))
    };
    finish(&edge, result.await)
}

/// `GET /account`
pub async fn account(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let (session, user) = find_signed_in(&edge).await?.ok_or(AccountError::SignedOut)?;
        let (browser, new_cookie) = browser(&edge);
        let page = AccountPage {
            username: user.username.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            csrf: Binding { form: "logout", browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?,
            logout_action: edge.path("/logout"),
            password_href: edge.path("/account/password"),
            changed: form.find("changed").is_some(),
        };
        Ok(with_cookies(page::show(&edge, &page), new_cookie))
    };
    finish(&edge, result.await)
}

/// `GET /locale?tag=ko&return=/login`: remembers a language and goes back to a page of this server.
pub async fn locale(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let back = form.find("return").and_then(own_path).map_or_else(|| edge.path("/"), str::to_owned);
        let cookie = form
            .find("tag")
            .and_then(Locale::parse)
            .map(|locale| cookies::set(edge.issuer(), CookieKind::Locale, locale.tag(), Some(LOCALE_LIFETIME)));
        Ok(with_cookies(redirect::see_other(&back), cookie))
    };
    finish(&edge, result.await)
}

/// A path of this server and nothing that a browser could read as another host (RFC 9700 §4.11).
fn own_path(text: &str) -> Option<&str> {
    let is_own = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 2048
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_own.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::own_path;

    /// RFC 9700 §4.11
    #[test]
    fn a_return_path_stays_on_this_server() {
        assert_eq!(own_path("/login?interaction=x"), Some("/login?interaction=x"));
        for bad in ["//evil.example", "/\\evil.example", "https://evil.example", "", "login", "/a\tb", "/\n/evil"] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
    }
}
