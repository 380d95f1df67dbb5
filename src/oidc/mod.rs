//! OpenID Connect's minimum: discovery, public keys, userinfo. The ID token is made in `tokens`.

pub mod check_session;
pub mod discovery;
pub mod jwks;
pub mod userinfo;
