//! Reading a token request: exactly one grant type with exactly its fields, and the credentials by one method
//! (RFC 6749 §2.3, §4.1.3, §4.3.2, §4.4.2, §6).

use super::error::TokenError;
use crate::clients::authenticate::Credentials;
use crate::domain::pkce::CodeVerifier;
use crate::domain::scope::ScopeSet;
use crate::domain::secret::Secret;
use crate::web::client_credentials;
use crate::web::extract::refuse_secrets_in_query;
use crate::web::forms::StrictForm;
use actix_web::HttpRequest;

/// A token request whose form was right.
pub(super) struct TokenRequest {
    pub credentials: Credentials,
    pub grant: Grant,
}

/// What is presented.
pub(super) enum Grant {
    AuthorizationCode(CodeRequest),
    RefreshToken(RefreshRequest),
    ClientCredentials(ClientCredentialsRequest),
    Password(PasswordRequest),
}

/// RFC 6749 §4.1.3, RFC 7636 §4.5
pub(super) struct CodeRequest {
    pub code: Secret,
    pub redirect_uri: Option<String>,
    pub verifier: Option<CodeVerifier>,
    pub resources: Vec<String>,
}

/// RFC 6749 §6
pub(super) struct RefreshRequest {
    pub refresh_token: Secret,
    pub scopes: Option<ScopeSet>,
    pub resources: Vec<String>,
}

/// RFC 6749 §4.4.2
pub(super) struct ClientCredentialsRequest {
    pub scopes: Option<ScopeSet>,
    pub resources: Vec<String>,
}

/// RFC 6749 §4.3.2
pub(super) struct PasswordRequest {
    pub username: String,
    pub password: Secret,
    pub scopes: Option<ScopeSet>,
    pub resources: Vec<String>,
}

impl TokenRequest {
    pub(super) fn parse(request: &HttpRequest, form: &StrictForm) -> Result<Self, TokenError> {
        refuse_secrets_in_query(request)?;
        if let Some(name) = form.repeated() {
            return Err(TokenError::Repeated(name.to_owned()));
        }
        let credentials = client_credentials::read(request, form)?;
        let grant = Grant::parse(form)?;
        Ok(Self { credentials, grant })
    }
}

impl Grant {
    /// The registered name of the grant type.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::AuthorizationCode(_) => "authorization_code",
            Self::RefreshToken(_) => "refresh_token",
            Self::ClientCredentials(_) => "client_credentials",
            Self::Password(_) => "password",
        }
    }

    fn parse(form: &StrictForm) -> Result<Self, TokenError> {
        let required = |name: &'static str| form.find(name).ok_or(TokenError::Missing(name));
        let scopes = || form.find("scope").map(ScopeSet::parse).transpose().map_err(TokenError::ScopeMalformed);
        let resources = form.all("resource").map(str::to_owned).collect();
        match required("grant_type")? {
            "authorization_code" => Ok(Self::AuthorizationCode(CodeRequest {
                code: Secret::new(required("code")?),
                redirect_uri: form.find("redirect_uri").map(str::to_owned),
                verifier: form
                    .find("code_verifier")
                    .map(CodeVerifier::parse)
                    .transpose()
                    .map_err(TokenError::VerifierMalformed)?,
                resources,
            })),
            "refresh_token" => Ok(Self::RefreshToken(RefreshRequest {
                refresh_token: Secret::new(required("refresh_token")?),
                scopes: scopes()?,
                resources,
            })),
            "client_credentials" => {
                Ok(Self::ClientCredentials(ClientCredentialsRequest { scopes: scopes()?, resources }))
            }
            "password" => Ok(Self::Password(PasswordRequest {
                username: required("username")?.to_owned(),
                password: Secret::new(required("password")?),
                scopes: scopes()?,
                resources,
            })),
            other => Err(TokenError::GrantType(other.to_owned())),
        }
    }
}
