//! Where the answer to an authorization request may go.

use super::client::Client;
use super::redirect_uri::RedirectUri;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// `response_mode` (OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// Parameters in the query: the default for `code`.
    #[default]
    Query,
    /// Parameters in the fragment.
    Fragment,
    /// A page with a form that is posted to the client.
    FormPost,
}

impl ResponseMode {
    /// Every mode that works.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// The one address an answer may be sent to. It exists only where a redirect URI of the request matched a registered one,
/// so an answer to anywhere else cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    redirect_uri: String,
    registered: RedirectUri,
    was_sent: bool,
    mode: ResponseMode,
    state: Option<String>,
}

/// Why no callback could be made. The answer is a page, never a redirect (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackError {
    /// The request names a redirect URI that is not registered.
    NotRegistered,
    /// The request names none, and the client registered more or fewer than one (RFC 6749 §3.1.2.3).
    Missing,
}

impl Callback {
    /// Matches the request's `redirect_uri` against those of `client`.
    ///
    /// # Errors
    /// [`CallbackError`] where nothing matches.
    pub fn match_request(client: &Client, requested: Option<&str>, now: Timestamp) -> Result<Self, CallbackError> {
        let (redirect_uri, registered) = match requested {
            Some(uri) => (uri, client.find_redirect_uri(uri, now).ok_or(CallbackError::NotRegistered)?),
            None => match client.redirect_uris.as_slice() {
                [only] => (only.as_str(), only),
                _ => return Err(CallbackError::Missing),
            },
        };
        Ok(Self {
            redirect_uri: redirect_uri.to_owned(),
            registered: registered.clone(),
            was_sent: requested.is_some(),
            mode: ResponseMode::default(),
            state: None,
        })
    }

    /// With the mode and state that the answer carries.
    #[must_use]
    pub fn answering(mut self, mode: ResponseMode, state: Option<String>) -> Self {
        self.mode = mode;
        self.state = state;
        self
    }

    /// The redirect URI of this request, character for character.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The registered redirect URI that it matched.
    pub const fn registered(&self) -> &RedirectUri {
        &self.registered
    }

    /// Whether the request named it (RFC 6749 §4.1.3).
    pub const fn was_sent(&self) -> bool {
        self.was_sent
    }

    /// How the answer travels.
    pub const fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// The client's `state`, returned byte for byte.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The host a person would recognize: the host of a web address, else the scheme.
    pub fn host(&self) -> String {
        match url::Url::parse(&self.redirect_uri) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                let host = url.host_str().unwrap_or_default().to_owned();
                url.port().map_or(host.clone(), |port| format!("{host}:{port}"))
            }
            Ok(url) => url.scheme().to_owned(),
            Err(_) => String::new(),
        }
    }
}
