//! Where somebody is signed in, and ending it.
//!
//! Ending a session signs that browser out and revokes what was granted in it: the apps of a lost device must not go on with
//! the tokens they were given there. Apps that were given access elsewhere stand on their own, on the page of apps; a
//! password change ends them all. Ending needs no password: it only takes away, and whoever is in a hurry to do it is right.

use super::apps::client_names;
use super::list::{PAGE_SIZE, Pages};
use super::{AccountError, browser, check_form, finish, require_signed_in, with_cookies};
use crate::domain::audit::{Actor, By};
use crate::domain::device::Device;
use crate::domain::id::{ClientId, Sid, UserId};
use crate::domain::session::Session;
use crate::store::{self, Db, StoreError};
use crate::ui::{Page, When};
use crate::users;
use crate::users::ending::{self, Fate};
use crate::web::answer::{page, redirect};
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, Query, refuse_repeated};
use crate::web::forms::StrictForm;
use actix_web::HttpResponse;
use serde::Serialize;

const FORM: &str = "end-sessions";
/// What stands in place of a session where all others are meant. Saying nothing ends nothing.
const OTHERS: &str = "others";
/// What the audit says of it.
const WHY: &str = "ended by the person";
/// The longest text that is looked up as a session.
const LONGEST_SID: usize = 64;

#[derive(Serialize)]
struct SessionsPage {
    sessions: Vec<Row>,
    /// How many there are besides this one.
    others: i64,
    pages: Pages,
    notice: Option<&'static str>,
}

impl Page for SessionsPage {
    const TEMPLATE: &'static str = "pages/sessions.html";
}

/// A session as it is shown.
#[derive(Serialize)]
struct Row {
    browser: Option<String>,
    system: Option<String>,
    network: Option<String>,
    since: When,
    last_seen: When,
    is_current: bool,
    end_href: String,
}

impl Row {
    fn of(edge: &Edge, session: Session, is_current: bool) -> Self {
        let Device { browser, system, network } = session.device;
        let end_href = match is_current {
            true => edge.path("/logout"),
            false => format!("{}?session={}", edge.path("/account/sessions/end"), session.sid),
        };
        Self {
            browser,
            system,
            network,
            since: When::of(session.created_at, edge.context.now),
            last_seen: When::of(session.last_seen_at, edge.context.now),
            is_current,
            end_href,
        }
    }
}

#[derive(Serialize)]
struct EndPage {
    action: String,
    csrf: String,
    /// The one to end; `None`: all others.
    session: Option<Row>,
    /// What the form sends: the session's identifier, or `others`.
    sid: String,
    others: i64,
    /// Names of the apps that end with it.
    apps: Vec<String>,
}

impl Page for EndPage {
    const TEMPLATE: &'static str = "pages/end_sessions.html";
}

/// `GET /account/sessions`
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let (session, _) = require_signed_in(&edge).await?;
        let (of, now) = (session.clone(), edge.context.now);
        let wanted = Pages::wanted(&form);
        let (others, total) = edge
            .store
            .read(move |db| {
                let others = store::sessions::list_others(db, &of, now, (wanted * PAGE_SIZE, PAGE_SIZE))?;
                Ok((others, store::sessions::count_others(db, &of, now)?))
            })
            .await?;
        let this = (wanted == 0).then(|| Row::of(&edge, session, true));
        let others = others.into_iter().map(|other| Row::of(&edge, other, false));
        let page = SessionsPage {
            sessions: this.into_iter().chain(others).collect(),
            others: total,
            pages: Pages::of(&edge.path("/account/sessions"), wanted, total),
            notice: match form.find("done") {
                Some("one") => Some("sessions-ended-one"),
                Some("all") => Some("sessions-ended-all"),
                Some("gone") => Some("sessions-gone"),
                _ => None,
            },
        };
        Ok(page::show(&edge, &page))
    };
    finish(&edge, result.await)
}

/// `GET /account/sessions/end`: asks before a session is ended, or all others.
pub async fn ask(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let (session, _) = require_signed_in(&edge).await?;
        let (browser, new_cookie) = browser(&edge);
        let csrf = Binding { form: FORM, browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?;
        let action = edge.path("/account/sessions/end");
        let sid = form.find("session").unwrap_or_default();
        if sid == session.sid.as_str() {
            return Ok(redirect::see_other(&edge.path("/logout")));
        }
        let page = if sid == OTHERS {
            let (of, now) = (session, edge.context.now);
            let others = edge.store.read(move |db| store::sessions::count_others(db, &of, now)).await?;
            EndPage { action, csrf, sid: OTHERS.to_owned(), session: None, others, apps: Vec::new() }
        } else {
            let Some((found, clients)) = find(&edge, &session, sid).await? else {
                return Ok(done(&edge, "gone"));
            };
            let sid = found.sid.to_string();
            let apps = client_names(&edge, &clients).await?;
            EndPage { action, csrf, sid, session: Some(Row::of(&edge, found, false)), others: 0, apps }
        };
        Ok(with_cookies(page::show(&edge, &page), new_cookie))
    };
    finish(&edge, result.await)
}

/// A session of the same person, and the clients that were granted something in it. Another person's is not there.
async fn find(edge: &Edge, session: &Session, sid: &str) -> Result<Option<(Session, Vec<ClientId>)>, StoreError> {
    if sid.len() > LONGEST_SID {
        return Ok(None);
    }
    let (user, sid, now) = (session.user_id.clone(), Sid::new(sid), edge.context.now);
    edge.store
        .read(move |db| {
            let Some(found) = store::sessions::find_of_user(db, &user, &sid)?.filter(|found| found.is_live(now)) else {
                return Ok(None);
            };
            Ok(Some((found, store::grants::clients_of_session(db, &user, &sid, now)?)))
        })
        .await
}

/// `POST /account/sessions/end`
pub async fn end(edge: Edge, body: Body) -> HttpResponse {
    let result = async {
        let form = body.0?;
        refuse_repeated(&form)?;
        submit(&edge, &form).await
    };
    finish(&edge, result.await)
}

async fn submit(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AccountError> {
    let (session, _) = require_signed_in(edge).await?;
    check_form(edge, FORM, form.find("csrf"), session.sid.as_str())?;
    let by = edge.by(Actor::User(session.user_id.clone()));
    match form.find("session") {
        Some(OTHERS) => {
            edge.store.write(move |db| end_others(db, &session, &by)).await?;
            edge.logouts.wake();
            Ok(done(edge, "all"))
        }
        Some(sid) if sid == session.sid.as_str() => Ok(redirect::see_other(&edge.path("/logout"))),
        Some(sid) if sid.len() <= LONGEST_SID => {
            let sid = Sid::new(sid);
            let was_there = edge.store.write(move |db| end_one(db, &session, &sid, &by)).await?;
            edge.logouts.wake();
            Ok(done(edge, if was_there { "one" } else { "gone" }))
        }
        _ => Ok(done(edge, "gone")),
    }
}

fn end_one(db: &mut Db, session: &Session, sid: &Sid, by: &By) -> Result<bool, StoreError> {
    let Some(found) = store::sessions::find_of_user(db, &session.user_id, sid)? else { return Ok(false) };
    Ok(end_all(db, &session.user_id, &[found], by)? == 1)
}

fn end_others(db: &mut Db, session: &Session, by: &By) -> Result<(), StoreError> {
    let mut others = store::sessions::list_of_user(db, &session.user_id)?;
    others.retain(|other| other.hash != session.hash);
    end_all(db, &session.user_id, &others, by).map(drop)
}

/// Ends sessions of one person and what was granted in them; how many sessions were still there.
fn end_all(db: &mut Db, user: &UserId, sessions: &[Session], by: &By) -> Result<u64, StoreError> {
    let ended = ending::end(db, user, (sessions, Fate::All), by.at)?;
    users::tell_ended(db, user, (ended.sessions, ended.grants), WHY, by)?;
    Ok(ended.sessions)
}

fn done(edge: &Edge, what: &str) -> HttpResponse {
    redirect::see_other(&format!("{}?done={what}", edge.path("/account/sessions")))
}
