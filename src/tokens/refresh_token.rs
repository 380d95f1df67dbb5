//! The text form of refresh tokens (RFC 6749 §1.5). A token is derived from its family, not stored:
//! `family . generation . attempt . key id . MAC`, so the very same successor can be made again for a retry.
//!
//! Only the exact text is a token. The MAC covers every part before it and the family's salt; numbers have one spelling,
//! and base64url with stray bits in its last character does not decode. What a genuine token means is decided by
//! [`crate::domain::refresh::decide`].

use crate::domain::id::{FamilyId, KeyId};
use crate::domain::refresh::{Presented, RefreshTokenFamily};
use crate::domain::secret::Secret;
use crate::keys::{Keys, KeysError, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// A family identifier: 128 bits.
const FAMILY_CHARACTERS: usize = 22;
/// The identifier of a secret key: 96 bits.
const KEY_ID_CHARACTERS: usize = 16;
/// The greatest `i64` has 19 digits.
const NUMBER_DIGITS: usize = 19;
const MAC_BYTES: usize = 32;
const MAC_CHARACTERS: usize = 43;
/// No refresh token is longer: 123 characters.
pub const MAX_CHARACTERS: usize = FAMILY_CHARACTERS + 2 * NUMBER_DIGITS + KEY_ID_CHARACTERS + MAC_CHARACTERS + 4;

/// Separates these MACs from anything else that may ever be made with the same key.
const LABEL: &[u8] = b"authward refresh token 1\0";

/// A text that has the form of a refresh token. Nothing about it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRefreshToken {
    /// The family that it names.
    pub family_id: FamilyId,
    /// The place in the family that it names.
    pub presented: Presented,
    /// The key that its MAC should be made with.
    pub key_id: KeyId,
    mac: Mac,
}

/// A presented MAC. It does not print: together with the rest it would be a token.
#[derive(Clone, PartialEq, Eq)]
struct Mac([u8; MAC_BYTES]);

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mac(..)")
    }
}

/// The token of `family` at `presented`. The same arguments give the same text, always.
///
/// # Errors
/// [`KeysError::NotReady`]; [`KeysError::Unknown`] when the family's refresh key is gone.
pub fn derive(keys: &Keys, family: &RefreshTokenFamily, presented: Presented) -> Result<Secret, KeysError> {
    let mac = URL_SAFE_NO_PAD.encode(mac_of(keys, family, presented)?);
    let Presented { generation, attempt } = presented;
    Ok(Secret::new(format!("{}.{generation}.{attempt}.{}.{mac}", family.id, family.key_id)))
}

/// Reads the form of a refresh token; `None` for everything else. Looks at 123 characters at most.
pub fn parse(text: &str) -> Option<ParsedRefreshToken> {
    if text.len() > MAX_CHARACTERS {
        return None;
    }
    let mut parts = text.split('.');
    let family_id = identifier(parts.next()?, FAMILY_CHARACTERS)?;
    let generation = number(parts.next()?)?;
    let attempt = number(parts.next()?)?;
    let key_id = identifier(parts.next()?, KEY_ID_CHARACTERS)?;
    let mac = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
    if parts.next().is_some() {
        return None;
    }
    Some(ParsedRefreshToken {
        family_id: FamilyId::new(family_id),
        presented: Presented { generation, attempt },
        key_id: KeyId::new(key_id),
        mac: Mac(mac),
    })
}

impl ParsedRefreshToken {
    /// Whether this server made the token for `family`. The MACs are compared in constant time.
    ///
    /// # Errors
    /// As [`derive`]: then nothing is known about the token (-> 503).
    pub fn is_genuine(&self, keys: &Keys, family: &RefreshTokenFamily) -> Result<bool, KeysError> {
        if self.family_id != family.id || self.key_id != family.key_id {
            return Ok(false);
        }
        Ok(mac_of(keys, family, self.presented)?.ct_eq(&self.mac.0).into())
    }
}

fn mac_of(keys: &Keys, family: &RefreshTokenFamily, presented: Presented) -> Result<[u8; MAC_BYTES], KeysError> {
    let id = family.id.as_str().as_bytes();
    // Every part has a fixed length or its length before it: no two inputs give the same message.
    let message = [
        LABEL,
        &(id.len() as u64).to_be_bytes(),
        id,
        &presented.generation.to_be_bytes(),
        &presented.attempt.to_be_bytes(),
        &family.salt,
    ]
    .concat();
    keys.hmac(Purpose::Refresh, Some(&family.key_id), &message).map(|(_, mac)| mac)
}

/// A base64url text of this length.
fn identifier(text: &str, characters: usize) -> Option<&str> {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (text.len() == characters && text.bytes().all(is_base64url)).then_some(text)
}

/// A number from 0 in its only spelling: digits, no sign, no leading zero.
fn number(text: &str) -> Option<i64> {
    let is_canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if is_canonical { text.parse().ok() } else { None }
}
