//! authward: a standalone OAuth 2 and OpenID Connect authorization server with PKCE.
#![warn(missing_docs, clippy::all)]

pub mod cli;
pub mod clients;
pub mod clock;
pub mod domain;
pub mod entropy;
pub mod keys;
pub mod passwords;
pub mod settings;
pub mod store;
pub mod tokens;
pub mod ui;
