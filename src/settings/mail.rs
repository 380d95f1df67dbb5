//! `mail.*`: how mail is sent.

use super::reader::Reader;
use crate::domain::secret::Secret;
use crate::domain::user::Email;

/// `mail.*`
#[derive(Debug, Clone)]
pub struct Mail {
    /// `smtp://…` or `smtps://…`; holds a password. `None`: no mail is sent.
    pub smtp_url: Option<Secret>,
    /// The address that mail comes from; set whenever `smtp_url` is.
    pub from: Option<Email>,
}

impl Mail {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let smtp_url = reader.optional("mail.smtp_url", |text| check_url(text).map(|()| Secret::new(text)));
        let from = reader.optional("mail.from", |text| Email::parse(text).map_err(|error| error.to_string()));
        if smtp_url.is_some() && from.is_none() {
            reader.object("mail.from", "it is required when mail.smtp_url is set");
        }
        Self { smtp_url, from }
    }
}

fn check_url(text: &str) -> Result<(), String> {
    let is_smtp = |url: &url::Url| matches!(url.scheme(), "smtp" | "smtps") && url.has_host();
    match url::Url::parse(text) {
        Ok(url) if is_smtp(&url) => Ok(()),
        _ => Err("it is not smtp://HOST or smtps://HOST".to_owned()),
    }
}
