//! `ui.*`: how pages look.

use super::reader::Reader;
use std::path::PathBuf;

/// Languages that pages are written in.
pub const LOCALES: [&str; 2] = ["en", "ko"];

/// `ui.*`
#[derive(Debug, Clone)]
pub struct Ui {
    /// A directory whose files replace built-in templates, texts and assets.
    pub directory: Option<PathBuf>,
    /// One of [`LOCALES`].
    pub default_locale: String,
}

impl Ui {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            directory: reader.optional("ui.directory", |text| Ok(PathBuf::from(text))),
            default_locale: reader.text("ui.default_locale", |text| {
                if LOCALES.contains(&text) { Ok(text.to_owned()) } else { Err("it is neither en nor ko".to_owned()) }
            }),
        }
    }
}
