//! Userinfo (OIDC Core §5.3): a protected resource of this server (RFC 6750).
//!
//! An access token is valid here if it is live, has scope `openid`, and stands for a user. Its audience may be an API:
//! the authorization server that issued it is always one that it may be shown to.
//!
//! The answer is JSON, or `application/jwt` where the client of the token registered that it is signed, encrypted or
//! both (§5.3.2). Such a JWT has no `exp`, so it passes neither for an ID token nor for an access token.

use crate::domain::claims;
use crate::domain::client::Client;
use crate::domain::refusal::{self, Refusal};
use crate::domain::scope::OPENID;
use crate::tokens::LiveAccessToken;
use crate::web::answer::{bearer, from_encryption, from_keys};
use crate::web::bearer_token;
use crate::web::extract::{Body, Edge};
use actix_web::HttpResponse;
use actix_web::http::header;
use serde_json::{Map, Value};

/// `GET /userinfo`
pub async fn get(edge: Edge) -> HttpResponse {
    respond(&edge, None).await
}

/// `POST /userinfo`, with the token in the header or the body (RFC 6750 §2.2).
pub async fn post(edge: Edge, body: Option<Body>) -> HttpResponse {
    let has_form =
        edge.header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form = match body.filter(|_| has_form) {
        None => None,
        Some(Body(Ok(form))) if form.is_repeated("access_token") => {
            return bearer::refuse(
                &edge,
                &Refusal::by(&refusal::TOKEN_TWICE).because("access_token more than once", "one token"),
            );
        }
        Some(Body(Ok(form))) => form.find("access_token").map(str::to_owned),
        Some(Body(Err(refusal))) => return bearer::refuse(&edge, &refusal),
    };
    respond(&edge, form).await
}

async fn respond(edge: &Edge, in_body: Option<String>) -> HttpResponse {
    match answer(edge, in_body.as_deref()).await {
        Ok(response) => response,
        Err(refusal) => bearer::refuse(edge, &refusal),
    }
}

async fn answer(edge: &Edge, in_body: Option<&str>) -> Result<HttpResponse, Refusal> {
    let token = bearer_token::load(edge, in_body).await?;
    let claims = claims_of(&token)?;
    let client = &token.client;
    let (algorithm, encryption) = (client.userinfo_algorithm(), client.encryption("userinfo"));
    let text = match algorithm {
        None if encryption.is_none() => return Ok(HttpResponse::Ok().json(claims)),
        None => Value::Object(claims).to_string(),
        Some(algorithm) => {
            let claims = addressed(edge, client, claims);
            edge.keys.sign(algorithm, "JWT", &claims).map_err(|error| from_keys(&error))?
        }
    };
    let text = match encryption {
        None => text,
        Some(encryption) => {
            let kind = algorithm.map(|_| "JWT");
            let encrypted = edge.clients.encrypt(client, encryption, (&text, kind), &edge.entropy).await;
            encrypted.map_err(|error| from_encryption(&error, "userinfo_encrypted_response_alg").of(&client.id))?
        }
    };
    Ok(HttpResponse::Ok().content_type("application/jwt").body(text))
}

/// OIDC Core §5.3.2: "If signed, the UserInfo Response MUST contain the Claims iss (issuer) and aud (audience) as
/// members."
fn addressed(edge: &Edge, client: &Client, mut claims: Map<String, Value>) -> Map<String, Value> {
    claims.insert("iss".to_owned(), Value::from(edge.issuer().as_str()));
    claims.insert("aud".to_owned(), Value::from(client.id.as_str()));
    claims.insert("iat".to_owned(), Value::from(edge.context.now.seconds()));
    claims
}

fn claims_of(token: &LiveAccessToken) -> Result<Map<String, Value>, Refusal> {
    if !token.scopes.contains(OPENID) {
        let sent = format!("a token with scope {}", token.scopes);
        return Err(Refusal::by(&refusal::TOKEN_SCOPE).because(sent, "scope openid"));
    }
    let nobody = || Refusal::by(&refusal::TOKEN_INVALID).because("a token that stands for no user", "a user's token");
    let user = token.user.as_ref().ok_or_else(nobody)?;
    let mut answer = claims::for_scopes(user, &token.scopes);
    answer.extend(claims::wished(user, &token.claims.userinfo));
    // OIDC Core §5.3.2: always there, and the one of the ID token.
    answer.insert("sub".to_owned(), Value::from(token.subject.as_str()));
    Ok(answer)
}
