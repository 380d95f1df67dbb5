//! The access token of an answer: for which audience, with which scopes, in which form (RFC 8707 §2.2, RFC 9068 §3).
//!
//! A signed token is made after the commit. An opaque one is a row, stored by the same transaction that redeems what is
//! presented: a code that was used up has its token, and a token that is answered is stored.

use super::error::TokenError;
use crate::clients::Catalogue;
use crate::domain::access_token::OpaqueAccessToken;
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::resource::AccessTokenType;
use crate::domain::scope::{ADMIN_READ, ADMIN_WRITE, ScopeSet};
use crate::domain::secret::Secret;
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::user::{ADMIN, User};
use crate::store::{self, Db, StoreError};
use crate::tokens;
use crate::tokens::access_token::TYP;
use crate::web::extract::Edge;
use std::sync::Arc;

/// What is known of a token before anything is redeemed for it.
pub(in crate::oauth) struct Plan {
    client: Arc<Client>,
    catalogue: Arc<Catalogue>,
    /// The identifiers of the resources that the request names.
    resources: Vec<String>,
    issuer: String,
    issued_at: Timestamp,
    lifetime: Lifetime,
    /// The token where it is to be opaque. Drawn beforehand, because a transaction may run more than once.
    opaque: Secret,
}

/// A token as its transaction has settled it.
#[derive(Clone)]
pub(in crate::oauth) struct Settled {
    pub audience: Vec<String>,
    pub scopes: ScopeSet,
    pub form: Form,
    pub issued_at: Timestamp,
    pub lifetime: Lifetime,
}

impl Settled {
    /// Stores it where it is opaque, inside of the transaction that stores or redeems what it stands for.
    pub(in crate::oauth) fn store(
        &self,
        db: &mut Db,
        (client, grant): (&Client, Option<&Grant>),
    ) -> Result<(), StoreError> {
        let Form::Opaque(token) = &self.form else { return Ok(()) };
        let row = OpaqueAccessToken {
            hash: token.hash(),
            client_id: client.id.clone(),
            grant_id: grant.map(|grant| grant.id.clone()),
            scopes: self.scopes.clone(),
            audience: self.audience.clone(),
            issued_at: self.issued_at,
            expires_at: self.issued_at.plus(self.lifetime),
        };
        store::opaque_access_tokens::insert(db, &row)
    }
}

/// How a token looks.
#[derive(Clone)]
pub(in crate::oauth) enum Form {
    /// A JWT of this `typ`, to be signed after the commit.
    Signed(&'static str),
    /// This random value, stored already.
    Opaque(Secret),
}

impl Plan {
    /// For a request of `client` with these `resource` parameters.
    pub(super) async fn prepare(edge: &Edge, client: &Arc<Client>, resources: &[String]) -> Result<Self, TokenError> {
        let catalogue = edge.clients.catalogue().await?;
        let unknown = |error| TokenError::Resource(error, client.id.clone());
        let resources = catalogue.resolve(resources).map_err(unknown)?;
        let lifetime = tokens::access_lifetime(&edge.settings, client);
        Ok(Self::new(edge, client, (catalogue, resources), lifetime))
    }

    /// For the answer of the authorization endpoint: whatever resources were granted there.
    pub(in crate::oauth) async fn of_grant(edge: &Edge, client: &Arc<Client>) -> Result<Self, StoreError> {
        let catalogue = edge.clients.catalogue().await?;
        let lifetime = tokens::front_channel_lifetime(&edge.settings, client);
        Ok(Self::new(edge, client, (catalogue, Vec::new()), lifetime))
    }

    fn new(
        edge: &Edge,
        client: &Arc<Client>,
        (catalogue, resources): (Arc<Catalogue>, Vec<String>),
        lifetime: Lifetime,
    ) -> Self {
        Self {
            client: Arc::clone(client),
            resources,
            catalogue,
            issuer: edge.issuer().as_str().to_owned(),
            issued_at: edge.context.now,
            lifetime,
            opaque: edge.entropy.secret(),
        }
    }

    /// The first resource that the request names and the grant does not (RFC 8707 §2.2). A grant that names none is for
    /// the client's default, or for the issuer.
    pub(super) fn first_foreign_resource(&self, grant: &Grant) -> Option<&str> {
        let default = self.client.default_resource.as_deref().unwrap_or(&self.issuer);
        let is_granted = |uri: &String| match grant.resources.as_slice() {
            [] => uri == default,
            granted => granted.contains(uri),
        };
        self.resources.iter().find(|uri| !is_granted(uri)).map(String::as_str)
    }

    /// The resources that the request names.
    pub(super) fn asked(&self) -> &[String] {
        &self.resources
    }

    /// The resources that somebody named; empty: nobody did.
    pub(super) fn named<'a>(&'a self, grant: Option<&'a Grant>) -> &'a [String] {
        self.client.audience(&self.resources, grant.map_or(&[][..], |grant| &grant.resources))
    }

    /// Those of `scopes` that the token of a grant and its user, or of the client itself, carries. A client from which
    /// a scope was taken since has it no more (RFC 7591 §2 `scope`).
    pub(super) fn scopes(&self, granted: Option<(&Grant, &User)>, scopes: &ScopeSet) -> ScopeSet {
        let named = self.named(granted.map(|(grant, _)| grant));
        let user = granted.map(|(_, user)| user);
        let allowed = |scope: &str| self.client.may_have(scope) && may_have(user, scope);
        self.catalogue.scopes_at(scopes, named).filtered(allowed)
    }

    /// Settles the token of a grant and its user, or without one of the client itself, inside of the transaction that
    /// redeems.
    pub(super) fn carry_out(
        &self,
        db: &mut Db,
        granted: Option<(&Grant, &User)>,
        scopes: &ScopeSet,
    ) -> Result<Settled, StoreError> {
        let settled = self.settle(granted, scopes);
        settled.store(db, (&self.client, granted.map(|(grant, _)| grant)))?;
        Ok(settled)
    }

    /// The same for a token of the client itself, for which nothing is redeemed: only an opaque one needs a
    /// transaction.
    pub(super) async fn carry_out_alone(self, edge: &Edge, scopes: ScopeSet) -> Result<Settled, TokenError> {
        match self.settle(None, &scopes) {
            settled @ Settled { form: Form::Signed(_), .. } => Ok(settled),
            Settled { form: Form::Opaque(_), .. } => {
                Ok(edge.store.write(move |db| self.carry_out(db, None, &scopes)).await?)
            }
        }
    }

    /// The token, which is to be stored by [`Settled::store`].
    pub(in crate::oauth) fn settle(&self, granted: Option<(&Grant, &User)>, scopes: &ScopeSet) -> Settled {
        let named = self.named(granted.map(|(grant, _)| grant));
        let audience = if named.is_empty() { vec![self.issuer.clone()] } else { named.to_vec() };
        Settled {
            scopes: self.scopes(granted, scopes),
            form: self.form(&audience),
            audience,
            issued_at: self.issued_at,
            lifetime: self.lifetime,
        }
    }

    /// Opaque as soon as one of its resources wants it so: what is hidden from one is hidden from all. Else `at+jwt`
    /// (RFC 9068 §2.1), unless every resource wants `JWT`.
    fn form(&self, audience: &[String]) -> Form {
        let wanted = |uri: &String| {
            self.catalogue.find_resource(uri).map_or(AccessTokenType::AtJwt, |resource| resource.access_token_type)
        };
        if audience.iter().any(|uri| wanted(uri) == AccessTokenType::Opaque) {
            return Form::Opaque(self.opaque.clone());
        }
        Form::Signed(if audience.iter().all(|uri| wanted(uri) == AccessTokenType::Jwt) { "JWT" } else { TYP })
    }
}

/// Users have the scopes of administration as long as they are administrators, whatever was granted; a client that acts
/// for itself has what it is registered for.
fn may_have(user: Option<&User>, scope: &str) -> bool {
    let is_administration = scope == ADMIN_READ || scope == ADMIN_WRITE;
    !is_administration || user.is_none_or(|user| user.has_role(ADMIN))
}
