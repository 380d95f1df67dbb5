//! The start page, the account's overview, and the choice of a language.

use super::{browser, finish, require_signed_in, with_cookies};
use crate::domain::time::Lifetime;
use crate::domain::user::ADMIN;
use crate::store;
use crate::ui::{Locale, Page};
use crate::web::answer::{page, redirect};
use crate::web::back;
use crate::web::cookies::{self, CookieKind};
use crate::web::csrf::Binding;
use crate::web::extract::{Edge, Query};
use crate::web::forms::StrictForm;
use crate::web::signed_in;
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
    name: Option<String>,
    email: String,
    email_verified: bool,
    /// Browsers that are signed in, this one among them.
    sessions: i64,
    /// Clients with access.
    apps: usize,
    is_admin: bool,
    csrf: String,
    logout_action: String,
    notice: Option<&'static str>,
}

impl Page for AccountPage {
    const TEMPLATE: &'static str = "pages/account.html";
}

/// `GET /`
pub async fn start(edge: Edge) -> HttpResponse {
    let result = async {
        let signed_in = signed_in::find(&edge).await?;
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
        let (session, user) = require_signed_in(&edge).await?;
        let (of, now) = (session.clone(), edge.context.now);
        let (others, apps) = edge
            .store
            .read(move |db| {
                let apps = store::accesses::list_of_user(db, &of.user_id, now)?.len();
                Ok((store::sessions::count_others(db, &of, now)?, apps))
            })
            .await?;
        let (browser, new_cookie) = browser(&edge);
        let page = AccountPage {
            username: user.username.as_str().to_owned(),
            name: user.claims.get("name").and_then(|name| name.as_str()).map(str::to_owned),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            sessions: others + 1,
            apps,
            is_admin: user.has_role(ADMIN),
            csrf: Binding { form: "logout", browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?,
            logout_action: edge.path("/logout"),
            notice: notice(&form),
        };
        Ok(with_cookies(page::show(&edge, &page), new_cookie))
    };
    finish(&edge, result.await)
}

/// What the page says was done: the key of its words.
fn notice(form: &StrictForm) -> Option<&'static str> {
    if form.find("changed").is_some() {
        return Some("account-changed");
    }
    match form.find("done") {
        Some("profile") => Some("profile-saved"),
        Some("email") => Some("email-saved"),
        _ => None,
    }
}

/// `GET /locale?tag=ko&return=/login`: remembers a language and goes back to a page of this server.
pub async fn locale(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let back = form.find("return").and_then(back::own_path).map_or_else(|| edge.path("/"), str::to_owned);
        let cookie = form
            .find("tag")
            .and_then(Locale::parse)
            .map(|locale| cookies::set(edge.issuer(), CookieKind::Locale, locale.tag(), Some(LOCALE_LIFETIME)));
        Ok(with_cookies(redirect::see_other(&back), cookie))
    };
    finish(&edge, result.await)
}
