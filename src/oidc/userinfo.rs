//! Userinfo (OIDC Core §5.3): a protected resource of this server (RFC 6750).
//!
//! An access token is valid here if it is live, has scope `openid`, and stands for a user. Its audience may be an API: the
//! authorization server that issued it is always one that it may be shown to.

use crate::domain::claims;
use crate::domain::refusal::{self, Refusal};
use crate::domain::scope::OPENID;
use crate::web::answer::bearer;
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
    match claims_of(edge, in_body.as_deref()).await {
        Ok(claims) => HttpResponse::Ok().json(claims),
        Err(refusal) => bearer::refuse(edge, &refusal),
    }
}

async fn claims_of(edge: &Edge, in_body: Option<&str>) -> Result<Map<String, Value>, Refusal> {
    let token = bearer_token::load(edge, in_body).await?;
    if !token.scopes.contains(OPENID) {
        let sent = format!("a token with scope {}", token.scopes);
        return Err(Refusal::by(&refusal::TOKEN_SCOPE).because(sent, "scope openid"));
    }
    let nobody = || Refusal::by(&refusal::TOKEN_INVALID).because("a token that stands for no user", "a user's token");
    let user = token.user.as_ref().ok_or_else(nobody)?;
    let mut answer = claims::for_scopes(user, &token.scopes);
    answer.extend(claims::wished(user, &token.claims.userinfo));
    // OIDC Core §5.3.2: always there, and the one of the ID token.
    answer.insert("sub".to_owned(), Value::from(token.subject));
    Ok(answer)
}
