//! A service with the `oauth2` crate: `client_credentials` with the secret in the header and in the body, introspection
//! by the API the token is for, revocation by the service.

use std::env;

use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenType};
use oauth2::reqwest::{blocking, redirect::Policy};
use oauth2::{
    AccessToken, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, IntrospectionUrl,
    RequestTokenError, RevocationUrl, Scope, StandardRevocableToken, SyncHttpClient, TokenIntrospectionResponse,
    TokenResponse, TokenUrl,
};

type Failure = Box<dyn std::error::Error>;
type Service = BasicClient<EndpointNotSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>;

fn main() -> Result<(), Failure> {
    let http = blocking::ClientBuilder::new().redirect(Policy::none()).no_proxy().build()?;
    let api = client("API_CLIENT", AuthType::BasicAuth)?;
    for (name, method) in [("CLIENT", AuthType::BasicAuth), ("POST_CLIENT", AuthType::RequestBody)] {
        let service = client(name, method)?;
        let resource = format!("{}/opaque", env::var("API")?);
        let answer = service
            .exchange_client_credentials()
            .add_scope(Scope::new("orders:read".to_owned()))
            .add_extra_param("resource", &resource)
            .request(&http)?;
        ensure(*answer.token_type() == BasicTokenType::Bearer, "token_type is not Bearer")?;
        ensure(answer.expires_in().is_some(), "expires_in is missing")?;
        ensure(answer.refresh_token().is_none(), "RFC 6749 §4.4.3: no refresh token")?;

        let token = answer.access_token();
        let known = api.introspect(token).request(&http)?;
        ensure(known.active(), "the API is told that the token is not active")?;
        let client_id = known.client_id().map(|id| id.as_str().to_owned());
        ensure(client_id == Some(env::var(format!("{name}_ID"))?), "client_id")?;
        ensure(known.aud() == Some(&vec![resource]), "aud is not the API")?;
        ensure(known.scopes().is_some_and(|all| all.iter().any(|one| one.as_str() == "orders:read")), "scope")?;

        let refusal =
            service.exchange_client_credentials().add_scope(Scope::new("orders:burn".to_owned())).request(&http);
        match refusal {
            Err(RequestTokenError::ServerResponse(answer)) => {
                ensure(*answer.error() == BasicErrorResponseType::InvalidScope, "another error than invalid_scope")?;
            }
            _ => return Err("a scope that does not exist was granted".into()),
        }
        revoke(&service, token, &http)?;
        ensure(!api.introspect(token).request(&http)?.active(), "a revoked token is active")?;
        // RFC 7009 §2.2: a token that is not there any more is revoked.
        revoke(&service, token, &http)?;
    }
    println!("rust: tokens by client_credentials, introspected, revoked");
    Ok(())
}

fn client(name: &str, method: AuthType) -> Result<Service, Failure> {
    let issuer = env::var("ISSUER")?;
    Ok(BasicClient::new(ClientId::new(env::var(format!("{name}_ID"))?))
        .set_client_secret(ClientSecret::new(env::var(format!("{name}_SECRET"))?))
        .set_auth_type(method)
        .set_token_uri(TokenUrl::new(format!("{issuer}/token"))?)
        .set_introspection_url(IntrospectionUrl::new(format!("{issuer}/introspect"))?)
        .set_revocation_url(RevocationUrl::new(format!("{}/revoke", issuer.replacen("http", "https", 1)))?))
}

/// The crate takes no plain http for a revocation endpoint, which is right anywhere but on loopback: it is given https,
/// and the transport takes it back.
fn revoke(service: &Service, token: &AccessToken, http: &blocking::Client) -> Result<(), Failure> {
    let to_loopback = |mut request: HttpRequest| {
        *request.uri_mut() = request.uri().to_string().replacen("https", "http", 1).parse().expect("the URL of a test");
        http.call(request)
    };
    service.revoke_token(StandardRevocableToken::from(token.clone()))?.request(&to_loopback)?;
    Ok(())
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
