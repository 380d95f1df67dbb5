//! The HTTP edge: strict forms, request context, cookies, cross-site request forgery, answers as bytes, and the middleware.
//!
//! Handlers live in the rooms of their features; this room gives them their arguments and turns their results into
//! bytes. It knows no rule of the protocol. Which middleware a route has is data in `routes.rs`.

pub mod answer;
pub mod back;
pub mod bearer_token;
pub mod browser_state;
pub mod client_credentials;
pub mod connections;
pub mod cookies;
pub mod csrf;
pub mod extract;
pub mod forms;
pub mod json;
pub mod middleware;
pub mod policy;
pub mod scope_words;
pub mod services;
pub mod signed_in;
pub mod tls;

pub use services::Services;
