//! Tokens that tie a form to the browser, the session and the transaction it was shown for (RFC 6749 §10.12).
//!
//! A token is an HMAC over what it is bound to, so nothing is stored, and a form can be sent from any number of tabs.

use crate::domain::secret::Secret;
use crate::keys::{Keys, KeysError, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// What a form is bound to.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// Which form: `login`, `consent`, ….
    pub form: &'a str,
    /// The value of the cookie that marks the browser or the flow.
    pub browser: &'a Secret,
    /// The session or the interaction; empty for forms without either.
    pub transaction: &'a str,
}

impl Binding<'_> {
    /// The token for a form with this binding.
    ///
    /// # Errors
    /// [`KeysError`] while no key is loaded.
    pub fn token(&self, keys: &Keys) -> Result<String, KeysError> {
        let (key, mac) = keys.hmac(Purpose::Forms, None, &self.message())?;
        Ok(format!("{key}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Whether `token` is the one for this binding.
    ///
    /// # Errors
    /// [`KeysError`] while no key is loaded; a token of an unknown key is just wrong.
    pub fn is_met_by(&self, token: &str, keys: &Keys) -> Result<bool, KeysError> {
        let Some((key, mac)) = token.split_once('.') else { return Ok(false) };
        let key = crate::domain::id::KeyId::new(key);
        let expected = match keys.hmac(Purpose::Forms, Some(&key), &self.message()) {
            Ok((_, expected)) => expected,
            Err(KeysError::Unknown(_)) => return Ok(false),
            Err(other) => return Err(other),
        };
        Ok(URL_SAFE_NO_PAD.encode(expected).as_bytes().ct_eq(mac.as_bytes()).into())
    }

    fn message(&self) -> Vec<u8> {
        // Each part is hashed or has its length in front, so no two bindings give the same bytes.
        let mut message = Vec::with_capacity(128);
        for part in [self.form, self.browser.reveal(), self.transaction] {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part.as_bytes());
        }
        message
    }
}
