//! authward: a standalone OAuth 2 and OpenID Connect authorization server with PKCE.
#![warn(missing_docs, clippy::all)]

pub mod account;
pub mod admin;
pub mod app;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod domain;
pub mod entropy;
pub mod health;
pub mod jobs;
pub mod keys;
pub mod logouts;
pub mod metrics;
pub mod oauth;
pub mod oidc;
pub mod openapi;
pub mod outbound;
pub mod pages;
pub mod passwords;
pub mod refusals;
pub mod reporting;
pub mod routes;
pub mod sessions;
pub mod settings;
pub mod store;
pub mod tokens;
pub mod ui;
pub mod usage;
pub mod users;
pub mod web;
