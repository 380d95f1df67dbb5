//! Identifiers: short opaque strings, each thing with a type of its own so that they cannot be mixed up.

use serde::{Deserialize, Serialize};

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is; the database and the entropy source are the only makers.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

identifiers! {
    /// A client identifier (RFC 6749 §2.2): 1 to 255 visible ASCII characters.
    ClientId;
    /// The subject of a user: a UUID as 36 characters; never reused, never changed.
    UserId;
    /// A grant: a UUID as 36 characters.
    GrantId;
    /// A refresh token family: 22 characters base64url (128 bits).
    FamilyId;
    /// The public identifier of a session (`sid`): a UUID as 36 characters. It opens nothing.
    Sid;
    /// A key identifier (`kid`): the RFC 7638 thumbprint for signing keys, 43 characters base64url.
    KeyId;
    /// The short reference of a refusal that a person can read out: `XXXX-XXXX`, Crockford base32.
    Reference;
}
