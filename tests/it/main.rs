//! HTTP tests: the real server in this process, on a port and a database of its own for every test, under a clock that
//! a test moves and with randomness from a seed. One module an endpoint; `support` is what they share.
//!
//! A test that proves a clause says so in its doc comment (`/// RFC 7636 §4.6`); `docs/CONFORMANCE.md` is made of
//! these.

#![allow(clippy::type_complexity, reason = "tables of cases carry their checks with them")]

mod account;
mod admin;
mod admin_api;
mod alerts;
mod audit;
mod authorize_answer;
mod authorize_client;
mod authorize_request;
mod backchannel;
mod bad_input;
mod claims;
mod client_assertions;
mod client_credentials;
mod consent;
mod cors;
mod discovery;
mod encrypted;
mod end_session;
mod forms;
mod framing;
mod full_disk;
mod guessing;
mod harness;
mod headers;
mod history;
mod interactions;
mod introspect;
mod login;
mod metrics;
mod opaque;
mod openapi;
mod operators;
mod password_grant;
mod prompt;
mod races;
mod refusals;
mod register;
mod request_objects;
mod resources;
mod response_types;
mod revoke;
mod session_management;
mod sign_up;
mod support;
mod tls;
mod token_client;
mod token_code;
mod token_refresh;
mod usage;
mod usage_reports;
mod userinfo;
