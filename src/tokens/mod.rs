//! Tokens: how each kind is minted and redeemed, how long each lives, and whether one that is presented is live.

pub mod access_token;
pub mod id_token;
pub mod live;
pub mod logout_token;
pub mod refresh_token;
pub mod subject;

pub use live::{Form, Issued, LiveAccessToken, LiveRefreshToken, NotLive, Tokens};

use crate::domain::client::Client;
use crate::domain::code::CODE_LIFETIME;
use crate::domain::id::{FamilyId, GrantId, UserId};
use crate::domain::refresh::{Position, RefreshTokenFamily, Rotation};
use crate::domain::scope::ScopeSet;
use crate::domain::time::{Lifetime, Timestamp};
use crate::entropy::Entropy;
use crate::keys::{Keys, KeysError, Purpose};
use crate::settings::Settings;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How long an access token of this client lives.
pub fn access_lifetime(settings: &Settings, client: &Client) -> Lifetime {
    let longest = settings.tokens.longest_access_token_lifetime;
    client.access_token_lifetime.unwrap_or(settings.tokens.access_token_lifetime).min(longest)
}

/// The longest life of an access token that comes through the browser: nothing renews it, and addresses are kept in places
/// that tokens should not outlive.
const LONGEST_IN_BROWSER: Lifetime = Lifetime::minutes(10);

/// How long an access token from the authorization endpoint lives (RFC 9700 §2.1.2, OIDC Core §3.2, §3.3).
pub fn front_channel_lifetime(settings: &Settings, client: &Client) -> Lifetime {
    access_lifetime(settings, client).min(LONGEST_IN_BROWSER)
}

/// How long a refresh token of this client lives without use.
pub fn idle_lifetime(settings: &Settings, client: &Client) -> Lifetime {
    client.refresh_token_idle_lifetime.unwrap_or(settings.tokens.refresh_token_idle_lifetime)
}

/// How long a refresh token family of this client lives at most.
pub fn family_lifetime(settings: &Settings, client: &Client) -> Lifetime {
    client.refresh_token_lifetime.unwrap_or(settings.tokens.refresh_token_lifetime)
}

/// How long a grant must be remembered: until the last access token that can come from it has expired.
pub fn longest_grant(settings: &Settings, client: &Client) -> Lifetime {
    let refreshed =
        if client.is_given_refresh_token() { family_lifetime(settings, client) } else { Lifetime::seconds(0) };
    let seconds = CODE_LIFETIME.as_seconds() + refreshed.as_seconds() + access_lifetime(settings, client).as_seconds();
    Lifetime::seconds(seconds)
}

/// A new refresh token family for this client, to be completed with its grant; `None` where it gets no refresh token.
///
/// # Errors
/// [`KeysError`] while no key is loaded.
pub fn new_family(
    settings: &Settings,
    (keys, entropy): (&Keys, &Entropy),
    client: &Client,
    now: Timestamp,
) -> Result<Option<RefreshTokenFamily>, KeysError> {
    if !client.is_given_refresh_token() {
        return Ok(None);
    }
    let expires_at = now.plus(family_lifetime(settings, client));
    Ok(Some(RefreshTokenFamily {
        id: FamilyId::new(URL_SAFE_NO_PAD.encode(entropy.bytes::<16>())),
        grant_id: GrantId::new(""),
        client_id: client.id.clone(),
        user_id: UserId::new(""),
        scopes: ScopeSet::default(),
        salt: entropy.bytes::<32>(),
        key_id: keys.hmac(Purpose::Refresh, None, b"")?.0,
        rotation: if client.rotates_refresh_tokens() { Rotation::Rotated } else { Rotation::Kept },
        position: Position { generation: 0, attempt: 0, previous_attempt: 0, rotated_at: now },
        created_at: now,
        last_used_at: now,
        idle_expires_at: now.plus(idle_lifetime(settings, client)).min(expires_at),
        expires_at,
        revoked_at: None,
    }))
}
