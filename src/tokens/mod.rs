//! Tokens: how each kind is minted and redeemed.

pub mod refresh_token;
