//! From a tree to typed entries: every field checked, every error kept with its place.

use super::tree::{Tree, member};
use crate::clients::metadata::{self, FieldError, Registered, Rules};
use crate::domain::client::{ClientSecret, GrantType, hex};
use crate::domain::exception::{Allowance, Exception};
use crate::domain::id::{ClientId, UserId};
use crate::domain::registration::{InitialAccessToken, RegistrationMode};
use crate::domain::resource::{AccessTokenType, Resource, ScopeDescription};
use crate::domain::scope::ScopeSet;
use crate::domain::secret::{Secret, TokenHash};
use crate::domain::time::Timestamp;
use crate::domain::user::{Email, Username};
use crate::passwords::{Password, is_acceptable_hash, policy};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The largest `claims` of one user, in bytes of JSON.
const LARGEST_CLAIMS: usize = 16 * 1024;
/// The longest name of a claim, in bytes.
const LONGEST_CLAIM_NAME: usize = 255;
/// The most roles of one user, scopes of one resource, clients that serve it.
const MOST_ITEMS: usize = 64;

const SECTIONS: [&str; 5] = ["users", "clients", "resources", "registration", "scopes"];
const USER: [&str; 9] =
    ["username", "sub", "email", "email_verified", "password", "password_hash", "claims", "roles", "disabled"];
const RESOURCE: [&str; 4] = ["identifier", "scopes", "access_token_type", "served_by"];
const SCOPE: [&str; 2] = ["name", "description"];
const REGISTRATION: [&str; 3] = ["mode", "initial_access_tokens", "exceptions"];
const INITIAL_ACCESS_TOKEN: [&str; 4] = ["token", "token_hash", "uses", "until"];
/// Claims that stand in fields of their own, or are the server's.
const NO_CLAIMS: [&str; 4] = ["sub", "email", "email_verified", "updated_at"];

/// Everything a document says.
#[derive(Debug, Default)]
pub struct Document {
    /// In the order of the document, like all below.
    pub users: Vec<Entry<UserEntry>>,
    /// Clients.
    pub clients: Vec<Entry<Registered>>,
    /// Protected resources.
    pub resources: Vec<Entry<Resource>>,
    /// Words of scopes.
    pub scopes: Vec<Entry<ScopeDescription>>,
    /// Dynamic registration; `None`: what is stored stays.
    pub registration: Option<RegistrationEntry>,
    /// Whether there is a list of users, be it empty.
    pub lists_users: bool,
    /// What is allowed but should be known.
    pub notes: Vec<FieldError>,
}

/// An entry and its place in the document, such as `users[2]`.
#[derive(Debug)]
pub struct Entry<T> {
    /// The place.
    pub at: String,
    /// What it says.
    pub value: T,
}

/// A user as a document has them. What is `None` was not said: it stays as it is stored.
#[derive(Debug)]
pub struct UserEntry {
    /// By this name's key the user is found.
    pub username: Username,
    /// The subject that a new user is given, and a known one must have.
    pub sub: Option<UserId>,
    /// Their address.
    pub email: Email,
    /// Whether it was proven.
    pub email_verified: Option<bool>,
    /// Their password.
    pub password: Option<GivenPassword>,
    /// Standard claims.
    pub claims: Option<Map<String, Value>>,
    /// Roles.
    pub roles: Option<Vec<String>>,
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
}

/// A password in a document.
#[derive(Debug)]
pub enum GivenPassword {
    /// In clear.
    Clear(Secret),
    /// As a hash that was made elsewhere.
    Hashed(String),
}

/// Who may register clients (RFC 7591), as a document has it.
#[derive(Debug)]
pub struct RegistrationEntry {
    /// Who may register clients.
    pub mode: RegistrationMode,
    /// Initial access tokens; `None`: not said, those that are stored stay.
    pub initial_access_tokens: Option<Vec<InitialAccessToken>>,
    /// Given to every client that is registered this way.
    pub exceptions: Vec<Exception>,
}

/// Reads a document.
///
/// # Errors
/// Everything that is wrong, in the order of the document's sections; never empty.
pub fn read(tree: &Tree, rules: &Rules, now: Timestamp) -> Result<Document, Vec<FieldError>> {
    let mut reader = Reader { rules, now, errors: Vec::new(), notes: Vec::new() };
    let document = reader.document(&tree.root);
    if reader.errors.is_empty() { Ok(Document { notes: reader.notes, ..document }) } else { Err(reader.errors) }
}

struct Reader<'a> {
    rules: &'a Rules,
    now: Timestamp,
    errors: Vec<FieldError>,
    notes: Vec<FieldError>,
}

/// One object of the document and its place.
#[derive(Clone, Copy)]
struct Fields<'a> {
    at: &'a str,
    members: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn place(&self, name: &str) -> String {
        member(self.at, name)
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }
}

impl Reader<'_> {
    fn document(&mut self, root: &Map<String, Value>) -> Document {
        self.check_names(Fields { at: "", members: root }, &SECTIONS);
        let document = Document {
            users: self.section(root, "users", Self::user),
            clients: self.section(root, "clients", Self::client),
            resources: self.section(root, "resources", Self::resource),
            registration: self.registration(root),
            scopes: self.section(root, "scopes", Self::scope),
            lists_users: root.get("users").is_some_and(Value::is_array),
            notes: Vec::new(),
        };
        self.check_unique("username", document.users.iter().map(|user| (&user.at, user.value.username.key())));
        self.check_look_alikes(&document.users);
        let subjects = document.users.iter().filter_map(|user| Some((&user.at, user.value.sub.as_ref()?.as_str())));
        self.check_unique("sub", subjects);
        self.check_unique("email", document.users.iter().map(|user| (&user.at, user.value.email.key())));
        self.check_unique(
            "client_id",
            document.clients.iter().map(|entry| (&entry.at, entry.value.client.id.as_str())),
        );
        self.check_unique(
            "identifier",
            document.resources.iter().map(|entry| (&entry.at, entry.value.identifier.as_str())),
        );
        self.check_unique("name", document.scopes.iter().map(|entry| (&entry.at, entry.value.name.as_str())));
        document
    }

    fn section<T>(
        &mut self,
        root: &Map<String, Value>,
        name: &str,
        read: impl Fn(&mut Self, Fields<'_>) -> Option<T>,
    ) -> Vec<Entry<T>> {
        let Some(value) = root.get(name).filter(|value| !value.is_null()) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.error(name, "it is not a list");
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let at = format!("{name}[{n}]");
            match item.as_object() {
                Some(members) => {
                    entries
                        .extend(read(self, Fields { at: &at, members }).map(|value| Entry { at: at.clone(), value }));
                }
                None => self.error(&at, "it is not made of fields with values"),
            }
        }
        entries
    }

    fn user(&mut self, fields: Fields<'_>) -> Option<UserEntry> {
        self.check_names(fields, &USER);
        let username =
            self.required(fields, "username", |text| Username::parse(text).map_err(|error| error.to_string()));
        let sub = self.optional(fields, "sub", parse_sub);
        let email = self.required(fields, "email", |text| Email::parse(text).map_err(|error| error.to_string()));
        let email_verified = self.flag(fields, "email_verified");
        let password = self.password(fields);
        let claims = self.claims(fields);
        let roles = self.list(fields, "roles", |text| {
            let is_role = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            if is_role { Ok(text.to_owned()) } else { Err("a role has 1 to 64 visible ASCII characters".to_owned()) }
        });
        let disabled = self.flag(fields, "disabled");
        let (username, email) = (username?, email?);
        if let Some(GivenPassword::Clear(password)) = &password
            && let Err(problem) = policy::check_common(password, username.as_str(), email.as_str())
        {
            self.note(&fields.place("password"), format!("{problem}; at sign-up it would be refused"));
        }
        Some(UserEntry { username, sub, email, email_verified, password, claims, roles, disabled })
    }

    fn password(&mut self, fields: Fields<'_>) -> Option<GivenPassword> {
        let clear =
            self.optional(fields, "password", |text| Password::parse(text).map_err(|problem| problem.to_string()));
        let hashed = self.optional(fields, "password_hash", |text| {
            is_acceptable_hash(text).map(|()| text.to_owned()).map_err(|problem| problem.to_string())
        });
        if fields.value("password").is_some() && fields.value("password_hash").is_some() {
            self.error(&fields.place("password_hash"), "there is a password as well; use one of the two");
        }
        clear.map(GivenPassword::Clear).or(hashed.map(GivenPassword::Hashed))
    }

    fn claims(&mut self, fields: Fields<'_>) -> Option<Map<String, Value>> {
        let place = fields.place("claims");
        let value = fields.value("claims")?;
        let Some(claims) = value.as_object() else {
            self.error(&place, "it is not made of claims with values");
            return None;
        };
        if value.to_string().len() > LARGEST_CLAIMS {
            self.error(&place, "it is larger than 16 KiB");
        }
        for name in claims.keys().filter(|name| NO_CLAIMS.contains(&name.as_str())) {
            self.error(&member(&place, name), "this claim is made by the server, from the account's own fields");
        }
        if claims.keys().any(|name| !(1..=LONGEST_CLAIM_NAME).contains(&name.len())) {
            self.error(&place, format!("the name of a claim has 1 to {LONGEST_CLAIM_NAME} bytes"));
        }
        Some(claims.clone())
    }

    fn client(&mut self, fields: Fields<'_>) -> Option<Registered> {
        let id = self.required(fields, "client_id", metadata::parse_client_id);
        // Without an id the rest is checked nevertheless, so that everything is reported at once.
        let probe = id.clone().unwrap_or_else(|| ClientId::new("-"));
        match metadata::read(probe, fields.members, self.rules) {
            Ok(registered) => {
                self.note_client(fields, &registered);
                id.map(|_| registered)
            }
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| FieldError {
                    field: if error.field.is_empty() { fields.at.to_owned() } else { fields.place(&error.field) },
                    what: error.what,
                }));
                None
            }
        }
    }

    fn note_client(&mut self, fields: Fields<'_>, registered: &Registered) {
        let client = &registered.client;
        self.note_ended(&fields.place("exceptions"), &client.exceptions);
        let needs = [
            (GrantType::Password, "password", Allowance::PasswordGrant),
            (GrantType::Implicit, "implicit", Allowance::Implicit),
        ];
        for (grant, name, allowance) in needs {
            let is_allowed = client.exceptions.iter().any(|exception| exception.allow == allowance)
                || grant == GrantType::Implicit
                    && client.exceptions.iter().any(|exception| exception.allow == Allowance::Hybrid);
            if client.may_use(grant) && !is_allowed {
                let what =
                    format!("{name} is refused as long as there is no exception that allows {}", allowance.as_str());
                self.note(&fields.place("grant_types"), what);
            }
        }
    }

    fn note_ended(&mut self, place: &str, exceptions: &[Exception]) {
        for (n, exception) in exceptions.iter().enumerate() {
            if exception.until.is_past(self.now) {
                self.note(&format!("{place}[{n}].until"), "this exception has ended and allows nothing any more");
            }
        }
    }

    fn resource(&mut self, fields: Fields<'_>) -> Option<Resource> {
        self.check_names(fields, &RESOURCE);
        let identifier = self.required(fields, "identifier", metadata::parse_resource);
        let scopes = self.list(fields, "scopes", parse_scope).unwrap_or_default();
        let access_token_type = self.optional(fields, "access_token_type", |text| match text {
            "at+jwt" => Ok(AccessTokenType::AtJwt),
            "JWT" => Ok(AccessTokenType::Jwt),
            "opaque" => Ok(AccessTokenType::Opaque),
            _ => Err("it is one of at+jwt, JWT, opaque".to_owned()),
        });
        let served_by = self.list(fields, "served_by", metadata::parse_client_id).unwrap_or_default();
        Some(Resource {
            identifier: identifier?,
            scopes,
            access_token_type: access_token_type.unwrap_or_default(),
            served_by,
        })
    }

    fn scope(&mut self, fields: Fields<'_>) -> Option<ScopeDescription> {
        self.check_names(fields, &SCOPE);
        let name = self.required(fields, "name", parse_scope);
        let place = fields.place("description");
        let mut description = std::collections::BTreeMap::new();
        match fields.value("description").map(Value::as_object) {
            None => {}
            Some(None) => self.error(&place, "it is not made of languages with words, such as en: See your orders"),
            Some(Some(words)) => {
                for (language, words) in words {
                    match words.as_str().filter(|words| is_language(language) && is_short_line(words)) {
                        Some(words) => drop(description.insert(language.clone(), words.to_owned())),
                        None => self.error(
                            &member(&place, language),
                            "it is a language such as en or ko with a line of at most 300 characters",
                        ),
                    }
                }
            }
        }
        Some(ScopeDescription { name: name?, description })
    }

    fn registration(&mut self, root: &Map<String, Value>) -> Option<RegistrationEntry> {
        let value = root.get("registration").filter(|value| !value.is_null())?;
        let Some(members) = value.as_object() else {
            self.error("registration", "it is made of mode, initial_access_tokens and exceptions");
            return None;
        };
        let fields = Fields { at: "registration", members };
        self.check_names(fields, &REGISTRATION);
        let mode = self.optional(fields, "mode", |text| {
            RegistrationMode::parse(text).ok_or_else(|| "it is one of closed, token, open".to_owned())
        });
        let place = fields.place("exceptions");
        let exceptions = fields.value("exceptions").map(|value| metadata::read_exceptions(&place, value));
        let exceptions = match exceptions.transpose() {
            Ok(exceptions) => exceptions.unwrap_or_default(),
            Err(errors) => {
                self.errors.extend(errors);
                Vec::new()
            }
        };
        self.note_ended(&place, &exceptions);
        Some(RegistrationEntry {
            mode: mode.unwrap_or_default(),
            initial_access_tokens: self.initial_access_tokens(fields),
            exceptions,
        })
    }

    fn initial_access_tokens(&mut self, fields: Fields<'_>) -> Option<Vec<InitialAccessToken>> {
        let place = fields.place("initial_access_tokens");
        let value = fields.value("initial_access_tokens")?;
        let Some(items) = value.as_array().filter(|items| items.len() <= MOST_ITEMS) else {
            self.error(&place, format!("it is not a list of at most {MOST_ITEMS} tokens"));
            return None;
        };
        let mut tokens: Vec<InitialAccessToken> = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let at = format!("{place}[{n}]");
            let token = match item.as_object() {
                Some(members) => self.initial_access_token(Fields { at: &at, members }),
                None => {
                    self.error(&at, "it is made of token, uses and until");
                    None
                }
            };
            if token.as_ref().is_some_and(|token| tokens.iter().any(|known| known.sha256 == token.sha256)) {
                self.error(&at, "this token stands here twice");
            }
            tokens.extend(token);
        }
        Some(tokens)
    }

    fn initial_access_token(&mut self, fields: Fields<'_>) -> Option<InitialAccessToken> {
        self.check_names(fields, &INITIAL_ACCESS_TOKEN);
        let is_hashed = fields.value("token_hash").is_some();
        if is_hashed && fields.value("token").is_some() {
            self.error(&fields.place("token_hash"), "there is a token as well; use one of the two");
        }
        let sha256 = if is_hashed {
            self.optional(fields, "token_hash", |text| match metadata::parse_client_secret_hash(text) {
                Ok(ClientSecret::Sha256(digits)) => Ok(digits),
                _ => Err("it is not sha256: with 64 hexadecimal digits in lower case".to_owned()),
            })
        } else {
            self.required(fields, "token", |text| {
                let is_token = (8..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
                let hash = || hex(TokenHash::of(text).as_bytes());
                if is_token { Ok(hash()) } else { Err("it has 8 to 255 visible ASCII characters".to_owned()) }
            })
        };
        let until = self.optional(fields, "until", metadata::parse_until);
        let uses = fields.value("uses").map(|uses| uses.as_u64().filter(|uses| (1..=1_000_000).contains(uses)));
        if uses == Some(None) {
            self.error(&fields.place("uses"), "it is not a whole number from 1 to 1000000");
        }
        Some(InitialAccessToken { sha256: sha256?, uses: uses.flatten(), until })
    }

    fn check_names(&mut self, fields: Fields<'_>, known: &[&str]) {
        for name in fields.members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.error(&fields.place(name), metadata::unknown_member(name, known.iter().copied()));
        }
    }

    fn check_unique<'a>(&mut self, name: &str, keys: impl Iterator<Item = (&'a String, &'a str)>) {
        let mut seen = HashMap::new();
        for (at, key) in keys {
            match seen.get(key) {
                Some(first) => self.error(&member(at, name), format!("{first} has the same {name}")),
                None => drop(seen.insert(key, at)),
            }
        }
    }

    fn check_look_alikes(&mut self, users: &[Entry<UserEntry>]) {
        let mut seen: HashMap<&str, &Entry<UserEntry>> = HashMap::new();
        for user in users {
            match seen.get(user.value.username.skeleton()) {
                Some(first) if first.value.username.key() != user.value.username.key() => {
                    self.error(&member(&user.at, "username"), format!("it looks like that of {}", first.at));
                }
                Some(_) => {}
                None => drop(seen.insert(user.value.username.skeleton(), user)),
            }
        }
    }

    fn required<T>(&mut self, fields: Fields<'_>, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        if fields.value(name).is_none() {
            self.error(&fields.place(name), "it is required");
        }
        self.optional(fields, name, parse)
    }

    fn optional<T>(&mut self, fields: Fields<'_>, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = fields.value(name)?;
        let read = value.as_str().ok_or_else(|| "it is not a text; put it between quotes".to_owned()).and_then(parse);
        read.map_err(|what| self.error(&fields.place(name), what)).ok()
    }

    fn flag(&mut self, fields: Fields<'_>, name: &str) -> Option<bool> {
        let flag = fields.value(name)?.as_bool();
        if flag.is_none() {
            self.error(&fields.place(name), "it is neither true nor false");
        }
        flag
    }

    fn list<T: PartialEq>(
        &mut self,
        fields: Fields<'_>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let place = fields.place(name);
        let Some(items) = fields.value(name)?.as_array().filter(|items| items.len() <= MOST_ITEMS) else {
            self.error(&place, format!("it is not a list of at most {MOST_ITEMS} texts"));
            return None;
        };
        let mut list = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match item.as_str().ok_or_else(|| "it is not a text; put it between quotes".to_owned()).and_then(&parse) {
                Ok(item) if !list.contains(&item) => list.push(item),
                Ok(_) => {}
                Err(what) => self.error(&format!("{place}[{n}]"), what),
            }
        }
        Some(list)
    }

    fn error(&mut self, field: &str, what: impl Into<String>) {
        self.errors.push(FieldError { field: field.to_owned(), what: what.into() });
    }

    fn note(&mut self, field: &str, what: impl Into<String>) {
        self.notes.push(FieldError { field: field.to_owned(), what: what.into() });
    }
}

/// A subject as this server makes them: a UUID in lower case.
fn parse_sub(text: &str) -> Result<UserId, String> {
    let is_uuid = uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text);
    if is_uuid { Ok(UserId::new(text)) } else { Err("it is not a UUID in lower case, 36 characters".to_owned()) }
}

fn parse_scope(text: &str) -> Result<String, String> {
    let scopes = ScopeSet::parse(text).map_err(|error| error.to_string())?;
    match scopes.iter().next() {
        Some(scope) if scope == text && text.len() <= 255 => Ok(text.to_owned()),
        _ => Err("it is not one scope of 1 to 255 characters".to_owned()),
    }
}

fn is_language(text: &str) -> bool {
    (2..=35).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_short_line(text: &str) -> bool {
    (1..=300).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
