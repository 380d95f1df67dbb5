//! The texts of one language: Fluent messages by key, with arguments.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};

use super::{Locale, UiError};

/// The messages of one locale.
pub(super) struct Words {
    bundle: FluentBundle<FluentResource>,
}

impl Words {
    /// Reads a locale file, and an operator's file whose messages replace those of the same key.
    ///
    /// # Errors
    /// `Words` when a file is not Fluent, when a key stands twice in one file, or when a replaced message asks for an
    /// argument that the original does not have: no page would fill it in.
    pub fn new(locale: Locale, embedded: &str, replacement: Option<&str>) -> Result<Words, UiError> {
        let language = locale.tag().parse().expect("a locale's tag is a language identifier");
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // The isolation marks of Fluent are for mixed directions; both languages here run left to right, and `plain`
        // takes direction marks out of every argument.
        bundle.set_use_isolating(false);
        bundle.add_resource(parsed(locale, embedded)?).map_err(|_| broken(locale, "a key stands twice"))?;
        if let Some(source) = replacement {
            bundle.add_resource_overriding(parsed(locale, source)?);
            let known = arguments_of(embedded);
            for (key, used) in arguments_of(source) {
                let stranger = known.get(&key).and_then(|given| used.difference(given).next());
                if let Some(stranger) = stranger {
                    return Err(broken(locale, &format!("the message {key} has no argument ${stranger}")));
                }
            }
        }
        Ok(Words { bundle })
    }

    pub fn has(&self, key: &str) -> bool {
        self.bundle.get_message(key).is_some_and(|message| message.value().is_some())
    }

    /// The text of a key. `None` when there is no such key or the text uses an argument that is not given.
    pub fn text(&self, key: &str, arguments: &FluentArgs<'_>) -> Option<String> {
        let message = self.bundle.get_message(key)?;
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(message.value()?, Some(arguments), &mut errors).into_owned();
        errors.is_empty().then_some(text)
    }
}

/// A text argument, freed of control characters and of marks that turn the reading direction: a name that comes from
/// outside must not rearrange the sentence it stands in.
pub(super) fn plain(text: &str) -> FluentValue<'static> {
    FluentValue::from(text.chars().filter(|&c| !reorders(c)).collect::<String>())
}

fn reorders(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn parsed(locale: Locale, source: &str) -> Result<FluentResource, UiError> {
    FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        let line = errors.first().map_or(0, |error| line_of(source, error.pos.start));
        broken(locale, &format!("line {line}: {first}"))
    })
}

fn line_of(source: &str, at: usize) -> usize {
    source.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

fn broken(locale: Locale, problem: &str) -> UiError {
    UiError::Words { locale: locale.tag(), problem: problem.to_owned() }
}

/// The keys of a file that is known to be Fluent, each with the names behind `$` in its text.
pub(super) fn arguments_of(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    let mut key = None;
    for line in source.lines() {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            key = line.split_once('=').map(|(name, _)| name.trim().to_owned());
        } else if line.starts_with('#') || line.starts_with('-') {
            key = None;
        }
        let Some(key) = &key else { continue };
        let names = line.split('$').skip(1).map(|rest| {
            rest.chars().take_while(|&c| c.is_ascii_alphanumeric() || c == '_' || c == '-').collect::<String>()
        });
        found.entry(key.clone()).or_default().extend(names);
    }
    found
}
