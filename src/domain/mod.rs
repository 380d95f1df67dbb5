//! The pure core: every value and every rule of the protocol, without I/O, clock, database or HTTP.
//!
//! Values are parsed here once, at the door; after that no function asks again whether they are well formed. Decisions
//! are made here as functions of their arguments, so that each is a table test. Nothing in this room names another
//! room.

pub mod access_token;
pub mod audit;
pub mod authorization;
pub mod callback;
pub mod claims;
pub mod claims_request;
pub mod client;
pub mod client_key;
pub mod code;
pub mod context;
pub mod device;
pub mod exception;
pub mod grant;
pub mod host;
pub mod id;
pub mod interaction;
pub mod issuer;
pub mod key;
pub mod logout;
pub mod pkce;
pub mod profile;
pub mod redirect_uri;
pub mod refresh;
pub mod refusal;
pub mod registration;
pub mod resource;
pub mod response_type;
pub mod scope;
pub mod secret;
pub mod session;
pub mod throttle;
pub mod time;
pub mod usage;
pub mod user;
pub mod visible;
