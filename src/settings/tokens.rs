//! `tokens.*`: how long what is issued lives.

use super::reader::Reader;
use crate::domain::time::Lifetime;

/// One year in seconds.
const YEAR: i64 = 31_536_000;

/// `tokens.*`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Of an access token whose client says nothing else.
    pub access_token_lifetime: Lifetime,
    /// The most a client may be given; signing keys stay published this long after their last signature.
    pub longest_access_token_lifetime: Lifetime,
    /// Of an ID token.
    pub id_token_lifetime: Lifetime,
    /// Of a refresh token that is not used.
    pub refresh_token_idle_lifetime: Lifetime,
    /// Of a refresh token family, from its first token on.
    pub refresh_token_lifetime: Lifetime,
    /// How long a replaced refresh token gives the same successor again.
    pub refresh_retry_window: Lifetime,
}

impl Tokens {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let tokens = Self {
            access_token_lifetime: reader.lifetime("tokens.access_token_lifetime", 10..=604_800),
            longest_access_token_lifetime: reader.lifetime("tokens.longest_access_token_lifetime", 10..=604_800),
            id_token_lifetime: reader.lifetime("tokens.id_token_lifetime", 10..=86_400),
            refresh_token_idle_lifetime: reader.lifetime("tokens.refresh_token_idle_lifetime", 60..=10 * YEAR),
            refresh_token_lifetime: reader.lifetime("tokens.refresh_token_lifetime", 60..=10 * YEAR),
            refresh_retry_window: reader.lifetime("tokens.refresh_retry_window", 0..=60),
        };
        if tokens.access_token_lifetime > tokens.longest_access_token_lifetime {
            let what = "it is more than tokens.longest_access_token_lifetime";
            reader.object("tokens.access_token_lifetime", what);
        }
        if tokens.id_token_lifetime > tokens.longest_access_token_lifetime {
            let what =
                "it is more than tokens.longest_access_token_lifetime, so its key could leave the JWKS before it ends";
            reader.object("tokens.id_token_lifetime", what);
        }
        if tokens.refresh_token_idle_lifetime > tokens.refresh_token_lifetime {
            reader.object("tokens.refresh_token_idle_lifetime", "it is more than tokens.refresh_token_lifetime");
        }
        tokens
    }
}
