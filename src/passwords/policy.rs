//! What a new password may be: 8 to 256 characters as typed, and none that is guessed among the first.

use crate::domain::secret::Secret;
use unicode_normalization::UnicodeNormalization as _;

/// The fewest characters of a password, counted after NFC.
pub const SHORTEST: usize = 8;
/// The most characters of a password.
pub const LONGEST: usize = 256;
/// The most bytes that are looked at at all: 256 characters of four bytes.
const LONGEST_BYTES: usize = 1024;
/// How many characters the estimate of guesses looks at; its cost grows with their square.
const ESTIMATED: usize = 64;
/// The decimal logarithm of the guesses that a password must withstand: about 30,000.
const FEWEST_GUESSES_LOG10: f64 = 4.5;

/// Reading of passwords.
#[derive(Debug)]
pub struct Password;

/// Why a password cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Fewer than [`SHORTEST`] characters.
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    /// More than [`LONGEST`] characters.
    #[error("a password has at most {LONGEST} characters")]
    TooLong,
    /// Among the first that anybody would guess.
    #[error("this password is too common")]
    Common,
    /// Little more than the user name or e-mail address.
    #[error("the password is too much like the user name or e-mail address")]
    LikeName,
}

impl Password {
    /// Reads a new password: as typed, in Unicode NFC, never trimmed or cut.
    ///
    /// # Errors
    /// [`PasswordProblem::TooShort`] and [`PasswordProblem::TooLong`].
    pub fn parse(text: &str) -> Result<Secret, PasswordProblem> {
        let password = Self::typed(text)?;
        if password.reveal().chars().count() < SHORTEST {
            return Err(PasswordProblem::TooShort);
        }
        Ok(password)
    }

    /// Reads a password to be compared with a stored one, which may have been chosen elsewhere under another policy: as
    /// typed, in Unicode NFC, and bounded, so that a huge one costs nothing.
    ///
    /// # Errors
    /// [`PasswordProblem::TooLong`].
    pub fn typed(text: &str) -> Result<Secret, PasswordProblem> {
        if text.len() > LONGEST_BYTES {
            return Err(PasswordProblem::TooLong);
        }
        let normal: String = text.nfc().collect();
        if normal.chars().count() > LONGEST {
            return Err(PasswordProblem::TooLong);
        }
        Ok(Secret::new(normal))
    }
}

/// Refuses a password that is guessed within about 30,000 guesses by somebody who knows the user name and the e-mail
/// address. Costs up to some milliseconds; the input is bounded.
///
/// # Errors
/// [`PasswordProblem::Common`] and [`PasswordProblem::LikeName`].
pub fn check_common(password: &Secret, username: &str, email: &str) -> Result<(), PasswordProblem> {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    if [username, email, local].iter().any(|name| is_little_more_than(password.reveal(), name)) {
        return Err(PasswordProblem::LikeName);
    }
    let start: String = password.reveal().chars().take(ESTIMATED).collect();
    let estimate = zxcvbn::zxcvbn(&start, &[username, email, local]);
    if estimate.guesses_log10() < FEWEST_GUESSES_LOG10 { Err(PasswordProblem::Common) } else { Ok(()) }
}

/// Whether nothing but up to four digits and punctuation remains when `name` is taken out, whatever the case.
fn is_little_more_than(password: &str, name: &str) -> bool {
    let (password, name) = (password.to_lowercase(), name.to_lowercase());
    if name.chars().count() < 3 || !password.contains(&name) {
        return false;
    }
    let rest = password.replace(&name, "");
    let mut letters_and_digits = rest.chars().filter(|c| c.is_alphanumeric());
    letters_and_digits.clone().count() <= 4 && letters_and_digits.all(|c| c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), PasswordProblem> {
        check_common(&Password::parse(password).unwrap(), "alice", "alice.kim@example.com")
    }

    #[test]
    fn passwords_have_8_to_256_characters_as_typed() {
        let length = |text: &str| Password::parse(text).map(|secret| secret.reveal().to_owned());
        assert_eq!(length("1234567"), Err(PasswordProblem::TooShort));
        assert_eq!(length("  six   ").unwrap(), "  six   ", "spaces count and stay");
        assert_eq!(length(&"가".repeat(256)).unwrap(), "가".repeat(256));
        assert_eq!(length(&"x".repeat(257)), Err(PasswordProblem::TooLong));
        assert_eq!(length(&"x".repeat(100_000_000)), Err(PasswordProblem::TooLong));
        assert_eq!(Password::typed("").unwrap().reveal(), "");
    }

    #[test]
    fn composed_and_decomposed_characters_are_the_same_password() {
        let composed = Password::parse("pässwörter-é").unwrap();
        let decomposed = Password::parse("pa\u{308}sswo\u{308}rter-e\u{301}").unwrap();
        assert_eq!(composed, decomposed);
    }

    #[test]
    fn the_commonest_passwords_are_refused_and_others_are_not() {
        for common in
            ["password", "password1", "12345678", "qwertyuiop", "iloveyou1", "aaaaaaaaaaaa", "Passw0rd", "letmein1"]
        {
            assert_eq!(check(common), Err(PasswordProblem::Common), "{common}");
        }
        for fine in ["correct-horse-battery", "Tr0ub4dor&3x9", "alice likes seven horses", "산토끼토끼야어디를가느냐"]
        {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn a_password_that_is_the_name_is_refused() {
        for like in ["alice.kim", "ALICE123", "alicealice", "alice.kim@example.com", "!!alice!!2026"] {
            assert_eq!(check(like), Err(PasswordProblem::LikeName), "{like}");
        }
    }
}
