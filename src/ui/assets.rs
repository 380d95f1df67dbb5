//! Stylesheets, scripts and pictures under names that contain their content's hash, so that a browser may keep them for
//! ever and still never shows an old one.

use std::{borrow::Cow, collections::BTreeMap};

use sha2::{Digest, Sha256};

/// One static file as it is sent.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The content, uncompressed.
    pub bytes: Cow<'static, [u8]>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
}

impl Asset {
    /// An asset whose content type follows from the name's ending. `None` for an ending that is not served.
    pub(super) fn new(name: &str, bytes: Cow<'static, [u8]>) -> Option<Asset> {
        let content_type = match name.rsplit_once('.')?.1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "html" => "text/html; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" => "image/jpeg",
            "webp" => "image/webp",
            "ico" => "image/vnd.microsoft.icon",
            "woff2" => "font/woff2",
            _ => return None,
        };
        Some(Asset { bytes, content_type })
    }
}

/// All assets, found by their hashed name, and the hashed name of each plain one.
#[derive(Default)]
pub(super) struct Assets {
    by_hashed_name: BTreeMap<String, Asset>,
    hashed_names: BTreeMap<String, String>,
}

impl Assets {
    /// Adds an asset under its plain name (`authward.css`), in place of one of that name.
    pub fn insert(&mut self, name: &str, asset: Asset) {
        let hashed = hashed_name(name, &asset.bytes);
        if let Some(previous) = self.hashed_names.insert(name.to_owned(), hashed.clone()) {
            self.by_hashed_name.remove(&previous);
        }
        self.by_hashed_name.insert(hashed, asset);
    }

    pub fn find(&self, hashed_name: &str) -> Option<&Asset> {
        self.by_hashed_name.get(hashed_name)
    }

    /// `authward.css` -> `authward.0123456789abcdef.css`
    pub fn hashed_name(&self, name: &str) -> Option<&str> {
        self.hashed_names.get(name).map(String::as_str)
    }

    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Asset)> {
        self.hashed_names.iter().map(|(name, hashed)| (name.as_str(), hashed.as_str(), &self.by_hashed_name[hashed]))
    }
}

/// The name with 16 hexadecimal digits of the content's SHA-256 before its ending.
fn hashed_name(name: &str, bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}.{digest}.{ending}"),
        None => format!("{name}.{digest}"),
    }
}
