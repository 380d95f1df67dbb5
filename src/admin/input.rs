//! Reading of queries and bodies: everything that is wrong is named at once.

use super::{ApiError, LARGEST_PAGE, PAGE};
use crate::web::answer::problem::Wrong;
use crate::web::extract::Query;
use crate::web::forms::StrictForm;
use crate::web::json::JsonBody;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The longest parameter or path segment that names something.
const LONGEST_NAME: usize = 512;

/// The parameters of a query, of which each is read once.
pub(super) struct Parameters {
    form: StrictForm,
    errors: Vec<Wrong>,
}

impl Parameters {
    /// Takes a query in which nothing but `known` stands, each once.
    pub(super) fn of(query: Query, known: &[&str]) -> Result<Self, ApiError> {
        let form = query.0?;
        let mut errors: Vec<Wrong> = Vec::new();
        for name in form.parameters() {
            let what = if !known.contains(&name) {
                format!("there is no such parameter; they are {}", known.join(", "))
            } else if form.is_repeated(name) {
                "it stands more than once".to_owned()
            } else {
                continue;
            };
            let field = name.chars().take(64).collect();
            if !errors.iter().any(|known| known.field == field) {
                errors.push(Wrong { field, what });
            }
        }
        Ok(Self { form, errors })
    }

    /// A parameter in a form of its own.
    pub(super) fn read<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.form.find(name)?;
        let parsed = if text.len() > LONGEST_NAME { Err("it is too long".to_owned()) } else { parse(text) };
        parsed.map_err(|what| self.errors.push(Wrong { field: name.to_owned(), what })).ok()
    }

    /// A text as it is.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, |text| Ok(text.to_owned()))
    }

    /// How many entries a page has.
    pub(super) fn limit(&mut self) -> i64 {
        let parse = |text: &str| {
            let number = text.parse().ok().filter(|number| (1..=LARGEST_PAGE).contains(number));
            number.ok_or_else(|| format!("it is a whole number of 1 to {LARGEST_PAGE}"))
        };
        self.read("limit", parse).unwrap_or(PAGE)
    }

    /// Everything that was wrong.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Fields(self.errors)) }
    }
}

/// Reads a body into `T`, all of whose members may be missing and which knows no others.
pub(super) fn read<T: DeserializeOwned>(body: JsonBody) -> Result<T, ApiError> {
    let members = body.0?;
    let of = |members: Map<String, Value>| serde_json::from_value::<T>(Value::Object(members));
    of(members.clone()).map_err(|whole| {
        // Each member on its own says which of them is wrong.
        let alone = |(name, value): (&String, &Value)| {
            let error = of(Map::from_iter([(name.clone(), value.clone())])).err()?;
            Some(Wrong { field: name.chars().take(64).collect(), what: error.to_string() })
        };
        let wrong: Vec<Wrong> = members.iter().filter_map(alone).collect();
        if wrong.is_empty() { ApiError::field("", whole.to_string()) } else { ApiError::Fields(wrong) }
    })
}
