//! Strict forms: `application/x-www-form-urlencoded` without forgiveness (RFC 6749 §3.1, §3.2, appendix B).
//!
//! The bounds of a form are here: number of parameters, length of a name and of a value. Its size is bounded by whoever
//! received it: a query by the bound of the head, a body by `limits.body_bytes`. Broken percent-encoding and broken UTF-8
//! are errors, not replacement characters. A repeated parameter is remembered, so that each endpoint can refuse it in its
//! own way. A parameter without value counts as omitted (RFC 6749 §3.1).

/// The most parameters of a form.
pub const MOST_PARAMETERS: usize = 100;
/// The longest value, in bytes after decoding.
pub const LONGEST_VALUE: usize = 16 * 1024;
const LONGEST_NAME: usize = 256;
/// Parameters that may stand more than once (RFC 8707 §2).
const REPEATABLE: [&str; 1] = ["resource"];

/// A form whose encoding was right.
#[derive(Clone, Default)]
pub struct StrictForm {
    parameters: Vec<(String, String)>,
    repeated: Option<String>,
}

/// Why a text is no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A `%` that is not followed by two hexadecimal digits, bytes that are not UTF-8, or a NUL, which no parameter may
    /// hold and databases read differently.
    #[error("broken percent-encoding or UTF-8, or a NUL")]
    Encoding,
    /// Larger than a bound of this module.
    #[error("larger than allowed")]
    TooLarge,
}

impl StrictForm {
    /// Reads a query string or a body.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn parse(text: &[u8]) -> Result<Self, FormError> {
        let mut form = Self::default();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let name = decode(&pair[..split], LONGEST_NAME)?;
            let value = decode(pair.get(split + 1..).unwrap_or_default(), LONGEST_VALUE)?;
            form.add(name, value)?;
        }
        Ok(form)
    }

    /// The form with these parameters, and of its own those that count besides.
    ///
    /// # Errors
    /// [`FormError`], as for parameters that were sent.
    pub fn overlaid(
        &self,
        parameters: Vec<(String, String)>,
        counts: impl Fn(&str) -> bool,
    ) -> Result<Self, FormError> {
        let mut form = Self::default();
        let own = self.parameters.iter().filter(|(name, _)| counts(name)).cloned();
        for (name, value) in parameters.into_iter().chain(own) {
            if name.len() > LONGEST_NAME || value.len() > LONGEST_VALUE {
                return Err(FormError::TooLarge);
            }
            if name.contains('\0') || value.contains('\0') {
                return Err(FormError::Encoding);
            }
            form.add(name, value)?;
        }
        Ok(form)
    }

    fn add(&mut self, name: String, value: String) -> Result<(), FormError> {
        if self.parameters.len() >= MOST_PARAMETERS {
            return Err(FormError::TooLarge);
        }
        let is_known = self.parameters.iter().any(|(known, _)| *known == name);
        if is_known && !REPEATABLE.contains(&name.as_str()) && self.repeated.is_none() {
            self.repeated = Some(name.clone());
        }
        self.parameters.push((name, value));
        Ok(())
    }

    /// The value of a parameter; `None` where it is missing or empty.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Every value of a repeatable parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.parameters
            .iter()
            .filter(move |(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The first parameter that stands more than once.
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.as_deref()
    }

    /// Whether this parameter stands more than once.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.parameters.iter().filter(|(known, _)| known == name).count() > 1
    }

    /// The names that are there, in their order, each as often as it stands.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str())
    }

    /// The names that are there, for explanations; values are not shown because some are secret.
    pub fn names(&self) -> String {
        let mut names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names.join(", ")
    }
}

impl std::fmt::Debug for StrictForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StrictForm({})", self.names())
    }
}

/// Decodes one form-encoded value (RFC 6749 appendix B), also of a Basic header (§2.3.1).
///
/// # Errors
/// [`FormError`].
pub fn decode(text: &[u8], longest: usize) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len().min(longest));
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let (byte, tail) = match first {
            b'+' => (b' ', tail),
            b'%' => match tail {
                [high, low, tail @ ..] => (hex_digit(*high)? << 4 | hex_digit(*low)?, tail),
                _ => return Err(FormError::Encoding),
            },
            byte => (*byte, tail),
        };
        if bytes.len() == longest {
            return Err(FormError::TooLarge);
        }
        bytes.push(byte);
        rest = tail;
    }
    if bytes.contains(&0) {
        return Err(FormError::Encoding);
    }
    String::from_utf8(bytes).map_err(|_| FormError::Encoding)
}

fn hex_digit(byte: u8) -> Result<u8, FormError> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(FormError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 6749 §3.1
    #[test]
    fn repetition_is_remembered_and_an_empty_value_is_omitted() {
        let form = StrictForm::parse(b"a=1&b=2&a=3&c=&resource=x&resource=y").unwrap();
        assert_eq!(form.repeated(), Some("a"));
        assert_eq!(form.find("a"), Some("1"));
        assert_eq!(form.find("c"), None);
        assert_eq!(form.all("resource").collect::<Vec<_>>(), ["x", "y"]);
    }

    /// RFC 6749 appendix B
    #[test]
    fn broken_encodings_are_errors() {
        for bad in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%ff", b"a=%c3%28", b"%ff=1", b"a=x%00"] {
            assert_eq!(StrictForm::parse(bad).unwrap_err(), FormError::Encoding, "{bad:?}");
        }
        assert_eq!(StrictForm::parse(b"a=%20+%2B").unwrap().find("a"), Some("  +"));
    }

    #[test]
    fn everything_is_bounded() {
        assert_eq!(StrictForm::parse(&vec![b'a'; LONGEST_NAME + 1]).unwrap_err(), FormError::TooLarge);
        let many = (0..=MOST_PARAMETERS).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(StrictForm::parse(many.as_bytes()).unwrap_err(), FormError::TooLarge);
        let long = format!("a={}", "x".repeat(LONGEST_VALUE + 1));
        assert_eq!(StrictForm::parse(long.as_bytes()).unwrap_err(), FormError::TooLarge);
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = StrictForm::parse(&bytes);
        }

        #[test]
        fn what_a_library_encodes_is_read_back(name in "[a-z_]{1,20}", value in "\\PC{1,80}") {
            let text: String = url::form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            let form = StrictForm::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(form.find(&name), Some(value.as_str()));
        }
    }
}
