//! RFC 6749 and its family: the authorization endpoint, consent, the token endpoint, introspection,
//! revocation, registration, and the metadata that says what works.

pub mod authorize;
pub mod consent;
mod engine;
mod inquiry;
pub mod introspect;
pub mod metadata;
pub mod register;
pub mod revoke;
pub mod token;
