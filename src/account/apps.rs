//! Apps with access: what each may do, since when, and taking it away.
//!
//! Taking access away forgets the consent and ends every grant of that client for this account in one transaction, and with
//! the grants everything issued from them: refresh tokens at the token endpoint, access tokens at introspection and userinfo,
//! at once and on every node.

use super::list::{PAGE_SIZE, Pages};
use super::{AccountError, browser, check_form, finish, require_signed_in, with_cookies};
use crate::clients::parse_id;
use crate::domain::audit::{Actor, By, Event, EventKind};
use crate::domain::client::Client;
use crate::domain::grant::Access;
use crate::domain::id::ClientId;
use crate::domain::scope::OPENID;
use crate::domain::session::Session;
use crate::store::{self, Db, StoreError};
use crate::ui::{Page, When};
use crate::web::answer::{page, redirect};
use crate::web::back::encode;
use crate::web::csrf::Binding;
use crate::web::extract::{Body, Edge, Query, refuse_repeated};
use crate::web::forms::StrictForm;
use crate::web::scope_words;
use actix_web::HttpResponse;
use serde::Serialize;

const FORM: &str = "revoke-app";

#[derive(Serialize)]
struct AppsPage {
    apps: Vec<App>,
    pages: Pages,
    notice: Option<&'static str>,
}

impl Page for AppsPage {
    const TEMPLATE: &'static str = "pages/apps.html";
}

/// A client with access, as it is shown.
#[derive(Serialize)]
struct App {
    name: String,
    /// Where it is reached, for web clients.
    host: Option<String>,
    /// What it may do, in the words of the consent page.
    scopes: Vec<String>,
    since: When,
    last_used: When,
    /// Where the app begins a sign-in by itself (OIDC Core §4).
    open_href: Option<String>,
    revoke_href: String,
}

#[derive(Serialize)]
struct RevokePage {
    action: String,
    csrf: String,
    client_id: String,
    app: App,
}

impl Page for RevokePage {
    const TEMPLATE: &'static str = "pages/revoke_app.html";
}

/// `GET /account/apps`
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let (session, _) = require_signed_in(&edge).await?;
        let mut all = accesses(&edge, &session).await?;
        all.sort_by(|a, b| b.last_used_at.cmp(&a.last_used_at).then_with(|| a.client_id.cmp(&b.client_id)));
        let wanted = Pages::wanted(&form);
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let skipped = usize::try_from(wanted * PAGE_SIZE).unwrap_or(usize::MAX);
        let mut apps = Vec::new();
        for access in all.iter().skip(skipped).take(PAGE_SIZE.unsigned_abs() as usize) {
            apps.push(App::of(&edge, access).await?);
        }
        let notice = match form.find("done") {
            Some("revoked") => Some("apps-revoked"),
            Some("gone") => Some("apps-gone"),
            _ => None,
        };
        let page = AppsPage { apps, pages: Pages::of(&edge.path("/account/apps"), wanted, total), notice };
        Ok(page::show(&edge, &page))
    };
    finish(&edge, result.await)
}

async fn accesses(edge: &Edge, session: &Session) -> Result<Vec<Access>, StoreError> {
    let (user, now) = (session.user_id.clone(), edge.context.now);
    edge.store.read(move |db| store::accesses::list_of_user(db, &user, now)).await
}

impl App {
    async fn of(edge: &Edge, access: &Access) -> Result<Self, AccountError> {
        let client = find_client(edge, &access.client_id).await?;
        let catalogue = edge.clients.catalogue().await?;
        let locale = edge.locale(None);
        let is_alone = access.scopes.iter().count() == 1;
        let scopes = access.scopes.iter().filter(|name| *name != OPENID || is_alone);
        Ok(Self {
            name: client
                .as_ref()
                .map_or(access.client_id.as_str(), |client| client.display_name_in(locale.tag()))
                .to_owned(),
            host: client.as_ref().and_then(host),
            scopes: scopes.map(|name| scope_words::describe(&edge.ui, &catalogue, locale, name)).collect(),
            since: When::of(access.since, edge.context.now),
            last_used: When::of(access.last_used_at, edge.context.now),
            open_href: client.as_ref().and_then(|client| open_href(client, edge.issuer().as_str())),
            revoke_href: format!("{}?client={}", edge.path("/account/apps/revoke"), encode(access.client_id.as_str())),
        })
    }
}

/// Where an app begins a sign-in with this issuer (OIDC Core §4): its `initiate_login_uri`, https only, with `iss`, and with
/// the page of the app to come back to, where it has told one.
fn open_href(client: &Client, issuer: &str) -> Option<String> {
    let said = |name: &str| client.metadata.get(name).and_then(|uri| uri.as_str());
    let mut url = url::Url::parse(said("initiate_login_uri")?).ok().filter(|url| url.scheme() == "https")?;
    url.query_pairs_mut().append_pair("iss", issuer);
    if let Some(target) = said("client_uri").filter(|uri| uri.starts_with("https://")) {
        url.query_pairs_mut().append_pair("target_link_uri", target);
    }
    Some(url.into())
}

/// The host that people know an app by. A loopback address says nothing.
fn host(client: &Client) -> Option<String> {
    let claimed = client.redirect_uris.iter().find(|uri| uri.is_claimed())?;
    claimed.origin()?.strip_prefix("https://").map(str::to_owned)
}

/// A client, also one that is disabled: it keeps its name. `None`: it is not registered any more.
async fn find_client(edge: &Edge, id: &ClientId) -> Result<Option<Client>, StoreError> {
    if let Some(client) = edge.clients.find(id.as_str()).await? {
        return Ok(Some((*client).clone()));
    }
    let id = id.clone();
    edge.store.read(move |db| store::clients::find(db, &id)).await
}

/// The names of clients.
pub(super) async fn client_names(edge: &Edge, clients: &[ClientId]) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::with_capacity(clients.len());
    for id in clients {
        let client = find_client(edge, id).await?;
        names.push(client.as_ref().map_or(id.as_str(), Client::display_name).to_owned());
    }
    Ok(names)
}

/// `GET /account/apps/revoke`: asks first.
pub async fn ask(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        let (session, _) = require_signed_in(&edge).await?;
        let wanted = form.find("client").and_then(parse_id);
        let access =
            accesses(&edge, &session).await?.into_iter().find(|access| Some(&access.client_id) == wanted.as_ref());
        let Some(access) = access else { return Ok(done(&edge, "gone")) };
        let (browser, new_cookie) = browser(&edge);
        let page = RevokePage {
            action: edge.path("/account/apps/revoke"),
            csrf: Binding { form: FORM, browser: &browser, transaction: session.sid.as_str() }.token(&edge.keys)?,
            client_id: access.client_id.to_string(),
            app: App::of(&edge, &access).await?,
        };
        Ok(with_cookies(page::show(&edge, &page), new_cookie))
    };
    finish(&edge, result.await)
}

/// `POST /account/apps/revoke`
pub async fn revoke(edge: Edge, body: Body) -> HttpResponse {
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
    let Some(client) = form.find("client").and_then(parse_id) else { return Ok(done(edge, "gone")) };
    let by = edge.by(Actor::User(session.user_id.clone()));
    let had_access = edge.store.write(move |db| cut_off(db, &session, &client, &by)).await?;
    Ok(done(edge, if had_access { "revoked" } else { "gone" }))
}

/// Whether the client had access.
fn cut_off(db: &mut Db, session: &Session, client: &ClientId, by: &By) -> Result<bool, StoreError> {
    let (had_consent, grants) = store::accesses::revoke(db, &session.user_id, client, by.at)?;
    let about = |kind| Event::new(kind, by).user(&session.user_id).client(client);
    if had_consent {
        store::audit::insert(db, &about(EventKind::ConsentWithdrawn))?;
    }
    if grants > 0 {
        let event = about(EventKind::GrantRevoked).with("grants", grants).with("why", "access was taken away");
        store::audit::insert(db, &event)?;
    }
    Ok(had_consent || grants > 0)
}

fn done(edge: &Edge, what: &str) -> HttpResponse {
    redirect::see_other(&format!("{}?done={what}", edge.path("/account/apps")))
}
