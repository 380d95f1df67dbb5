//! A native app with the `openidconnect` crate: a loopback listener on a random port, authorization code with PKCE, ID
//! token, user info, refresh, signing out; the access token (RFC 9068) is validated with `jsonwebtoken` through JWKS.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, CsrfToken, EndSessionUrl, IssuerUrl, LogoutRequest, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, Scope,
    TokenResponse, reqwest::blocking, reqwest::redirect::Policy,
};
use serde::Deserialize;

type Failure = Box<dyn std::error::Error>;

const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What an API reads in an access token (RFC 9068 §2.2).
#[derive(Deserialize)]
struct AccessClaims {
    sub: String,
    client_id: String,
    jti: String,
    scope: String,
    #[serde(rename = "iat")]
    _issued_at: u64,
}

fn main() -> Result<(), Failure> {
    let issuer = env::var("ISSUER")?;
    let client_id = env::var("CLIENT_ID")?;
    let http = blocking::ClientBuilder::new().redirect(Policy::none()).no_proxy().build()?;
    let metadata = ProviderMetadataWithLogout::discover(&IssuerUrl::new(issuer.clone())?, &http)?;
    let end_session = metadata.additional_metadata().end_session_endpoint.clone();
    let keys: JwkSet = http.get(metadata.jwks_uri().as_str()).send()?.error_for_status()?.json()?;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let redirect = RedirectUrl::new(format!("http://{}/callback", listener.local_addr()?))?;
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new(client_id.clone()), None).set_redirect_uri(redirect);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let mut request = client.authorize_url(flow.clone(), CsrfToken::new_random, Nonce::new_random);
    for scope in &SCOPES[1..] {
        request = request.add_scope(Scope::new((*scope).to_owned()));
    }
    let (url, state, nonce) = request.set_pkce_challenge(challenge).add_extra_param("prompt", "consent").url();
    let answer = answer_of(&listener, url.as_str())?;
    ensure(parameter(&answer, "state").as_deref() == Some(state.secret()), "the answer's state is another one")?;
    ensure(parameter(&answer, "iss").as_deref() == Some(&issuer), "the answer's iss is not the issuer")?;
    let code = parameter(&answer, "code").ok_or("the answer has no code")?;

    let tokens = client.exchange_code(AuthorizationCode::new(code))?.set_pkce_verifier(verifier).request(&http)?;
    let id_token = tokens.id_token().ok_or("there is no ID token")?;
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let (algorithm, key) = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)?;
        ensure(actual == *expected, "at_hash is of another access token")?;
    }
    let subject = claims.subject().as_str();
    validate(tokens.access_token().secret(), &keys, (&issuer, &client_id, subject))?;

    let person: CoreUserInfoClaims =
        client.user_info(tokens.access_token().clone(), Some(claims.subject().clone()))?.request(&http)?;
    ensure(person.subject().as_str() == subject, "user info is about somebody else")?;

    let refresh_token = tokens.refresh_token().ok_or("there is no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh_token)?.request(&http)?;
    ensure(renewed.access_token().secret() != tokens.access_token().secret(), "the access token is the same")?;
    validate(renewed.access_token().secret(), &keys, (&issuer, &client_id, subject))?;

    sign_out(end_session.ok_or("there is no end_session_endpoint")?, id_token)?;
    // The same browser has no session any more (OIDC Core §3.1.2.6).
    let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
    let (challenge, _) = PkceCodeChallenge::new_random_sha256();
    let (url, ..) = request.set_pkce_challenge(challenge).add_extra_param("prompt", "none").url();
    let answer = answer_of(&listener, url.as_str())?;
    ensure(
        parameter(&answer, "error").as_deref() == Some("login_required"),
        "signed out, and still somebody is there",
    )?;
    println!("rust: signed in, validated, refreshed, signed out");
    Ok(())
}

/// OpenID Connect RP-Initiated Logout §2: the browser comes back with the state.
fn sign_out(end_session: EndSessionUrl, id_token: &CoreIdToken) -> Result<(), Failure> {
    let home = PostLogoutRedirectUrl::new(env::var("POST_LOGOUT_REDIRECT_URI")?)?;
    let port = home.url().port().ok_or("the address to come back to has no port")?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let state = CsrfToken::new_random();
    let request = LogoutRequest::from(end_session).set_id_token_hint(id_token).set_post_logout_redirect_uri(home);
    let answer = answer_of(&listener, request.set_state(state.clone()).http_get_url().as_str())?;
    ensure(parameter(&answer, "state").as_deref() == Some(state.secret()), "the answer's state is another one")
}

/// Opens the browser and takes the one request it ends with at the loopback listener: its target.
fn answer_of(listener: &TcpListener, url: &str) -> Result<String, Failure> {
    let command = env::var("BROWSER_COMMAND")?;
    let mut words = command.split('\n');
    let mut browser = Command::new(words.next().ok_or("BROWSER_COMMAND is empty")?).args(words).arg(url).spawn()?;
    let (mut stream, _) = listener.accept()?;
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    reader.read_line(&mut line)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    ensure(browser.wait()?.success(), "the person did not come to an end")?;
    Ok(line.split(' ').nth(1).ok_or("the request line has no target")?.to_owned())
}

fn parameter(target: &str, name: &str) -> Option<String> {
    let url = openidconnect::url::Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// RFC 9068 §4, as an API would: signature through JWKS, type, issuer, audience, expiry, and the claims that must be
/// there.
fn validate(token: &str, keys: &JwkSet, expected: (&str, &str, &str)) -> Result<(), Failure> {
    let (issuer, client_id, subject) = expected;
    let header = decode_header(token)?;
    ensure(header.typ.as_deref() == Some("at+jwt"), "typ is not at+jwt")?;
    let key = keys.find(&header.kid.ok_or("there is no kid")?).ok_or("the kid is not in JWKS")?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[issuer]);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    let claims = decode::<AccessClaims>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims;
    ensure(claims.sub == subject, "sub is somebody else")?;
    ensure(claims.client_id == client_id, "client_id is another client")?;
    ensure(!claims.jti.is_empty(), "jti is empty")?;
    let granted: BTreeSet<&str> = claims.scope.split(' ').collect();
    ensure(granted == BTreeSet::from(SCOPES), "scope is not what was asked for")
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
