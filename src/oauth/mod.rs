//! RFC 6749 and its family: the authorization endpoint, consent, the token endpoint, and the metadata that says what works.

pub mod authorize;
pub mod consent;
mod engine;
pub mod metadata;
pub mod token;
