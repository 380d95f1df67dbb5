//! What the HTTP tests share: a server ([`TestApp`]), a person's browser ([`Browser`]), and a client that checks every
//! answer as clients must ([`RelyingParty`]).
#![allow(dead_code, unused_imports, reason = "a toolbox: not every tool is in use at all times")]

mod answer;
mod app;
mod browser;
pub mod clients;
pub mod decrypting;
pub mod described;
pub mod jwt;
pub mod origin;
pub mod raw;
pub mod receiver;
pub mod relying_party;
pub mod rows;
pub mod signing;
pub mod tls;

#[path = "../../support/mod.rs"]
pub mod shared;

pub use answer::Answer;
pub use app::{Builder, PASSWORD, START, TestApp};
pub use browser::Browser;
pub use relying_party::{AuthRequest, RelyingParty, Tokens};
