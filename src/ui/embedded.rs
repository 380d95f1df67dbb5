//! The files of `templates/` and of the demonstration client as they are embedded in the binary, and an operator's
//! directory laid over them.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::{Asset, Locale, UiError};

/// The largest file that is taken from an operator's directory, in bytes.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

macro_rules! texts {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../templates/", $name)))),*]
    };
}

macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../", $folder, "/", $name)).as_slice())),*]
    };
}

const TEMPLATES: [(&str, &str); 23] = texts![
    "pages/account.html",
    "pages/admin.html",
    "pages/api.html",
    "pages/apps.html",
    "pages/check_session.html",
    "pages/consent.html",
    "pages/email.html",
    "pages/end_sessions.html",
    "pages/error.html",
    "pages/form_post.html",
    "pages/layout.html",
    "pages/logged_out.html",
    "pages/logging_out.html",
    "pages/login.html",
    "pages/logout.html",
    "pages/parts.html",
    "pages/password.html",
    "pages/profile.html",
    "pages/revoke_app.html",
    "pages/sessions.html",
    "pages/signup.html",
    "pages/start.html",
    "pages/usage.html",
];

const LOCALES: [(&str, &str); 2] = texts!["locales/en.ftl", "locales/ko.ftl"];

/// `chart.js` is Chart.js 4.6.1 as it is published, without the line that names its source map (`chart.LICENSE.md`).
const ASSETS: [(&str, &[u8]); 8] = files!["templates/assets": "authward.css", "chart.js", "check-session.js", "form-post.js", "logging-out.js", "mark.svg", "reveal.js", "usage.js"];

const DEMO: [(&str, &[u8]); 3] = files!["examples/spa": "app.js", "index.html", "style.css"];

/// Everything `Ui` is built from.
pub(super) struct Sources {
    /// Name (`pages/login.html`) and text of each template.
    pub templates: Vec<(String, String)>,
    /// The locale files by the locale's tag.
    pub locales: BTreeMap<&'static str, LocaleFiles>,
    /// Plain name (`authward.css`) and content of each asset.
    pub assets: Vec<(String, Asset)>,
}

pub(super) struct LocaleFiles {
    pub embedded: &'static str,
    pub replacement: Option<String>,
}

impl Sources {
    /// The embedded files, and after them those of an operator's directory.
    pub fn read(overrides: Option<&Path>) -> Result<Sources, UiError> {
        let mut sources = Sources::embedded();
        let Some(directory) = overrides else { return Ok(sources) };
        if !directory.is_dir() {
            return Err(unusable(directory, "is not a directory"));
        }
        sources.read_templates(&directory.join("pages"))?;
        sources.read_locales(&directory.join("locales"))?;
        sources.read_assets(&directory.join("assets"))?;
        Ok(sources)
    }

    fn embedded() -> Sources {
        let templates = TEMPLATES.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let locale_files = Locale::ALL.map(|locale| {
            let name = format!("locales/{}.ftl", locale.tag());
            let file = LOCALES.iter().find(|(file, _)| *file == name);
            let embedded = file.expect("every locale has an embedded file").1;
            (locale.tag(), LocaleFiles { embedded, replacement: None })
        });
        Sources {
            templates: templates.into(),
            locales: locale_files.into(),
            assets: ASSETS.map(|(name, bytes)| (name.to_owned(), embedded_asset(name, bytes))).into(),
        }
    }

    fn read_templates(&mut self, folder: &Path) -> Result<(), UiError> {
        for path in files_of(folder)? {
            let name = file_name(&path)?;
            if !name.ends_with(".html") {
                return Err(unusable(&path, "a page's name ends in .html"));
            }
            let text = read_text(&path)?;
            let name = format!("pages/{name}");
            self.templates.retain(|(existing, _)| *existing != name);
            self.templates.push((name, text));
        }
        Ok(())
    }

    fn read_locales(&mut self, folder: &Path) -> Result<(), UiError> {
        for path in files_of(folder)? {
            let name = file_name(&path)?;
            let files = name.strip_suffix(".ftl").and_then(|tag| self.locales.get_mut(tag));
            let files = files.ok_or_else(|| unusable(&path, "is not named after a locale, such as en.ftl"))?;
            files.replacement = Some(read_text(&path)?);
        }
        Ok(())
    }

    fn read_assets(&mut self, folder: &Path) -> Result<(), UiError> {
        for path in files_of(folder)? {
            let name = file_name(&path)?.to_owned();
            let bytes = read_bytes(&path)?;
            let asset = Asset::new(&name, Cow::Owned(bytes));
            self.assets.push((name, asset.ok_or_else(|| unusable(&path, "is of a kind that is not served"))?));
        }
        Ok(())
    }
}

/// Plain name and content of the demonstration client's files.
pub(super) fn demo() -> [(&'static str, Asset); 3] {
    DEMO.map(|(name, bytes)| (name, embedded_asset(name, bytes)))
}

fn embedded_asset(name: &str, bytes: &'static [u8]) -> Asset {
    Asset::new(name, Cow::Borrowed(bytes)).expect("every embedded asset has a served ending")
}

/// The files of a folder in the order of their names; none when the folder does not exist.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, UiError> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| unusable(folder, error))?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<PathBuf>, _>>().map_err(|error| unusable(folder, error))?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> Result<&str, UiError> {
    path.file_name().and_then(|name| name.to_str()).ok_or_else(|| unusable(path, "has a name that is not UTF-8"))
}

fn read_text(path: &Path) -> Result<String, UiError> {
    String::from_utf8(read_bytes(path)?).map_err(|_| unusable(path, "is not UTF-8"))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, UiError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unusable(path, error))?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unusable(path, error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unusable(path, "is larger than 2 MiB"));
    }
    Ok(bytes)
}

fn unusable(path: &Path, problem: impl ToString) -> UiError {
    UiError::Override { path: path.to_owned(), problem: problem.to_string() }
}
