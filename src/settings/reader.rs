//! Typed reading of single keys. A value that is wrong is noted and its default taken instead, so that the rest can be
//! read and everything is reported at once.

use super::sources::{Values, defaults};
use super::{Problem, SettingsError};
use crate::domain::refusal::excerpt;
use crate::domain::time::Lifetime;
use config::ValueKind;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Keys whose values are never shown.
const SECRET: [&str; 4] = ["database.url", "keys.master_key", "mail.smtp_url", "usage.webhook_secret"];

pub(super) struct Reader {
    values: Values,
    defaults: Values,
    problems: Vec<Problem>,
    #[cfg(test)]
    pub(super) asked: std::collections::BTreeSet<&'static str>,
}

impl Reader {
    pub(super) fn new(values: Values, problems: Vec<Problem>) -> Self {
        Self {
            values,
            defaults: defaults(),
            problems,
            #[cfg(test)]
            asked: std::collections::BTreeSet::new(),
        }
    }

    pub(super) fn finish(self) -> Result<(), SettingsError> {
        if self.problems.is_empty() { Ok(()) } else { Err(SettingsError(self.problems)) }
    }

    /// Notes that the value of `key`, well formed by itself, does not fit the others.
    pub(super) fn object(&mut self, key: &str, what: impl Into<String>) {
        let origin = self.values.get(key).and_then(config::Value::origin).unwrap_or("built-in default").to_owned();
        self.problems.push(Problem { key: key.to_owned(), what: what.into(), origin });
    }

    /// A text in a form of its own.
    pub(super) fn text<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        self.read(key, |kind| {
            parse(&text_of(kind)?).map_err(|what| describe(key, &text_of(kind).unwrap_or_default(), &what))
        })
    }

    /// A text that may be empty, which means "not set".
    pub(super) fn optional<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.text(key, |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) })
    }

    /// A list, or a text that is separated by commas.
    pub(super) fn list<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        self.read(key, |kind| {
            items_of(kind)?.iter().map(|item| parse(item).map_err(|what| describe(key, item, &what))).collect()
        })
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &'static str, bounds: RangeInclusive<i64>) -> i64 {
        self.read(key, |kind| {
            let number = number_of(kind)?;
            if bounds.contains(&number) {
                Ok(number)
            } else {
                Err(format!("{number} is not within {} to {}", bounds.start(), bounds.end()))
            }
        })
    }

    /// A whole number within bounds that are small and not negative.
    pub(super) fn count(&mut self, key: &'static str, bounds: RangeInclusive<i64>) -> usize {
        usize::try_from(self.number(key, bounds)).expect("the bounds of a count are not negative")
    }

    /// A count of which 0 means `automatic`.
    pub(super) fn count_or(&mut self, key: &'static str, most: i64, automatic: usize) -> usize {
        match self.count(key, 0..=most) {
            0 => automatic,
            count => count,
        }
    }

    /// Whole seconds, of the protocol.
    pub(super) fn lifetime(&mut self, key: &'static str, bounds: RangeInclusive<i64>) -> Lifetime {
        Lifetime::seconds(self.number(key, bounds))
    }

    /// Whole seconds, of the machine.
    pub(super) fn duration(&mut self, key: &'static str, bounds: RangeInclusive<i64>) -> Duration {
        Duration::from_secs(self.number(key, bounds).unsigned_abs())
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        self.read(key, |kind| match kind {
            ValueKind::Boolean(flag) => Ok(*flag),
            ValueKind::String(text) if text.trim() == "true" => Ok(true),
            ValueKind::String(text) if text.trim() == "false" => Ok(false),
            _ => Err("it is neither true nor false".to_owned()),
        })
    }

    /// A list of tables (`[[key]]`), or of inline tables.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        most: usize,
        parse: impl Fn(&Table) -> Result<T, String>,
    ) -> Vec<T> {
        self.read(key, |kind| {
            let items = match kind {
                ValueKind::Array(items) => items.as_slice(),
                ValueKind::Nil => &[],
                ValueKind::String(text) if text.trim().is_empty() => &[],
                _ => return Err("it is not a list of tables, which only a file can hold".to_owned()),
            };
            if items.len() > most {
                return Err(format!("it has more than {most} entries"));
            }
            let table = |value: &config::Value| match &value.kind {
                ValueKind::Table(members) => parse(&Table(members)),
                _ => Err("it is not a list of tables".to_owned()),
            };
            items.iter().map(table).collect()
        })
    }

    fn read<T>(&mut self, key: &'static str, parse: impl Fn(&ValueKind) -> Result<T, String>) -> T {
        #[cfg(test)]
        self.asked.insert(key);
        let default = self.defaults.get(key).expect("every key that is read stands in config/default.toml");
        match parse(&self.values.get(key).unwrap_or(default).kind) {
            Ok(value) => value,
            Err(what) => {
                let value = parse(&default.kind).expect("the defaults are valid: a test reads them");
                self.object(key, what);
                value
            }
        }
    }
}

/// One table of a list.
pub(super) struct Table<'a>(&'a config::Map<String, config::Value>);

impl Table<'_> {
    /// Refuses members of other names.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("{:?} is not known; it may have {}", excerpt(name), known.join(", "))),
            None => Ok(()),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.0.get(name).map(|value| &value.kind) {
            None => Ok(None),
            Some(ValueKind::String(text)) if (1..=255).contains(&text.len()) => Ok(Some(text.clone())),
            Some(_) => Err(format!("{name} is not a text of 1 to 255 bytes")),
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, name: &str, bounds: RangeInclusive<i64>) -> Result<Option<i64>, String> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        match number_of(&value.kind) {
            Ok(number) if bounds.contains(&number) => Ok(Some(number)),
            _ => Err(format!("{name} is not a whole number within {} to {}", bounds.start(), bounds.end())),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&self, name: &str) -> Result<Option<f64>, String> {
        let fraction = match self.0.get(name).map(|value| &value.kind) {
            None => return Ok(None),
            Some(ValueKind::Float(number)) => *number,
            Some(ValueKind::I64(0)) => 0.0,
            Some(ValueKind::I64(1)) => 1.0,
            Some(_) => f64::NAN,
        };
        if (0.0..=1.0).contains(&fraction) { Ok(Some(fraction)) } else { Err(format!("{name} is not within 0 to 1")) }
    }
}

fn describe(key: &str, value: &str, what: &str) -> String {
    if SECRET.contains(&key) { what.to_owned() } else { format!("{:?}: {what}", excerpt(value)) }
}

fn text_of(kind: &ValueKind) -> Result<String, String> {
    match kind {
        ValueKind::String(text) => Ok(text.clone()),
        ValueKind::Nil => Ok(String::new()),
        _ => Err("it is not a text between quotes".to_owned()),
    }
}

fn items_of(kind: &ValueKind) -> Result<Vec<String>, String> {
    match kind {
        ValueKind::Array(items) => {
            items.iter().map(|item| text_of(&item.kind).map_err(|_| "it is not a list of texts".to_owned())).collect()
        }
        kind => {
            let text = text_of(kind).map_err(|_| "it is neither a list nor a text".to_owned())?;
            Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
        }
    }
}

fn number_of(kind: &ValueKind) -> Result<i64, String> {
    match kind {
        ValueKind::I64(number) => Ok(*number),
        ValueKind::String(text) => {
            text.trim().parse().map_err(|_| format!("{:?} is not a whole number", excerpt(text)))
        }
        _ => Err("it is not a whole number".to_owned()),
    }
}
