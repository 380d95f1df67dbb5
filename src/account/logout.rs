//! Signing out: the session ends at the server.
//!
//! A person asks for it on a page, because a link alone must not sign anybody out. A client asks for it by sending the
//! browser here (OpenID Connect RP-Initiated Logout 1.0 §2): where it brings an ID token of the very person who is
//! signed in, nobody is asked again; else the same page asks. The browser goes back to a registered address only.
//! Clients of the session that want to hear of its end in the browser are shown in frames (OpenID Connect Front-Channel
//! Logout 1.0 §3).

use super::{AccountError, browser, check_form, finish, with_cookies};
use crate::domain::audit::{Actor, Event, EventKind};
use crate::domain::client::Client;
use crate::domain::host;
use crate::domain::id::Sid;
use crate::domain::logout::SessionClient;
use crate::domain::refusal::{self, Refusal};
use crate::domain::session::Session;
use crate::keys::{KeysError, VerifyError};
use crate::store::{self, Db, StoreError};
use crate::tokens::id_token::{self, Hint};
use crate::tokens::subject;
use crate::ui::Page;
use crate::users::ending::Fate;
use crate::users::{self, ending};
use crate::web::answer::{page, redirect};
use crate::web::browser_state;
use crate::web::cookies::{self, CookieKind};
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, Query, refuse_repeated};
use crate::web::forms::StrictForm;
use crate::web::signed_in;
use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use url::form_urlencoded::Serializer;

const LONGEST_STATE: usize = 4096;
/// The most clients that are looked at for a frame.
const MOST_FRAMES: usize = 100;
/// What a client may send here.
const PARAMETERS: [&str; 6] =
    ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "logout_hint"];

#[derive(Serialize)]
struct LogoutPage {
    action: String,
    csrf: String,
    username: String,
    client_name: Option<String>,
    fields: Vec<(&'static str, String)>,
}

impl Page for LogoutPage {
    const TEMPLATE: &'static str = "pages/logout.html";
}

#[derive(Serialize)]
struct LoggedOutPage {}

impl Page for LoggedOutPage {
    const TEMPLATE: &'static str = "pages/logged_out.html";
}

/// Shown while other clients hear of it in frames.
#[derive(Serialize)]
struct LoggingOutPage {
    frames: Vec<String>,
    /// Where the browser goes on to; `None`: it stays here.
    next: Option<String>,
}

impl Page for LoggingOutPage {
    const TEMPLATE: &'static str = "pages/logging_out.html";
}

/// `GET /logout`
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        refuse_repeated(&form)?;
        ask(&edge, Wish::read(&edge, &form).await?).await
    };
    finish(&edge, result.await)
}

/// `POST /logout`: the answer of our own page, or a client that posts its wish (OpenID Connect RP-Initiated Logout §2),
/// which comes without cookies and is asked to come back with them.
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    let result = async {
        let form = body.0?;
        refuse_repeated(&form)?;
        if form.find("csrf").is_none() {
            return Ok(redirect::see_other(&format!("{}?{}", edge.path("/logout"), passed_on(&form))));
        }
        submit(&edge, &form).await
    };
    finish(&edge, result.await)
}

fn passed_on(form: &StrictForm) -> String {
    let mut query = Serializer::new(String::new());
    for name in PARAMETERS {
        query.extend_pairs(form.find(name).map(|value| (name, value)));
    }
    query.finish()
}

/// What a client wishes.
#[derive(Default)]
struct Wish {
    client: Option<Arc<Client>>,
    hint: Option<Hint>,
    return_to: Option<String>,
    state: Option<String>,
    ui_locales: Option<String>,
}

impl Wish {
    async fn read(edge: &Edge, form: &StrictForm) -> Result<Self, AccountError> {
        let hint = match form.find("id_token_hint") {
            Some(hint) => find_hint(edge, hint).await?,
            None => None,
        };
        let named = form.find("client_id");
        let of_hint = hint.as_ref().and_then(|hint| hint.audience.first()).map(String::as_str);
        if let (Some(named), Some(of_hint)) = (named, of_hint)
            && named != of_hint
        {
            let refusal = Refusal::by(&refusal::ID_TOKEN_HINT);
            return Err(refusal.because(format!("client_id {named}"), format!("client_id {of_hint}")).into());
        }
        let client = match named.or(of_hint) {
            Some(id) => edge.clients.find(id).await?,
            None => None,
        };
        let bounded = |name: &str, bound| form.find(name).filter(|text| text.len() <= bound).map(str::to_owned);
        let return_to = form.find("post_logout_redirect_uri");
        let return_to = return_to.zip(client.as_ref()).map(|(uri, client)| registered(client, uri)).transpose()?;
        Ok(Self {
            return_to,
            client,
            hint,
            state: bounded("state", LONGEST_STATE),
            ui_locales: bounded("ui_locales", 256),
        })
    }

    /// Whether the client has shown that it means `user_of` this session, so that nobody need be asked.
    fn means(&self, edge: &Edge, session: &Session) -> Result<bool, KeysError> {
        match (&self.client, &self.hint) {
            (Some(client), Some(hint)) => Ok(hint.subject == subject::of(&edge.keys, client, &session.user_id)?),
            _ => Ok(false),
        }
    }

    /// What a form of our own is bound to: the session, and where the browser goes afterwards.
    fn transaction(&self, session: &Session) -> String {
        match &self.return_to {
            None => session.sid.to_string(),
            Some(uri) => format!("{}\n{uri}\n{}", session.sid, self.state.as_deref().unwrap_or_default()),
        }
    }

    /// Where the browser goes afterwards, with the client's `state`.
    fn next(&self) -> Option<String> {
        let uri = self.return_to.as_deref()?;
        let Some(state) = &self.state else { return Some(uri.to_owned()) };
        Some(redirect::with_query(uri, &[("state", state)]))
    }
}

/// The ID token of a hint, expired or not. One whose key is not ours any more, or never was, is no hint: then a person
/// is asked, and the browser stays here unless the client is named otherwise.
async fn find_hint(edge: &Edge, hint: &str) -> Result<Option<Hint>, AccountError> {
    match id_token::read_hint(&edge.keys, edge.issuer().as_str(), hint).await {
        Ok(hint) => Ok(Some(hint)),
        Err(VerifyError::UnknownKey) => Ok(None),
        Err(VerifyError::Unavailable(_)) => Err(KeysError::NotReady.into()),
        Err(error) => {
            Err(Refusal::by(&refusal::ID_TOKEN_HINT).because(error.to_string(), "an ID token of this server").into())
        }
    }
}

/// Exact comparison (OpenID Connect RP-Initiated Logout §3).
fn registered(client: &Client, uri: &str) -> Result<String, Refusal> {
    let known = client.metadata.get("post_logout_redirect_uris").and_then(|uris| uris.as_array());
    let known: Vec<&str> = known.into_iter().flatten().filter_map(|known| known.as_str()).collect();
    if known.contains(&uri) {
        return Ok(uri.to_owned());
    }
    Err(Refusal::by(&refusal::LOGOUT_REDIRECT_URI).because(uri, known.join(" ")).of(&client.id))
}

async fn ask(edge: &Edge, wish: Wish) -> Result<HttpResponse, AccountError> {
    let Some((session, user)) = signed_in::find(edge).await? else {
        return Ok(done(edge, &wish, Vec::new()));
    };
    if wish.means(edge, &session)? {
        return end(edge, &wish, session).await;
    }
    let (browser, new_cookie) = browser(edge);
    let transaction = wish.transaction(&session);
    let fields = [
        ("client_id", wish.return_to.as_ref().and(wish.client.as_ref()).map(|client| client.id.to_string())),
        ("post_logout_redirect_uri", wish.return_to.clone()),
        ("state", wish.return_to.as_ref().and(wish.state.clone())),
    ];
    let page = LogoutPage {
        action: edge.path("/logout"),
        csrf: Binding { form: "logout", browser: &browser, transaction: &transaction }.token(&edge.keys)?,
        username: user.username.as_str().to_owned(),
        client_name: wish.client.as_ref().map(|client| client.display_name().to_owned()),
        fields: fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
    };
    // Browsers check the redirect that follows the form against `form-action` too.
    let target = wish.return_to.as_deref().map(redirect::form_target);
    let policy = page::policy(&target.iter().map(String::as_str).collect::<Vec<_>>(), true);
    Ok(with_cookies(page::show_with(edge, &page, wish.ui_locales.as_deref(), &policy), new_cookie))
}

async fn submit(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AccountError> {
    let wish = Wish::read(edge, form).await?;
    let Some((session, _)) = signed_in::find(edge).await? else {
        return Ok(done(edge, &wish, Vec::new()));
    };
    check_form(edge, "logout", form.find("csrf"), &wish.transaction(&session))?;
    end(edge, &wish, session).await
}

/// Ends the session, and tells its clients.
async fn end(edge: &Edge, wish: &Wish, session: Session) -> Result<HttpResponse, AccountError> {
    let by = edge.by(Actor::User(session.user_id.clone()));
    let event = Event::new(EventKind::SignedOut, &by).user(&session.user_id);
    let clients = edge.store.write(move |db| remove(db, &session, &event)).await?;
    edge.logouts.wake();
    let mut frames = Vec::new();
    for SessionClient { client_id, sid, .. } in clients.into_iter().take(MOST_FRAMES) {
        if let Some(client) = edge.clients.find(client_id.as_str()).await? {
            frames.extend(front_channel(edge, &client, &sid)?);
        }
    }
    Ok(done(edge, wish, frames))
}

/// The clients of the session, whose end is this.
fn remove(db: &mut Db, session: &Session, event: &Event) -> Result<Vec<SessionClient>, StoreError> {
    let sessions = std::slice::from_ref(session);
    let ended = ending::end(db, &session.user_id, (sessions, Fate::Bound), event.by.at)?;
    if ended.sessions == 1 {
        store::audit::insert(db, event)?;
        users::tell_ended(db, &session.user_id, (0, ended.grants), "the person signed out", &event.by)?;
    }
    Ok(ended.clients)
}

/// The address that tells a client in the browser, with `iss` and `sid` (OpenID Connect Front-Channel Logout §2): on an
/// origin of the client only.
fn front_channel(edge: &Edge, client: &Client, sid: &Sid) -> Result<Option<Frame>, KeysError> {
    let uri = client.metadata.get("frontchannel_logout_uri").and_then(Value::as_str);
    let found = uri.and_then(|uri| Some((uri, host::origin(uri).filter(|origin| client.allows_origin(origin))?)));
    let Some((uri, origin)) = found else { return Ok(None) };
    let sid = subject::sid(&edge.keys, client, sid)?;
    let address = redirect::with_query(uri, &[("iss", edge.issuer().as_str()), ("sid", &sid)]);
    Ok(Some(Frame { address, origin }))
}

struct Frame {
    address: String,
    origin: String,
}

fn done(edge: &Edge, wish: &Wish, frames: Vec<Frame>) -> HttpResponse {
    let locales = wish.ui_locales.as_deref();
    let response = match (wish.next(), frames.is_empty()) {
        (Some(next), true) => redirect::see_other(&next),
        (None, true) => page::show_with(edge, &LoggedOutPage {}, locales, &page::policy(&[], true)),
        (next, false) => {
            let origins: Vec<&str> = frames.iter().map(|frame| frame.origin.as_str()).collect();
            let policy = page::policy_with_frames(&origins);
            let page = LoggingOutPage { frames: frames.into_iter().map(|frame| frame.address).collect(), next };
            page::show_with(edge, &page, locales, &policy)
        }
    };
    let session = cookies::remove(edge.issuer(), CookieKind::Session);
    with_cookies(response, [session].into_iter().chain(browser_state::end(edge)))
}
