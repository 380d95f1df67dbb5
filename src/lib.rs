//! authward: a standalone OAuth 2 and OpenID Connect authorization server with PKCE.
#![warn(missing_docs, clippy::all)]

pub mod clock;
pub mod domain;
pub mod entropy;
pub mod settings;
pub mod ui;
pub mod store;
pub mod keys;
pub mod tokens;
