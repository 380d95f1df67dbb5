//! Scopes in words: the operator's, else those that come with the server.

use crate::clients::Catalogue;
use crate::ui::{Locale, Ui};

/// What a person is told that a scope allows.
pub fn describe(ui: &Ui, catalogue: &Catalogue, locale: Locale, scope: &str) -> String {
    let described = catalogue.scopes.iter().find(|known| known.name == scope).map(|known| &known.description);
    let words = described
        .and_then(|words| words.get(locale.tag()).or_else(|| words.get("en")).or_else(|| words.values().next()));
    words.cloned().unwrap_or_else(|| ui.scope_words(locale, scope))
}
