//! What people see: page templates, their words in each language, and the assets they load.
//!
//! The room turns a typed page into HTML. Which page is shown, and with what, is decided by the slice that owns the
//! page's struct; status codes, headers and cookies belong to `web`. Templates, locale files and assets are embedded in
//! the binary; an operator's directory replaces them one by one ([`Ui::new`]).
//!
//! A template sees three things and a few functions:
//! - `page`: the page's own fields, as it serializes;
//! - `frame`: what surrounds every page: `locale`, `base_path`, `signed_in`, `languages` (for the language switch);
//! - `t(key, name=value, ..)`: a text of the locale; an unknown key or a missing argument is an error;
//! - `known(key)`: whether the locale has such a key; `said(text)`: the text of a key, or the text itself if it is none;
//! - `asset(name)`: the path of an asset below `frame.base_path`, with its content's hash;
//! - the test `web_url`: the value is an absolute http or https URL, so it may stand in a link.
//!
//! All output is escaped, and what is undefined is an error.

mod assets;
mod embedded;
mod locale;
mod when;
mod words;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::{
    Environment, ErrorKind, Output, State, UndefinedBehavior, Value, context, escape_formatter,
    value::{Kwargs, Serde},
};
use serde::Serialize;

pub use assets::Asset;
pub use locale::Locale;
pub use when::When;

use assets::Assets;
use embedded::Sources;
use words::{Words, plain};

/// A page: a struct of the slice that shows it, rendered by the template it names.
pub trait Page: Serialize {
    /// The template's name, such as `pages/login.html`.
    const TEMPLATE: &'static str;
}

/// What surrounds every page.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The language of the page.
    pub locale: Locale,
    /// The path of the issuer without a slash at its end (`""`, `/tenant`): the prefix of every link of ours.
    pub base_path: String,
    /// The name of the user of the browser's session.
    pub signed_in: Option<String>,
    /// Path and query of the page itself, where the language switch comes back to.
    pub here: String,
}

/// Why the pages cannot be prepared or one cannot be rendered. Never contains a value of a page.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// A template is malformed, or uses what it is not given.
    #[error("template {name}, line {line}: {problem}")]
    Template {
        /// The template's name, such as `pages/login.html`; empty when no template has the page's name.
        name: String,
        /// The line in it, from 1; 0 when it is not known.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A locale file is malformed or contradicts the embedded one.
    #[error("locale {locale}: {problem}")]
    Words {
        /// The locale's tag.
        locale: &'static str,
        /// What is wrong, with the line if it is known.
        problem: String,
    },
    /// A file of the operator's directory cannot be used.
    #[error("{}: {problem}", path.display())]
    Override {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// The pages of the server, ready to render. Built once and shared.
pub struct Ui {
    /// One environment and one set of words a locale, in the order of [`Locale::ALL`].
    languages: Vec<Language>,
    assets: Arc<Assets>,
    demo: Assets,
}

struct Language {
    environment: Environment<'static>,
    words: Arc<Words>,
}

impl Ui {
    /// Prepares all pages. Files in `overrides` that have the name of an embedded one (`pages/login.html`,
    /// `assets/authward.css`) stand in for it; a locale file (`locales/ko.ftl`) replaces the messages it contains; other
    /// files in those three directories are added.
    ///
    /// # Errors
    /// A template that does not parse, or that names a text or an asset that does not exist; a locale file that is not
    /// Fluent; a file of the directory that cannot be read.
    pub fn new(overrides: Option<&Path>) -> Result<Ui, UiError> {
        let sources = Sources::read(overrides)?;
        let mut assets = Assets::default();
        for (name, asset) in sources.assets {
            assets.insert(&name, asset);
        }
        let assets = Arc::new(assets);
        let languages = Locale::ALL
            .into_iter()
            .map(|locale| {
                let words = &sources.locales[&locale.tag()];
                let words = Arc::new(Words::new(locale, words.embedded, words.replacement.as_deref())?);
                let environment = environment(&sources.templates, &words, &assets)?;
                Ok(Language { environment, words })
            })
            .collect::<Result<Vec<Language>, UiError>>()?;
        let mut demo = Assets::default();
        for (name, asset) in embedded::demo() {
            demo.insert(name, asset);
        }
        Ok(Ui { languages, assets, demo })
    }

    /// The page as an HTML document.
    ///
    /// # Errors
    /// `Template` when the template uses a field, a text or an argument that is not there.
    pub fn render<P: Page>(&self, page: &P, frame: &Frame) -> Result<String, UiError> {
        let environment = &self.language(frame.locale).environment;
        let template = environment.get_template(P::TEMPLATE).map_err(template_error)?;
        let context = context! { page => Serde(page), frame => Serde(Surroundings::of(frame)) };
        template.render(context).map_err(template_error)
    }

    /// The asset served at `{base_path}/assets/{hashed_name}`. It never changes under this name.
    pub fn asset(&self, hashed_name: &str) -> Option<&Asset> {
        self.assets.find(hashed_name)
    }

    /// The asset with this plain name.
    pub fn asset_named(&self, name: &str) -> Option<&Asset> {
        self.assets.find(self.assets.hashed_name(name)?)
    }

    /// A file of the demonstration client: `index.html` (served at `{base_path}/demo`), `app.js` and `style.css` (below
    /// it). Not under a hashed name, so to be served with revalidation.
    pub fn demo(&self, name: &str) -> Option<&Asset> {
        self.demo.find(self.demo.hashed_name(name)?)
    }

    /// The text of a key that takes no arguments; the key itself when there is none.
    pub fn text(&self, locale: Locale, key: &str) -> String {
        self.text_with(locale, key, &[])
    }

    /// The text of a key with arguments; the key itself when there is no such key or an argument is missing.
    pub fn text_with(&self, locale: Locale, key: &str, arguments: &[(&str, &str)]) -> String {
        let arguments: FluentArgs<'_> = arguments.iter().map(|&(name, value)| (name, plain(value))).collect();
        self.language(locale).words.text(key, &arguments).unwrap_or_else(|| key.to_owned())
    }

    /// Whether the locales have this key.
    pub fn has_text(&self, key: &str) -> bool {
        self.languages.iter().all(|language| language.words.has(key))
    }

    /// What a consent page says of a scope that has no description of its own: the words of a standard scope (OIDC Core
    /// §5.4, §11), or a sentence that names it.
    pub fn scope_words(&self, locale: Locale, scope: &str) -> String {
        let key = format!("scope-{scope}");
        match scope {
            "openid" | "profile" | "email" | "address" | "phone" | "offline_access" => self.text(locale, &key),
            _ => self.text_with(locale, "scope-other", &[("name", scope)]),
        }
    }

    fn language(&self, locale: Locale) -> &Language {
        let at = Locale::ALL.iter().position(|&one| one == locale);
        &self.languages[at.expect("there is a language for every locale")]
    }
}

/// The frame as templates see it.
#[derive(Serialize)]
struct Surroundings<'a> {
    locale: Locale,
    base_path: &'a str,
    signed_in: Option<&'a str>,
    languages: Vec<LanguageLink>,
}

#[derive(Serialize)]
struct LanguageLink {
    tag: &'static str,
    name: &'static str,
    href: String,
    current: bool,
}

impl<'a> Surroundings<'a> {
    fn of(frame: &'a Frame) -> Surroundings<'a> {
        let back: String = url::form_urlencoded::byte_serialize(frame.here.as_bytes()).collect();
        let link = |locale: Locale| LanguageLink {
            tag: locale.tag(),
            name: locale.name(),
            href: format!("{}/locale?tag={}&return={back}", frame.base_path, locale.tag()),
            current: locale == frame.locale,
        };
        Surroundings {
            locale: frame.locale,
            base_path: &frame.base_path,
            signed_in: frame.signed_in.as_deref(),
            languages: Locale::ALL.map(link).into(),
        }
    }
}

/// The template engine of one language. Each language has its own, so that `t` is one function everywhere, macros included.
fn environment(
    templates: &[(String, String)],
    words: &Arc<Words>,
    assets: &Arc<Assets>,
) -> Result<Environment<'static>, UiError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // In debug mode an error carries the values of the page, form tokens included.
    environment.set_debug(false);
    environment.set_formatter(write_escaped);
    add_functions(&mut environment, words, assets);
    for (name, source) in templates {
        check_names(name, source, words, assets)?;
        environment.add_template_owned(name.clone(), source.clone()).map_err(template_error)?;
    }
    Ok(environment)
}

/// Writes a value with everything escaped that means something in HTML text or in a quoted attribute. The engine's own
/// formatter escapes the slash too, which makes every path in the source unreadable and protects nothing more.
fn write_escaped(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    let text = match value.as_str() {
        Some(text) if !value.is_safe() => text,
        _ => return escape_formatter(output, state, value),
    };
    for part in text.split_inclusive(['&', '<', '>', '"', '\'']) {
        let escaped = match part.bytes().next_back() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            Some(b'\'') => "&#39;",
            _ => {
                output.write_str(part)?;
                continue;
            }
        };
        output.write_str(&part[..part.len() - 1])?;
        output.write_str(escaped)?;
    }
    Ok(())
}

fn add_functions(environment: &mut Environment<'static>, words: &Arc<Words>, assets: &Arc<Assets>) {
    let (translate, look_up, say, assets) =
        (Arc::clone(words), Arc::clone(words), Arc::clone(words), Arc::clone(assets));
    environment.add_function("t", move |key: &str, arguments: Kwargs| {
        let arguments = fluent_arguments(&arguments)?;
        let problem = || invalid(format!("no text for {key:?} with these arguments"));
        translate.text(key, &arguments).ok_or_else(problem)
    });
    environment.add_function("known", move |key: &str| look_up.has(key));
    environment.add_function("said", move |text: String| say.text(&text, &FluentArgs::new()).unwrap_or(text));
    environment.add_function("asset", move |name: &str| {
        let hashed = assets.hashed_name(name).ok_or_else(|| invalid(format!("no asset {name:?}")))?;
        Ok::<String, minijinja::Error>(format!("/assets/{hashed}"))
    });
    environment.add_test("web_url", |text: Value| {
        text.as_str().is_some_and(|text| text.starts_with("https://") || text.starts_with("http://"))
    });
}

fn fluent_arguments(arguments: &Kwargs) -> Result<FluentArgs<'static>, minijinja::Error> {
    let mut given = FluentArgs::new();
    for name in arguments.args() {
        let value: Value = arguments.get(name)?;
        let value = match (value.as_i64(), value.as_str()) {
            (Some(number), _) => FluentValue::from(number),
            (None, Some(text)) => plain(text),
            (None, None) => return Err(invalid(format!("the argument {name:?} is neither text nor a number"))),
        };
        given.set(name.to_owned(), value);
    }
    Ok(given)
}

/// Finds a text or an asset that does not exist before anybody meets the page, as far as templates name them literally.
fn check_names(name: &str, source: &str, words: &Words, assets: &Assets) -> Result<(), UiError> {
    for (number, line) in source.lines().enumerate() {
        let no_text = literals(line, "t(\"").find(|key| !words.has(key)).map(|key| format!("no text {key:?}"));
        let no_asset = || {
            literals(line, "asset(\"")
                .find(|file| assets.hashed_name(file).is_none())
                .map(|file| format!("no asset {file:?}"))
        };
        if let Some(problem) = no_text.or_else(no_asset) {
            return Err(UiError::Template { name: name.to_owned(), line: number + 1, problem });
        }
    }
    Ok(())
}

/// The string literals that directly follow `call`, where `call` is a whole name.
fn literals<'a>(line: &'a str, call: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(call).filter_map(move |(at, _)| {
        let whole = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        line[at + call.len()..].split_once('"').map(|(literal, _)| literal).filter(|_| whole)
    })
}

fn invalid(problem: String) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, problem)
}

fn template_error(error: minijinja::Error) -> UiError {
    UiError::Template {
        name: error.name().unwrap_or_default().to_owned(),
        line: error.line().unwrap_or_default(),
        problem: error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned),
    }
}
