//! Clients that register themselves (RFC 7591) and manage their registration (RFC 7592): who is let in, what is fetched
//! to check what a client says, and the transactions.
//!
//! The order has reasons. Who may not register is told so before anything of the request is read. A client that anybody
//! registers takes its place in the quotas when what it says is right, and before anything is fetched for it. A use of
//! an initial access token is taken in the transaction that stores the client, so a request that fails costs none.

use super::Clients;
use super::change;
use super::guesses::{Limit, TooMany};
use super::metadata::FieldError;
use super::published::{Errand, PublishedError};
use crate::domain::audit::{By, Event, EventKind};
use crate::domain::client::{Client, ClientSecret};
use crate::domain::id::ClientId;
use crate::domain::redirect_uri::RedirectUri;
use crate::domain::registration::{Admission, InitialAccessToken, NotAdmitted, RegistrationMode};
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::time::Timestamp;
use crate::sessions::guard::network;
use crate::settings;
use crate::store::{self, Db, StoreError};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// The length of a window in which registrations are counted: seconds.
const HOUR: i64 = 3600;
/// The largest document behind a `sector_identifier_uri`, in bytes.
const LARGEST_SECTOR: usize = 64 * 1024;
/// Members of stored metadata that an operator alone says.
const NOT_REGISTERED: [&str; 1] = ["may_introspect"];

/// Why a client may not register itself now.
#[derive(Debug)]
pub enum RegistrationError {
    /// It is not let in.
    NotAdmitted(NotAdmitted),
    /// There were too many of it, in seconds until there may be more: guesses of tokens, or registrations within an
    /// hour.
    Throttled(i64),
    /// There are as many clients that anybody registered as there may be.
    Full,
    /// The database.
    Store(StoreError),
}

impl From<TooMany> for RegistrationError {
    fn from(error: TooMany) -> Self {
        Self::Throttled(error.seconds)
    }
}

impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How storing a client went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Registered,
    /// The initial access token has no use left.
    UsedUp,
    /// There are as many clients that anybody registered as there may be.
    Full,
}

impl Clients {
    /// Whether a client may register itself: with the token that it brings, or because that is open to anybody.
    ///
    /// # Errors
    /// [`RegistrationError`].
    pub async fn admit(
        &self,
        token: Option<&Secret>,
        (source, now): (Option<IpAddr>, Timestamp),
    ) -> Result<Admission, RegistrationError> {
        let policy = &self.catalogue().await?.registration;
        let admission = policy.admit(token.map(Secret::reveal), now).map_err(RegistrationError::NotAdmitted);
        if token.is_some() && policy.mode != RegistrationMode::Closed {
            let limits = [Limit::of_initial_access_tokens(source)];
            match admission {
                Ok(_) => self.guesses.check(&limits, now)?,
                Err(_) => self.guesses.take(&limits, now).map(drop)?,
            }
        }
        admission
    }

    /// One of the registrations that anybody may make within this hour.
    ///
    /// # Errors
    /// [`RegistrationError`].
    pub async fn take_place(
        &self,
        (source, now): (Option<IpAddr>, Timestamp),
        limits: &settings::Registration,
    ) -> Result<(), RegistrationError> {
        let from = network(source);
        let window = now.seconds().div_euclid(HOUR);
        let end = Timestamp::from_seconds((window + 1) * HOUR);
        let quotas = [
            (TokenHash::of(&format!("registrations from {from} in hour {window}")), limits.from_source),
            (TokenHash::of(&format!("registrations in hour {window}")), limits.per_hour),
        ];
        let most_clients = limits.most_clients;
        let is_full = self.store.read(move |db| Ok(store::open_registrations::count(db)? >= most_clients)).await?;
        if is_full {
            return Err(RegistrationError::Full);
        }
        let take = move |db: &mut Db| {
            for (subject, most) in &quotas {
                if !store::quotas::take(db, subject, *most, end)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        if self.store.write(take).await? { Ok(()) } else { Err(RegistrationError::Throttled(end.since(now))) }
    }
}

/// Stores a client that was admitted.
///
/// # Errors
/// [`StoreError`].
pub fn register(
    db: &mut Db,
    client: &Client,
    admission: &Admission,
    (limits, by): (&settings::Registration, &By),
) -> Result<Outcome, StoreError> {
    match admission {
        Admission::Token(token) => {
            if !take_use(db, token)? {
                return Ok(Outcome::UsedUp);
            }
        }
        Admission::Open => {
            if store::open_registrations::count(db)? >= limits.most_clients {
                return Ok(Outcome::Full);
            }
            store::open_registrations::insert(db, &client.id, by.at.plus(limits.unused_lifetime))?;
        }
    }
    change::save(db, None, client, by)?;
    Ok(Outcome::Registered)
}

/// One use of an initial access token.
fn take_use(db: &mut Db, token: &InitialAccessToken) -> Result<bool, StoreError> {
    match token.uses {
        None => Ok(true),
        Some(most) => store::quotas::take(db, &token.subject(), most, token.expires_at()),
    }
}

/// Removes clients that anybody has registered and nobody has used until their time ended, at most `limit` of them; how
/// many were looked at.
///
/// # Errors
/// [`StoreError`].
pub fn remove_unused(db: &mut Db, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let ended = store::open_registrations::list_ended(db, now, limit)?;
    for id in &ended {
        // Where an operator has made the client their own since, it stays.
        let is_on_trial = store::clients::find(db, id)?.is_some_and(|client| client.is_openly_registered());
        if store::open_registrations::remove_ended(db, id, now)? && is_on_trial && store::clients::remove(db, id)? {
            let event = Event::new(EventKind::ClientRemoved, &By::system(now)).client(id);
            store::audit::insert(db, &event.with("why", "nobody used it"))?;
        }
    }
    Ok(ended.len() as u64)
}

/// Why a sector does not stand for a client.
#[derive(Debug)]
pub enum SectorError {
    /// It could not be read. The cause is the operator's to know: it tells a stranger what names resolve to inside.
    Unread(PublishedError),
    /// What is wrong with it, for the one who registers the client.
    Wrong(FieldError),
}

/// The member of client metadata that names a sector.
pub const SECTOR: &str = "sector_identifier_uri";

impl Clients {
    /// Reads what stands behind the `sector_identifier_uri` of a client, where it has one: a JSON array that must name
    /// every one of its redirect URIs (OIDC Core §8.1, OpenID Connect Registration §5).
    ///
    /// # Errors
    /// [`SectorError`].
    pub async fn check_sector(&self, client: &Client, errand: Errand<'_>) -> Result<(), SectorError> {
        let Some(uri) = client.metadata.get(SECTOR).and_then(Value::as_str) else { return Ok(()) };
        let fetched = self.assertions.keys().published().fetch(uri, LARGEST_SECTOR, errand).await;
        let error = |what: String| SectorError::Wrong(FieldError { field: SECTOR.to_owned(), what });
        let listed: Vec<String> = serde_json::from_slice(&fetched.map_err(SectorError::Unread)?)
            .map_err(|_| error("it does not answer with a JSON array of redirect URIs".to_owned()))?;
        let redirect_uris = client.redirect_uris.iter().map(RedirectUri::as_str);
        let lacking = redirect_uris.into_iter().find(|uri| !listed.iter().any(|one| one == uri));
        lacking.map_or(Ok(()), |uri| Err(error(format!("it does not list the redirect URI {uri}"))))
    }
}

/// Everything that a client is registered with, by the names of RFC 7591 §2, defaults included.
pub fn members(client: &Client) -> Map<String, Value> {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    add("client_id", json!(client.id));
    if let Some(name) = &client.name {
        add("client_name", json!(name));
    }
    add("token_endpoint_auth_method", json!(client.authentication.as_str()));
    add("application_type", json!(client.application_type));
    add("redirect_uris", json!(client.redirect_uris));
    add("grant_types", json!(client.grant_types));
    add("response_types", json!(client.response_types));
    add("scope", json!(client.scopes.to_string()));
    add("id_token_signed_response_alg", json!(client.id_token_algorithm));
    add("subject_type", json!("public"));
    for (name, value) in client.metadata.iter().filter(|(name, _)| !NOT_REGISTERED.contains(&name.as_str())) {
        add(name, value.clone());
    }
    members
}

/// The client as it is after it has replaced its metadata: what an operator alone says of it stays, and so does the
/// secret of this moment, unless the replacement made a `new` one or the client has no use for a secret any more.
pub fn replaced(stored: &Client, said: &Client, new: Option<&ClientSecret>) -> Client {
    let kept = stored.metadata.iter().filter(|(name, _)| NOT_REGISTERED.contains(&name.as_str()));
    let kept = kept.map(|(name, value)| (name.clone(), value.clone()));
    Client {
        name: said.name.clone(),
        secret: new.or(stored.secret.as_ref()).filter(|_| said.authentication.needs_secret()).cloned(),
        authentication: said.authentication,
        application_type: said.application_type,
        redirect_uris: said.redirect_uris.clone(),
        grant_types: said.grant_types.clone(),
        response_types: said.response_types.clone(),
        scopes: said.scopes.clone(),
        id_token_algorithm: said.id_token_algorithm.clone(),
        metadata: said.metadata.clone().into_iter().chain(kept).collect(),
        ..stored.clone()
    }
}

/// The stored client, if `token` is the one that it was given to manage its registration (RFC 7592 §2). One that is
/// disabled is not managed by itself.
///
/// # Errors
/// [`StoreError`].
pub fn find_managed(db: &mut Db, id: &ClientId, token: &Secret) -> Result<Option<Client>, StoreError> {
    let found = store::clients::find(db, id)?.filter(|client| client.disabled_at.is_none());
    Ok(found.filter(|client| {
        client.registration.as_ref().is_some_and(|registration| registration.is_managed_by(token.reveal()))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::metadata::{self, Rules};
    use crate::settings::Settings;

    /// RFC 7592 §2.2
    #[test]
    fn a_replacement_keeps_the_secret_of_this_moment() {
        let client = |method: &str, secret: Option<&str>| {
            let said = json!({ "redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": method });
            let rules = Rules::of_operator(&Settings::defaults());
            let read = metadata::read(ClientId::new("a"), said.as_object().unwrap(), &rules).unwrap();
            Client { secret: secret.map(ClientSecret::generated), ..read.client }
        };
        let basic = |secret| client("client_secret_basic", secret);
        let new = ClientSecret::generated("new");
        // The client read one secret, and an operator has renewed it since.
        let renewed = basic(Some("renewed"));
        assert_eq!(replaced(&renewed, &client("client_secret_post", None), None).secret, renewed.secret);
        assert_eq!(replaced(&renewed, &basic(None), Some(&new)).secret.as_ref(), Some(&new));
        assert_eq!(replaced(&renewed, &client("none", None), None).secret, None);
        assert_eq!(replaced(&client("none", None), &basic(None), Some(&new)).secret.as_ref(), Some(&new));
    }
}
