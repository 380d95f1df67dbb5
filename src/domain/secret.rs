//! Secrets and the only form in which they are stored.

use sha2::{Digest, Sha256};

/// A secret value in clear: an authorization code, a session id, a token, a password. It does not print, is wiped from
/// memory when dropped, and is compared in constant time.
#[derive(Clone)]
pub struct Secret(secrecy::SecretString);

impl Secret {
    /// Takes a secret in clear.
    pub fn new(text: impl Into<String>) -> Self {
        Self(secrecy::SecretString::from(text.into()))
    }

    /// The secret in clear. Every call is a place to look at in a review.
    pub fn reveal(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }

    /// The stored form.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.reveal())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.reveal().as_bytes().ct_eq(other.reveal().as_bytes()).into()
    }
}

/// SHA-256 of a random value of 256 bits: the only stored form of codes, session ids and interaction ids. Looking it up
/// is the comparison, so there is no timing to observe, and a stolen database opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes the text as it was sent.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// From stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits; `None` where they are none.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut hash = [0; 32];
        for (place, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// The 32 bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::hex;

    #[test]
    fn a_hash_is_read_from_its_digits() {
        let hash = TokenHash::of("a secret");
        assert_eq!(TokenHash::from_hex(&hex(hash.as_bytes())), Some(hash));
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"+0".repeat(32)] {
            assert_eq!(TokenHash::from_hex(wrong), None, "{wrong}");
        }
    }
}
