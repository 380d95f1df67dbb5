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
    /// As [`derive()`]: then nothing is known about the token (-> 503).
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ClientId, GrantId, UserId};
    use crate::domain::refresh::{Position, Rotation};
    use crate::domain::scope::ScopeSet;
    use crate::domain::time::Timestamp;
    use crate::keys::KeyPolicy;
    use crate::keys::tests::World;
    use proptest::prelude::*;

    const TIME: Timestamp = Timestamp::from_seconds(1_800_000_000);

    struct Desk {
        _world: World,
        keys: Keys,
        family: RefreshTokenFamily,
    }

    impl Desk {
        fn new() -> Self {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (world, keys) = runtime.block_on(async {
                let world = World::new().await;
                let keys = world.node(1, KeyPolicy { algorithms: vec![], ..KeyPolicy::default() });
                keys.ensure().await.unwrap();
                (world, keys)
            });
            let key_id = keys.hmac(Purpose::Refresh, None, b"").unwrap().0;
            let family = RefreshTokenFamily {
                id: FamilyId::new("AAAAAAAAAAAAAAAAAAAAAA"),
                grant_id: GrantId::new("grant"),
                client_id: ClientId::new("client"),
                user_id: UserId::new("user"),
                scopes: ScopeSet::parse("openid").unwrap(),
                salt: [7; 32],
                key_id,
                rotation: Rotation::Rotated,
                position: Position { generation: 0, attempt: 0, previous_attempt: 0, rotated_at: TIME },
                created_at: TIME,
                last_used_at: TIME,
                idle_expires_at: TIME,
                expires_at: TIME,
                revoked_at: None,
            };
            Self { _world: world, keys, family }
        }

        fn derive(&self, generation: i64, attempt: i64) -> String {
            derive(&self.keys, &self.family, Presented { generation, attempt }).unwrap().reveal().to_owned()
        }

        /// What the server does with a text: parse, then check against the family.
        fn accepts(&self, text: &str) -> bool {
            self.accepts_for(text, &self.family)
        }

        fn accepts_for(&self, text: &str, family: &RefreshTokenFamily) -> bool {
            parse(text).is_some_and(|token| token.is_genuine(&self.keys, family).unwrap())
        }
    }

    #[test]
    fn a_token_comes_back_as_it_was_derived_and_fits_a_url() {
        let desk = Desk::new();
        for (generation, attempt) in [(0, 0), (1, 0), (10, 3), (i64::MAX, i64::MAX)] {
            let text = desk.derive(generation, attempt);
            assert_eq!(text, desk.derive(generation, attempt), "derived again it is the same");
            assert!(text.len() <= MAX_CHARACTERS && MAX_CHARACTERS < 160);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
            let token = parse(&text).unwrap();
            assert_eq!(token.family_id, desk.family.id);
            assert_eq!(token.presented, Presented { generation, attempt });
            assert!(desk.accepts(&text));
            assert!(!format!("{token:?}").contains(text.rsplit('.').next().unwrap()), "a MAC prints");
        }
    }

    #[test]
    fn a_token_belongs_to_its_family_salt_key_and_place() {
        let desk = Desk::new();
        let text = desk.derive(1, 0);
        let others = [
            RefreshTokenFamily { id: FamilyId::new("AAAAAAAAAAAAAAAAAAAAAB"), ..desk.family.clone() },
            RefreshTokenFamily { salt: [8; 32], ..desk.family.clone() },
            RefreshTokenFamily { key_id: KeyId::new("AAAAAAAAAAAAAAAA"), ..desk.family.clone() },
        ];
        for other in &others {
            assert!(!desk.accepts_for(&text, other));
        }
        let mac = |text: &str| text.rsplit('.').next().unwrap().to_owned();
        let macs = [desk.derive(1, 0), desk.derive(0, 1), desk.derive(1, 1), desk.derive(11, 0)].map(|text| mac(&text));
        let distinct: std::collections::HashSet<&String> = macs.iter().collect();
        assert_eq!(distinct.len(), macs.len());
    }

    #[test]
    fn a_family_whose_key_is_gone_is_an_error_not_a_forgery() {
        let desk = Desk::new();
        let family = RefreshTokenFamily { key_id: KeyId::new("AAAAAAAAAAAAAAAA"), ..desk.family.clone() };
        let text = desk.derive(0, 0).replace(desk.family.key_id.as_str(), "AAAAAAAAAAAAAAAA");
        assert!(matches!(parse(&text).unwrap().is_genuine(&desk.keys, &family), Err(KeysError::Unknown(_))));
    }

    #[test]
    fn numbers_have_one_spelling() {
        let desk = Desk::new();
        let text = desk.derive(7, 0);
        let (family, rest) = text.split_once('.').unwrap();
        let rest = rest.split_once('.').unwrap().1;
        for number in ["07", "+7", "-7", " 7", "7 ", "", "7_0", "0x7", "٧", "9223372036854775808", "00", "1e1", "7.0"]
        {
            assert_eq!(parse(&format!("{family}.{number}.{rest}")), None, "{number}");
        }
    }

    #[test]
    fn stray_bits_and_padding_are_not_decoded() {
        let desk = Desk::new();
        let text = desk.derive(0, 0);
        let (head, last) = text.split_at(text.len() - 1);
        let accepted: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/"
            .chars()
            .filter(|character| desk.accepts(&format!("{head}{character}")))
            .collect();
        assert_eq!(accepted, last.chars().collect::<Vec<_>>());
        assert_eq!(parse(&format!("{text}=")), None);
    }

    /// Only the exact string is a token.
    #[test]
    fn everything_near_a_token_is_none() {
        let desk = Desk::new();
        let text = desk.derive(12, 3);
        for at in 0..text.len() {
            assert!(!desk.accepts(&text[..at]), "shortened to {at}");
            assert!(!desk.accepts(&text[at + 1..]), "from {at} on");
            let character = &text[at..=at];
            let swapped =
                if character == character.to_uppercase() { character.to_lowercase() } else { character.to_uppercase() };
            if swapped != character {
                assert!(!desk.accepts(&format!("{}{swapped}{}", &text[..at], &text[at + 1..])), "case at {at}");
            }
        }
        assert!(!desk.accepts(&text.to_uppercase()) && !desk.accepts(&text.to_lowercase()));
        proptest!(|(at in 0..=text.len(), inserted in "[A-Za-z0-9_.=+ \\x00-]{1,3}")| {
            let longer = format!("{}{inserted}{}", &text[..at], &text[at..]);
            prop_assert!(!desk.accepts(&longer));
        });
        proptest!(|(at in 0..text.len(), character in "[A-Za-z0-9_.=+/-]")| {
            let changed = format!("{}{character}{}", &text[..at], &text[at + 1..]);
            prop_assert!(changed == text || !desk.accepts(&changed));
        });
        proptest!(|(junk in ".{0,200}")| prop_assert!(!desk.accepts(&junk)));
        proptest!(|(generation in 0..i64::MAX, attempt in 0..i64::MAX)| {
            prop_assert!(desk.accepts(&desk.derive(generation, attempt)));
            let moved = text.replacen(".12.3.", &format!(".{generation}.{attempt}."), 1);
            prop_assert!(moved == text || !desk.accepts(&moved));
        });
    }
}
