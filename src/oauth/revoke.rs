//! Revocation (RFC 7009): a client gives back a token of its own.
//!
//! A refresh token of any generation ends its grant, and with it the family and every access token that came from it, in
//! one transaction; a refresh that races with it touches no revoked family, and whatever it gave before hangs on the same
//! grant. An access token ends alone. 200 is said after the commit.
//!
//! What is no token, or ended long ago, is 200 too (RFC 7009 §2.2). A token of another client is refused and stays as it is
//! (RFC 7009 §2.1), and so is an ID token, which nothing revokes (RFC 7009 §2.2.1).

use super::inquiry::{Inquiry, InquiryError};
use crate::domain::audit::{Actor, By, Event, EventKind};
use crate::domain::client::Client;
use crate::store::{self, Db, StoreError};
use crate::tokens::{self, Issued, NotLive};
use crate::web::answer::json;
use crate::web::client_credentials;
use crate::web::extract::{Body, Edge};
use actix_web::HttpResponse;

/// `POST /revoke`
pub async fn post(edge: Edge, body: Body) -> HttpResponse {
    match revoke(&edge, body).await {
        // RFC 7009 §2.2: "The content of the response body is ignored by the client": there is none, and no type of it.
        Ok(()) => HttpResponse::Ok().finish(),
        Err(error) => json::refuse(&edge, &error.refusal()),
    }
}

async fn revoke(edge: &Edge, body: Body) -> Result<(), InquiryError> {
    let inquiry = Inquiry::parse(edge, body)?;
    let client = client_credentials::authenticate(edge, &inquiry.credentials).await?;
    let Some(issued) = find_issued(edge, &client, inquiry.token.reveal()).await? else { return Ok(()) };
    if *issued.client_id() != client.id {
        return Err(InquiryError::Foreign(client.id.clone()));
    }
    let revocation = Revocation { issued, by: edge.by(Actor::Client(client.id.clone())) };
    edge.store.write(move |db| revocation.carry_out(db)).await?;
    Ok(())
}

/// RFC 7009 §2.2: "invalid tokens do not cause an error response".
async fn find_issued(edge: &Edge, client: &Client, token: &str) -> Result<Option<Issued>, InquiryError> {
    match edge.tokens.load_issued(token, edge.context.now).await {
        Ok(issued) => Ok(Some(issued)),
        Err(NotLive::Unavailable(error)) => Err(error.into()),
        Err(NotLive::Kind) => Err(InquiryError::Kind(client.id.clone())),
        Err(
            NotLive::Verification(_)
            | NotLive::Unknown
            | NotLive::Revoked
            | NotLive::User
            | NotLive::Client
            | NotLive::Replaced,
        ) => Ok(None),
    }
}

/// What one transaction ends, and tells of.
struct Revocation {
    issued: Issued,
    by: By,
}

impl Revocation {
    fn carry_out(&self, db: &mut Db) -> Result<(), StoreError> {
        let was_live = match &self.issued {
            Issued::Refresh(family) => store::grants::revoke(db, &family.grant_id, self.by.at)?,
            Issued::Opaque(token) => store::opaque_access_tokens::remove(db, &token.hash)?,
            Issued::Signed(token) => {
                store::revoked_tokens::insert(db, &tokens::live::revocation_of(&token.id), token.expires_at)?
            }
        };
        if was_live { store::audit::insert(db, &self.event()) } else { Ok(()) }
    }

    fn event(&self) -> Event {
        let about = |kind| Event::new(kind, &self.by).client(self.issued.client_id());
        match &self.issued {
            Issued::Refresh(family) => {
                about(EventKind::GrantRevoked).user(&family.user_id).with("grant", family.grant_id.as_str())
            }
            Issued::Opaque(token) => {
                about(EventKind::TokenRevoked).with("jti", tokens::access_token::opaque_id(&token.hash))
            }
            Issued::Signed(token) => about(EventKind::TokenRevoked).with("jti", token.id.as_str()),
        }
    }
}
