//! Client metadata (RFC 7591 §2, OpenID Connect Registration §2): from a JSON object to a [`Client`], or to everything
//! that is wrong with it. Pure: no store, no clock, no hashing. `apply`, the commands and dynamic registration share
//! it.
//!
//! What an operator alone may say (secrets of one's own choice, exceptions, consent, lifetimes) is read from an
//! operator only; a client that registers itself gets what it says ignored there, as RFC 7591 §2 wants of unknown
//! members.

use super::request_object::LONGEST_REFERENCE;
use super::secret::{SHORTEST_SIGNING_SECRET, serves};
use crate::domain::client::{ApplicationType, Client, ClientAuthentication, ClientSecret, GrantType};
use crate::domain::client_key::{ClientAlgorithm, ContentEncryption, KeyManagement};
use crate::domain::exception::{Allowance, Exception};
use crate::domain::host;
use crate::domain::id::ClientId;
use crate::domain::key::Algorithm;
use crate::domain::redirect_uri::{RedirectUri, is_loopback_host};
use crate::domain::registration::{RegisteredBy, Registration};
use crate::domain::response_type::ResponseType;
use crate::domain::scope::{ADMIN_READ, ADMIN_WRITE, STANDARD, ScopeSet};
use crate::domain::secret::Secret;
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::visible::is_hidden;
use crate::keys::KeySet;
use crate::passwords::is_acceptable_hash;
use crate::settings::{AllowedHost, Settings};
use serde_json::{Map, Value};
use std::net::IpAddr;
use url::Url;

/// What a client that an operator makes may ask for where no `scope` is named; one that registers itself, every scope
/// of OpenID Connect.
pub const DEFAULT_SCOPES: &str = "openid profile email";
/// The fewest characters of a secret that a person chose.
pub const SHORTEST_SECRET: usize = 8;
/// The most characters of a client secret.
pub const LONGEST_SECRET: usize = 255;
/// The most items of a list.
const MOST_ITEMS: usize = 32;
/// The longest text of a member that is kept as it came, in bytes.
const LONGEST_TEXT: usize = 2048;
/// The largest `jwks` and the largest metadata of one client, in bytes of JSON.
const LARGEST: usize = 64 * 1024;
/// The same of a client that registers itself.
const LARGEST_REGISTERED: usize = 16 * 1024;
/// Ten years in seconds: the longest lifetime of refresh tokens.
const TEN_YEARS: i64 = 315_360_000;

/// Members that are read into fields of [`Client`].
const READ: [&str; 9] = [
    "client_name",
    "token_endpoint_auth_method",
    "application_type",
    "redirect_uris",
    "grant_types",
    "response_types",
    "scope",
    "id_token_signed_response_alg",
    "require_pkce",
];
/// Members that an operator alone may say.
const OPERATOR: [&str; 17] = [
    "client_id",
    "client_secret",
    "client_secret_hash",
    "skip_consent",
    "exceptions",
    "default_resource",
    "access_token_lifetime",
    "refresh_token_idle_lifetime",
    "refresh_token_lifetime",
    "refresh_token_rotation",
    "allowed_origins",
    "may_introspect",
    "disabled",
    "require_auth_time",
    "registered_by",
    "client_id_issued_at",
    "registration_access_token_hash",
];
/// Registered members that are texts, kept as they came.
const KEPT_TEXTS: [&str; 28] = [
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "jwks_uri",
    "software_id",
    "software_version",
    "sector_identifier_uri",
    "subject_type",
    "initiate_login_uri",
    "frontchannel_logout_uri",
    "backchannel_logout_uri",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "request_object_signing_alg",
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "token_endpoint_auth_signing_alg",
    "introspection_signed_response_alg",
    "authorization_signed_response_alg",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
];
/// Registered members that are lists of texts, kept as they came.
const KEPT_LISTS: [&str; 4] = ["contacts", "default_acr_values", "request_uris", "post_logout_redirect_uris"];
/// Registered members that are true or false, kept as they came.
const KEPT_FLAGS: [&str; 6] = [
    "backchannel_logout_session_required",
    "frontchannel_logout_session_required",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
];
/// Members that ask for what is not there yet.
const UNSUPPORTED: [(&str, &str); 5] = [
    ("require_pushed_authorization_requests", "pushed authorization requests (RFC 9126) are"),
    ("dpop_bound_access_tokens", "DPoP (RFC 9449) is"),
    ("tls_client_certificate_bound_access_tokens", "certificate-bound access tokens (RFC 8705) are"),
    ("introspection_signed_response_alg", "signed introspection answers (RFC 9701) are"),
    ("authorization_signed_response_alg", "signed authorization answers (JARM) are"),
];
/// Members of an exception.
const EXCEPTION: [&str; 4] = ["allow", "reason", "owner", "until"];

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The operator: everything may be said, and what is unknown is an error.
    Operator,
    /// A client that registers itself: what is unknown or the operator's is ignored (RFC 7591 §2), and the server makes
    /// the secret.
    Registration,
}

/// What the server allows.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Who says it.
    pub origin: Origin,
    /// The longest `access_token_lifetime`.
    pub longest_access_token_lifetime: Lifetime,
    /// Algorithms that have a key, for `id_token_signed_response_alg`.
    pub algorithms: Vec<Algorithm>,
    /// Hosts that this server calls over plain http too (`outbound.allow_hosts`).
    pub plain_http: Vec<AllowedHost>,
    /// What a client that registers itself is given. What it may register for is judged by these.
    pub exceptions: Vec<Exception>,
    /// Whether a client that registers itself may be registered for tokens of its own, on behalf of nobody
    /// (RFC 6749 §4.4). Not where anybody may register: then anybody would have tokens.
    pub may_act_for_itself: bool,
}

impl Rules {
    /// The rules of an operator under these settings.
    pub fn of_operator(settings: &Settings) -> Self {
        Self {
            origin: Origin::Operator,
            longest_access_token_lifetime: settings.tokens.longest_access_token_lifetime,
            algorithms: settings.keys.algorithms.clone(),
            plain_http: settings.outbound.allow_hosts.clone(),
            exceptions: Vec::new(),
            may_act_for_itself: true,
        }
    }

    /// The rules of a client that is registered so and given these exceptions.
    pub fn of_registration(settings: &Settings, by: RegisteredBy, exceptions: Vec<Exception>) -> Self {
        Self {
            origin: Origin::Registration,
            exceptions,
            may_act_for_itself: by == RegisteredBy::Token,
            ..Self::of_operator(settings)
        }
    }
}

/// A member that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct FieldError {
    /// Where: `redirect_uris[0]`, `exceptions[1].until`.
    pub field: String,
    /// What is wrong, in words.
    pub what: String,
}

/// What was read. The client has no secret yet: hashing is the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The client, with `secret: None`.
    pub client: Client,
    /// The secret that an operator gave. A confidential client for which none was given keeps the one that is stored;
    /// that there is one, the caller sees to.
    pub client_secret: Option<GivenSecret>,
    /// `disabled`, where it was said.
    pub disabled: Option<bool>,
}

/// A client secret as an operator gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenSecret {
    /// `client_secret`: in clear.
    Clear(Secret),
    /// `client_secret_hash`: its stored form, from `authward export --secrets`.
    Stored(ClientSecret),
}

/// How `client_secret_hash` begins where a generated secret is kept as its SHA-256.
pub const SHA256: &str = "sha256:";
/// How `client_secret_hash` begins where the secret is sealed under the master key.
pub const SEALED: &str = "sealed:";

/// Reads client metadata.
///
/// # Errors
/// Everything that is wrong, in the order of the members here; never empty.
pub fn read(id: ClientId, metadata: &Map<String, Value>, rules: &Rules) -> Result<Registered, Vec<FieldError>> {
    let mut form = Form { metadata, rules, errors: Vec::new() };
    form.check_names();
    let registered = form.read(id);
    if form.errors.is_empty() { Ok(registered) } else { Err(form.errors) }
}

/// Reads a `client_id`: 1 to 255 visible ASCII characters (RFC 6749 Appendix A.1).
///
/// # Errors
/// What is wrong, in words.
pub fn parse_client_id(text: &str) -> Result<ClientId, String> {
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(ClientId::new(text))
    } else {
        Err("it has 1 to 255 visible ASCII characters".to_owned())
    }
}

/// Reads a client secret that a person chose (RFC 6749 Appendix A.2).
///
/// # Errors
/// What is wrong, in words, without the secret.
pub fn parse_client_secret(text: &str) -> Result<Secret, String> {
    if !text.bytes().all(|byte| matches!(byte, 0x20..=0x7E)) {
        Err("it may hold visible ASCII characters and spaces only".to_owned())
    } else if (SHORTEST_SECRET..=LONGEST_SECRET).contains(&text.len()) {
        Ok(Secret::new(text))
    } else {
        Err(format!("it has {SHORTEST_SECRET} to {LONGEST_SECRET} characters"))
    }
}

/// Reads the stored form of a client secret: `sha256:` with 64 hexadecimal digits for one of 256 bits that this server
/// generated, `sealed:` with base64url for one that is sealed under the master key, else a password hash.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_client_secret_hash(text: &str) -> Result<ClientSecret, String> {
    if let Some(sealed) = text.strip_prefix(SEALED) {
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        return if !sealed.is_empty() && sealed.bytes().all(is_base64url) {
            Ok(ClientSecret::Sealed(sealed.to_owned()))
        } else {
            Err("after sealed: comes base64url".to_owned())
        };
    }
    match text.strip_prefix(SHA256) {
        Some(digits) if digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) => {
            Ok(ClientSecret::Sha256(digits.to_owned()))
        }
        Some(_) => Err("after sha256: come 64 hexadecimal digits in lower case".to_owned()),
        None => is_acceptable_hash(text)
            .map(|()| ClientSecret::Stretched(text.to_owned()))
            .map_err(|problem| problem.to_string()),
    }
}

/// Reads an absolute URI without fragment of at most 255 bytes (RFC 8707 §2).
///
/// # Errors
/// What is wrong, in words.
pub fn parse_resource(text: &str) -> Result<String, String> {
    let is_visible = text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_visible || url::Url::parse(text).is_err() {
        return Err("it is not an absolute URI of at most 255 visible ASCII characters".to_owned());
    }
    if text.contains('#') { Err("it has a fragment".to_owned()) } else { Ok(text.to_owned()) }
}

/// Reads a list of dated exceptions; errors are put under `field`.
///
/// # Errors
/// Everything that is wrong; never empty.
pub fn read_exceptions(field: &str, value: &Value) -> Result<Vec<Exception>, Vec<FieldError>> {
    let error = |field: String, what: &str| FieldError { field, what: what.to_owned() };
    let Some(items) = value.as_array().filter(|items| items.len() <= MOST_ITEMS) else {
        return Err(vec![error(field.to_owned(), "it is a list of at most 32 exceptions")]);
    };
    let mut errors = Vec::new();
    let mut exceptions = Vec::new();
    for (n, item) in items.iter().enumerate() {
        match item.as_object() {
            Some(item) => exceptions.extend(read_exception(&format!("{field}[{n}]"), item, &mut errors)),
            None => errors.push(error(format!("{field}[{n}]"), "it has allow, reason, owner and until")),
        }
    }
    if errors.is_empty() { Ok(exceptions) } else { Err(errors) }
}

/// Says that `name` is none of `known`, and which of them is nearest.
pub fn unknown_member<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known.into_iter().min_by_key(|known| strsim::damerau_levenshtein(name, known)).unwrap_or_default();
    format!("there is no such field; the nearest is {nearest}")
}

/// The first second after a day written `2027-06-30`, UTC.
///
/// # Errors
/// What is wrong, in words.
pub fn parse_until(text: &str) -> Result<Timestamp, String> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let next = time::Date::parse(text, format).ok().and_then(time::Date::next_day);
    next.map(|day| Timestamp::from_seconds(day.midnight().assume_utc().unix_timestamp()))
        .ok_or_else(|| "it is not a day such as 2027-06-30".to_owned())
}

/// The members in which two stored documents differ, by their names in documents that people write.
pub fn changed_members(before: &Value, after: &Value) -> Vec<String> {
    let none = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&none), after.as_object().unwrap_or(&none));
    let mut names: Vec<String> = Vec::new();
    for name in after.keys().chain(before.keys()) {
        if before.get(name) != after.get(name) && !names.iter().any(|known| known == document_name(name)) {
            names.push(document_name(name).to_owned());
        }
    }
    names
}

/// The name in documents of a member as it is stored.
fn document_name(name: &str) -> &str {
    match name {
        "name" => "client_name",
        "secret" => "client_secret",
        "authentication" => "token_endpoint_auth_method",
        "scopes" => "scope",
        "id_token_algorithm" => "id_token_signed_response_alg",
        "disabled_at" => "disabled",
        "registration" => "registered_by",
        "metadata" => "other metadata",
        other => other,
    }
}

fn read_exception(at: &str, item: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Option<Exception> {
    let before = errors.len();
    for name in item.keys().filter(|name| !EXCEPTION.contains(&name.as_str())) {
        errors.push(FieldError { field: format!("{at}.{name}"), what: unknown_member(name, EXCEPTION) });
    }
    let mut text = |name: &str| {
        let text = item.get(name).and_then(Value::as_str).map(str::trim).filter(|text| (1..=500).contains(&text.len()));
        if text.is_none() {
            let what = "it is required: a text of 1 to 500 bytes".to_owned();
            errors.push(FieldError { field: format!("{at}.{name}"), what });
        }
        text
    };
    let (allow, reason, owner, until) = (text("allow"), text("reason"), text("owner"), text("until"));
    let allow = allow.map(|text| Allowance::parse(text).ok_or_else(|| one_of(Allowance::ALL.map(Allowance::as_str))));
    let until = until.map(parse_until);
    let mut settle = |name: &str, what: Option<&String>| {
        errors.extend(what.map(|what| FieldError { field: format!("{at}.{name}"), what: what.clone() }));
    };
    settle("allow", allow.as_ref().and_then(|allow| allow.as_ref().err()));
    settle("until", until.as_ref().and_then(|until| until.as_ref().err()));
    if errors.len() > before {
        return None;
    }
    Some(Exception { allow: allow?.ok()?, reason: reason?.to_owned(), owner: owner?.to_owned(), until: until?.ok()? })
}

/// One object of metadata while it is read.
struct Form<'a> {
    metadata: &'a Map<String, Value>,
    rules: &'a Rules,
    errors: Vec<FieldError>,
}

impl Form<'_> {
    fn check_names(&mut self) {
        let most = if self.rules.origin == Origin::Registration { LARGEST_REGISTERED } else { LARGEST };
        if serde_json::to_string(self.metadata).map_or(usize::MAX, |json| json.len()) > most {
            self.error("", format!("the metadata of one client is larger than {} KiB", most / 1024));
        }
        if self.rules.origin == Origin::Registration {
            return;
        }
        let known: Vec<&str> = known_names().collect();
        for name in self.metadata.keys() {
            if !known.contains(&name.split('#').next().unwrap_or_default()) {
                self.error(name, unknown_member(name, known.iter().copied()));
            }
        }
    }

    fn read(&mut self, id: ClientId) -> Registered {
        let authentication = self.read_authentication();
        let exceptions = self.read_exceptions();
        let application_type = self.read_application_type();
        let grant_types = self.read_grant_types(authentication);
        let response_types = self.read_response_types(&grant_types, &exceptions);
        let client = Client {
            id,
            name: self.text("client_name", 128 * 4, bounded_name),
            secret: None,
            authentication,
            application_type,
            redirect_uris: self.read_redirect_uris(application_type, &grant_types),
            grant_types,
            response_types,
            scopes: self.read_scopes(),
            id_token_algorithm: self.read_algorithm(),
            skip_consent: self.operator_flag("skip_consent").unwrap_or(false),
            exceptions,
            default_resource: self.operator_text("default_resource", parse_resource),
            access_token_lifetime: self
                .lifetime("access_token_lifetime", self.rules.longest_access_token_lifetime.as_seconds()),
            refresh_token_idle_lifetime: self.lifetime("refresh_token_idle_lifetime", TEN_YEARS),
            refresh_token_lifetime: self.lifetime("refresh_token_lifetime", TEN_YEARS),
            refresh_token_rotation: self.operator_flag("refresh_token_rotation"),
            allowed_origins: self.operator_list("allowed_origins", parse_origin),
            metadata: self.kept(),
            registration: self.read_registration(),
            disabled_at: None,
        };
        self.check_together(&client);
        self.check_addresses(&client);
        Registered { client_secret: self.read_secret(authentication), disabled: self.operator_flag("disabled"), client }
    }

    /// The scopes of administration are the operator's to give: a client that registers itself goes without them.
    fn read_scopes(&mut self) -> ScopeSet {
        let scopes = self.text("scope", 4096, |text| ScopeSet::parse(text).map_err(|error| error.to_string()));
        match self.rules.origin {
            Origin::Operator => scopes.unwrap_or_else(|| scopes_of(DEFAULT_SCOPES)),
            Origin::Registration => scopes
                .unwrap_or_else(|| scopes_of(&STANDARD.join(" ")))
                .filtered(|scope| scope != ADMIN_READ && scope != ADMIN_WRITE),
        }
    }

    fn read_authentication(&mut self) -> ClientAuthentication {
        let all = || one_of(ClientAuthentication::ALL.map(ClientAuthentication::as_str));
        let parse = |text: &str| match ClientAuthentication::ALL.into_iter().find(|method| method.as_str() == text) {
            Some(method) => Ok(method),
            None if is_registered_method(text) => Err(format!("{text} is not supported yet; {}", all())),
            None => Err(all()),
        };
        // RFC 7591 §2: "If unspecified or omitted, the default is client_secret_basic".
        self.text("token_endpoint_auth_method", 64, parse).unwrap_or(ClientAuthentication::ClientSecretBasic)
    }

    fn read_secret(&mut self, method: ClientAuthentication) -> Option<GivenSecret> {
        if self.rules.origin == Origin::Registration {
            return None;
        }
        let (is_clear, is_stored) = (self.has("client_secret"), self.has("client_secret_hash"));
        let name = if is_clear { "client_secret" } else { "client_secret_hash" };
        if !method.needs_secret() && (is_clear || is_stored) {
            let what = format!("a client with token_endpoint_auth_method {} has no secret", method.as_str());
            self.error(name, what);
            return None;
        }
        if is_clear && is_stored {
            self.error("client_secret_hash", "there is a client_secret as well; use one of the two");
            return None;
        }
        let signs = method == ClientAuthentication::ClientSecretJwt;
        let parse = |text: &str| match parse_client_secret(text) {
            Ok(_) if signs && text.len() < SHORTEST_SIGNING_SECRET => Err(format!(
                "with client_secret_jwt it has at least {SHORTEST_SIGNING_SECRET} characters: it is the key of HS256"
            )),
            read => read,
        };
        let parse_hash = |text: &str| match parse_client_secret_hash(text) {
            Ok(stored) if !serves(&stored, method) => {
                Err("a hash verifies no signature; with client_secret_jwt give client_secret, or sealed:…".to_owned())
            }
            read => read,
        };
        let clear = self.text("client_secret", usize::MAX, parse).map(GivenSecret::Clear);
        clear.or_else(|| self.text("client_secret_hash", LONGEST_TEXT, parse_hash).map(GivenSecret::Stored))
    }

    fn read_application_type(&mut self) -> ApplicationType {
        let parse = |text: &str| match text {
            "web" => Ok(ApplicationType::Web),
            "native" => Ok(ApplicationType::Native),
            _ => Err(one_of(["web", "native"])),
        };
        let said = self.text("application_type", 16, parse);
        let is_inferred = self.rules.origin == Origin::Registration && !self.has("application_type");
        // RFC 7591 knows no application_type, so a client that does not speak OpenID Connect says none. One whose every
        // address is on its own device is native, whatever the default: any port may come then (RFC 8252 §7.3).
        said.unwrap_or(if is_inferred && self.is_on_a_device() {
            ApplicationType::Native
        } else {
            ApplicationType::Web
        })
    }

    fn is_on_a_device(&self) -> bool {
        let is_own = |uri: &Value| match uri.as_str().and_then(|uri| Url::parse(uri).ok()) {
            Some(url) if url.scheme() == "http" => url.host_str().is_some_and(is_loopback_host),
            Some(url) => url.scheme() != "https",
            None => false,
        };
        let uris = self.metadata.get("redirect_uris").and_then(Value::as_array);
        uris.is_some_and(|uris| !uris.is_empty() && uris.iter().all(is_own))
    }

    fn read_redirect_uris(&mut self, kind: ApplicationType, grants: &[GrantType]) -> Vec<RedirectUri> {
        let parse = |text: &str| RedirectUri::register(text, kind).map_err(|error| format!("{text:?}: {error}"));
        let uris = self.list("redirect_uris", parse);
        let needed = [GrantType::AuthorizationCode, GrantType::Implicit].iter().any(|grant| grants.contains(grant));
        if needed && uris.is_empty() && !self.has_error_in("redirect_uris") {
            self.error("redirect_uris", "it is required for the grant type authorization_code");
        }
        // OpenID Connect Registration §2: web clients of the implicit grant "MUST only register URLs using the https
        // scheme" and "MUST NOT use localhost as the hostname".
        if kind == ApplicationType::Web && grants.contains(&GrantType::Implicit) {
            for uri in uris.iter().filter(|uri| !brings_tokens_safely(uri)) {
                let what = "a web client with the grant type implicit has https addresses that are not on localhost";
                self.error("redirect_uris", format!("{:?}: {what}", uri.as_str()));
            }
        }
        uris
    }

    fn read_grant_types(&mut self, authentication: ClientAuthentication) -> Vec<GrantType> {
        if !self.has("grant_types") {
            return self.implied_grant_types();
        }
        let names = GRANT_TYPES.map(|(name, _)| name);
        let parse = |text: &str| {
            GRANT_TYPES.iter().find(|(name, _)| *name == text).map(|(_, grant)| *grant).ok_or_else(|| one_of(names))
        };
        let grants = match self.rules.origin {
            Origin::Operator => self.list("grant_types", parse),
            Origin::Registration => self.offered_grant_types(parse),
        };
        // RFC 6749 §4.4: "The client credentials grant type MUST only be used by confidential clients."
        if authentication == ClientAuthentication::None && grants.contains(&GrantType::ClientCredentials) {
            self.error("grant_types", "client_credentials needs a client that authenticates itself");
        }
        grants
    }

    /// Where no grant types are said: `authorization_code` (RFC 7591 §2), and for a client that registers itself those
    /// that its response types correspond to (OpenID Connect Registration §2).
    fn implied_grant_types(&self) -> Vec<GrantType> {
        let types = self.metadata.get("response_types").and_then(Value::as_array);
        let words: Vec<&str> =
            types.into_iter().flatten().filter_map(Value::as_str).flat_map(|kind| kind.split(' ')).collect();
        let is_said = self.rules.origin == Origin::Registration && !words.is_empty();
        let implied = [
            (GrantType::AuthorizationCode, !is_said || words.contains(&"code")),
            (GrantType::Implicit, is_said && words.iter().any(|word| *word != "code")),
        ];
        implied.into_iter().filter(|(_, is_implied)| *is_implied).map(|(grant, _)| grant).collect()
    }

    /// RFC 7591 §2: the server may "replace any of a client's requested field values": of the grant types that a client
    /// asks for it gets those that it may use. It is an error where none is left.
    fn offered_grant_types(&mut self, parse: impl Fn(&str) -> Result<GrantType, String>) -> Vec<GrantType> {
        let asked = self.list("grant_types", |text| Ok(parse(text).ok()));
        let offered: Vec<GrantType> = asked.into_iter().flatten().filter(|grant| self.is_offered(*grant)).collect();
        if offered.is_empty() && !self.has_error_in("grant_types") {
            self.error("grant_types", "none of them is offered to clients that register themselves");
        }
        offered
    }

    fn is_offered(&self, grant: GrantType) -> bool {
        let allows = |allowance| self.rules.exceptions.iter().any(|exception| exception.allow == allowance);
        match grant {
            GrantType::AuthorizationCode | GrantType::RefreshToken => true,
            // The token endpoint does not know it yet.
            GrantType::DeviceCode => false,
            GrantType::ClientCredentials => self.rules.may_act_for_itself,
            GrantType::Password => allows(Allowance::PasswordGrant),
            GrantType::Implicit => allows(Allowance::Implicit) || allows(Allowance::Hybrid),
        }
    }

    fn read_response_types(&mut self, grants: &[GrantType], exceptions: &[Exception]) -> Vec<String> {
        let has_code = grants.contains(&GrantType::AuthorizationCode);
        if !self.has("response_types") {
            return if has_code { vec!["code".to_owned()] } else { Vec::new() };
        }
        let allowed = |allowance| exceptions.iter().any(|exception| exception.allow == allowance);
        let types = self.list("response_types", |text| parse_response_type(text, allowed));
        // RFC 7591 §2.1, OpenID Connect Registration §2: the response types and grant types correspond.
        if !self.has_error_in("grant_types") {
            let needs_code = types.iter().find(|kind| kind.gives_code());
            if let Some(kind) = needs_code.filter(|_| !has_code) {
                self.error("response_types", format!("{} needs the grant type authorization_code", kind.as_str()));
            }
            let needs_implicit = types.iter().find(|kind| kind.allowance().is_some());
            if let Some(kind) = needs_implicit.filter(|_| !grants.contains(&GrantType::Implicit)) {
                self.error("response_types", format!("{} needs the grant type implicit", kind.as_str()));
            }
        }
        types.into_iter().map(|kind| kind.as_str().to_owned()).collect()
    }

    fn read_algorithm(&mut self) -> String {
        let rules = self.rules;
        let parse = |text: &str| match Algorithm::parse(text) {
            Some(algorithm) if rules.algorithms.contains(&algorithm) => Ok(text.to_owned()),
            Some(_) => Err(format!("this server has no {text} key; see keys.algorithms")),
            None => Err(one_of(Algorithm::ALL.map(Algorithm::as_str))),
        };
        // OpenID Connect Registration §2: "The default, if omitted, is RS256."
        self.text("id_token_signed_response_alg", 16, parse).unwrap_or_else(|| Algorithm::RS256.as_str().to_owned())
    }

    fn read_exceptions(&mut self) -> Vec<Exception> {
        if self.rules.origin == Origin::Registration {
            return self.rules.exceptions.clone();
        }
        match self.operator_value("exceptions").map(|value| read_exceptions("exceptions", value)) {
            None => Vec::new(),
            Some(Ok(exceptions)) => exceptions,
            Some(Err(errors)) => {
                self.errors.extend(errors);
                Vec::new()
            }
        }
    }

    fn check_together(&mut self, client: &Client) {
        // RFC 7591 §2: null is as if it were left out.
        if self.metadata.get("require_pkce").is_some_and(|value| !value.is_null() && value != &Value::Bool(true)) {
            self.error(
                "require_pkce",
                "PKCE is required of every client; what needs less has a dated exception (exceptions: allow no_pkce)",
            );
        }
        self.check_unsupported();
        self.check_keys(client);
        if let (Some(idle), Some(whole)) = (client.refresh_token_idle_lifetime, client.refresh_token_lifetime)
            && idle > whole
        {
            self.error("refresh_token_idle_lifetime", "it is more than refresh_token_lifetime");
        }
    }

    /// What a client would rely on, and this server does not do yet: it is told so, and not that it is registered.
    fn check_unsupported(&mut self) {
        for (name, what) in UNSUPPORTED {
            if self.has(name) && self.metadata.get(name) != Some(&Value::Bool(false)) {
                self.error(name, format!("{what} not supported yet"));
            }
        }
    }

    /// What belongs to a client's own keys (OIDC Core §9, OpenID Connect Registration §2).
    fn check_keys(&mut self, client: &Client) {
        let method = client.authentication;
        let has_keys = ["jwks", "jwks_uri"].iter().any(|name| self.has(name));
        if method == ClientAuthentication::PrivateKeyJwt && !has_keys {
            self.error("jwks", "private_key_jwt needs the client's public keys: jwks or jwks_uri");
        }
        // Which of them a client of another method would use means nothing, but it must be one that works.
        let allowed: Vec<&str> = match method {
            ClientAuthentication::PrivateKeyJwt => ClientAlgorithm::WITH_KEY.map(ClientAlgorithm::as_str).to_vec(),
            ClientAuthentication::ClientSecretJwt => ClientAlgorithm::WITH_SECRET.map(ClientAlgorithm::as_str).to_vec(),
            _ => ClientAlgorithm::ALL.map(ClientAlgorithm::as_str).to_vec(),
        };
        self.check_choice("token_endpoint_auth_signing_alg", &allowed);
        self.check_request_objects(method);
        self.check_answers(has_keys);
    }

    /// OIDC Core §10.2, OpenID Connect Registration §2: how the client's ID tokens and claims are signed and encrypted.
    fn check_answers(&mut self, has_keys: bool) {
        let signing: Vec<&str> = self.rules.algorithms.iter().map(|known| known.as_str()).collect();
        self.check_choice("userinfo_signed_response_alg", &signing);
        for what in ["id_token", "userinfo"] {
            let [alg, enc] = ["alg", "enc"].map(|member| format!("{what}_encrypted_response_{member}"));
            self.check_choice(&alg, &KeyManagement::ALL.map(KeyManagement::as_str));
            self.check_choice(&enc, &ContentEncryption::ALL.map(ContentEncryption::as_str));
            if self.has(&enc) && !self.has(&alg) {
                self.error(&enc, format!("it needs {alg}"));
            }
            if self.has(&alg) && !has_keys {
                self.error(&alg, "it needs the client's public keys: jwks or jwks_uri");
            }
        }
    }

    /// OIDC Core §6, RFC 9101 §10.5
    fn check_request_objects(&mut self, method: ClientAuthentication) {
        let with_key = ClientAlgorithm::WITH_KEY.map(ClientAlgorithm::as_str);
        let with_secret = ClientAlgorithm::WITH_SECRET.map(ClientAlgorithm::as_str);
        let has_secret = method == ClientAuthentication::ClientSecretJwt;
        let with_secret = with_secret.into_iter().filter(|_| has_secret);
        let allowed: Vec<&str> = with_key.into_iter().chain(with_secret).chain(["none"]).collect();
        self.check_choice("request_object_signing_alg", &allowed);
        let is_signed = self.metadata.get("require_signed_request_object") == Some(&Value::Bool(true));
        if is_signed && self.metadata.get("request_object_signing_alg").is_some_and(|alg| alg == "none") {
            self.error("request_object_signing_alg", "with require_signed_request_object it is not none");
        }
        for name in ["request_object_encryption_alg", "request_object_encryption_enc"] {
            if self.has(name) {
                self.error(name, "encrypted request objects are not supported");
            }
        }
        let uris = self.metadata.get("request_uris").and_then(Value::as_array).into_iter().flatten();
        let wrong: Vec<(usize, String)> =
            uris.enumerate().filter_map(|(n, uri)| Some((n, self.parse_request_uri(uri.as_str()?).err()?))).collect();
        for (n, what) in wrong {
            self.error(&format!("request_uris[{n}]"), what);
        }
    }

    fn check_choice(&mut self, name: &str, allowed: &[&str]) {
        let said = self.metadata.get(name).and_then(Value::as_str);
        if said.is_some_and(|said| !allowed.contains(&said)) {
            self.error(name, format!("it is one of {}", allowed.join(", ")));
        }
    }

    /// How a client registered itself, where a document of an operator tells of it.
    fn read_registration(&mut self) -> Option<Registration> {
        let by = |text: &str| {
            let known = RegisteredBy::ALL.into_iter().find(|by| by.as_str() == text);
            known.ok_or_else(|| one_of(RegisteredBy::ALL.map(RegisteredBy::as_str)))
        };
        let token = |text: &str| match parse_client_secret_hash(text) {
            Ok(ClientSecret::Sha256(digits)) => Ok(digits),
            _ => Err("it is not sha256: with 64 hexadecimal digits in lower case".to_owned()),
        };
        let by = self.operator_text("registered_by", by);
        let access_token = self.operator_text("registration_access_token_hash", token);
        let issued_at = self.operator_value("client_id_issued_at").map(Value::as_i64);
        match (by, issued_at) {
            (Some(by), Some(Some(seconds @ 0..))) => {
                Some(Registration { by, issued_at: Timestamp::from_seconds(seconds), access_token })
            }
            (None, None) if access_token.is_none() => None,
            (None, _) => {
                if !self.has_error_in("registered_by") {
                    self.error("registered_by", "it is required with what else is said of a registration");
                }
                None
            }
            (Some(_), _) => {
                self.error("client_id_issued_at", "it is required with registered_by: seconds since the epoch");
                None
            }
        }
    }

    /// The addresses among the kept members: what people are shown, where browsers are sent, and what this server
    /// calls.
    fn check_addresses(&mut self, client: &Client) {
        let said = |name: &str| client.metadata.get(name).and_then(Value::as_str);
        let mut errors: Vec<(String, String)> = Vec::new();
        let mut check = |name: &str, result: Result<(), String>| {
            errors.extend(result.err().map(|what| (name.to_owned(), what)));
        };
        for (name, value) in &client.metadata {
            let text = value.as_str().unwrap_or_default();
            match name.split('#').next().unwrap_or_default() {
                "client_name" => check(name, bounded_name(text).map(drop)),
                base if SHOWN.contains(&base) => check(name, parse_web(text).map(drop)),
                _ => {}
            }
        }
        // OpenID Connect Registration §2: "a URI using the https scheme".
        check("initiate_login_uri", said("initiate_login_uri").map_or(Ok(()), |uri| parse_https(uri).map(drop)));
        for name in ["jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"] {
            check(name, said(name).map_or(Ok(()), |uri| self.parse_called(uri)));
        }
        if let Some(uri) = said("frontchannel_logout_uri") {
            check("frontchannel_logout_uri", parse_front_channel(uri, client));
        }
        let returns = client.metadata.get("post_logout_redirect_uris").and_then(Value::as_array);
        for (n, uri) in returns.into_iter().flatten().filter_map(Value::as_str).enumerate() {
            let parsed = RedirectUri::register(uri, client.application_type);
            let parsed = parsed.map(drop).map_err(|error| format!("{uri:?}: {error}"));
            check(&format!("post_logout_redirect_uris[{n}]"), parsed);
        }
        match said("subject_type") {
            None | Some("public") => {}
            Some("pairwise") => check("sector_identifier_uri", check_sector(client)),
            Some(_) => check("subject_type", Err(one_of(["public", "pairwise"]))),
        }
        for (name, what) in errors {
            self.error(&name, what);
        }
    }

    /// An address that this server calls: https, or plain http on a host that the operator allows it for. Whether it
    /// may be reached at all, the fetcher sees.
    fn parse_called(&self, text: &str) -> Result<(), String> {
        let url = parse_web(text)?;
        let is_allowed = || {
            let host = url.host_str().unwrap_or_default();
            let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
            self.rules.plain_http.iter().any(|allowed| match allowed {
                AllowedHost::Name(name) => name.eq_ignore_ascii_case(host),
                AllowedHost::Network(network) => address.is_some_and(|address| network.contains(&address)),
            })
        };
        if text.contains('#') {
            Err("it has a fragment".to_owned())
        } else if url.scheme() == "https" || is_allowed() {
            Ok(())
        } else {
            Err("it is not https; plain http is for hosts of outbound.allow_hosts".to_owned())
        }
    }

    /// An address that this server calls and that is a reference too: its fragment changes with what is published (OIDC
    /// Core §6.2).
    fn parse_request_uri(&self, text: &str) -> Result<(), String> {
        if text.len() > LONGEST_REFERENCE || !text.is_ascii() {
            return Err(format!("it is longer than {LONGEST_REFERENCE} ASCII characters"));
        }
        self.parse_called(text.split('#').next().unwrap_or_default())
    }

    /// What is kept as it came: registered members, their translations (`client_name#ko`), and `may_introspect`.
    fn kept(&mut self) -> Map<String, Value> {
        let mut kept = Map::new();
        for (name, value) in self.metadata {
            let base = name.split('#').next().unwrap_or_default();
            let is_translation = name.contains('#') && (base == "client_name" || KEPT_TEXTS.contains(&base));
            let is_wrong = if value.is_null() || READ.contains(&name.as_str()) {
                continue;
            } else if is_translation || KEPT_TEXTS.contains(&base) {
                let is_text = value.as_str().is_some_and(|text| text.len() <= LONGEST_TEXT);
                (!is_text).then(|| "it is not a text of at most 2048 bytes".to_owned())
            } else if KEPT_LISTS.contains(&base) {
                (!is_list_of_texts(value)).then(|| "it is not a list of at most 32 texts".to_owned())
            } else if KEPT_FLAGS.contains(&base) || base == "require_auth_time" {
                (!value.is_boolean()).then(|| "it is neither true nor false".to_owned())
            } else if base == "default_max_age" {
                value.as_u64().is_none().then(|| "it is not a whole number of seconds".to_owned())
            } else if base == "jwks" {
                KeySet::read(value).err().map(|error| error.to_string())
            } else if base == "may_introspect" && self.rules.origin == Origin::Operator {
                (!["own", "audience", "all"].iter().any(|scope| value == scope))
                    .then(|| "it is none of own, audience, all".to_owned())
            } else {
                continue;
            };
            match is_wrong {
                Some(what) => self.errors.push(FieldError { field: name.clone(), what }),
                None => {
                    kept.insert(name.clone(), value.clone());
                }
            }
        }
        // RFC 7591 §2: "The jwks_uri and jwks parameters MUST NOT both be present".
        if kept.contains_key("jwks") && kept.contains_key("jwks_uri") {
            self.error("jwks", "there is a jwks_uri as well; use one of the two");
        }
        kept
    }

    fn text<T>(&mut self, name: &str, longest: usize, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = self.metadata.get(name).filter(|value| !value.is_null())?;
        let read = match value.as_str() {
            Some(text) if text.len() <= longest => parse(text),
            Some(_) => Err(format!("it is longer than {longest} bytes")),
            None => Err("it is not a text; put it between quotes".to_owned()),
        };
        read.map_err(|what| self.error(name, what)).ok()
    }

    fn list<T: PartialEq>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let Some(value) = self.metadata.get(name).filter(|value| !value.is_null()) else { return Vec::new() };
        let Some(items) = value.as_array().filter(|items| items.len() <= MOST_ITEMS) else {
            self.error(name, format!("it is not a list of at most {MOST_ITEMS} texts"));
            return Vec::new();
        };
        let mut list = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match item.as_str().ok_or_else(|| "it is not a text; put it between quotes".to_owned()).and_then(&parse) {
                Ok(item) if !list.contains(&item) => list.push(item),
                Ok(_) => {}
                Err(what) => self.error(&format!("{name}[{n}]"), what),
            }
        }
        list
    }

    fn operator_value(&self, name: &str) -> Option<&Value> {
        self.metadata.get(name).filter(|value| self.rules.origin == Origin::Operator && !value.is_null())
    }

    fn operator_flag(&mut self, name: &str) -> Option<bool> {
        let flag = self.operator_value(name)?.as_bool();
        if flag.is_none() {
            self.error(name, "it is neither true nor false");
        }
        flag
    }

    fn operator_text<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.operator_value(name)?;
        self.text(name, LONGEST_TEXT, parse)
    }

    fn operator_list<T: PartialEq>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        if self.operator_value(name).is_some() { self.list(name, parse) } else { Vec::new() }
    }

    fn lifetime(&mut self, name: &str, longest: i64) -> Option<Lifetime> {
        match self.operator_value(name)?.as_i64() {
            Some(seconds) if (1..=longest).contains(&seconds) => Some(Lifetime::seconds(seconds)),
            _ => {
                self.error(name, format!("it is not a whole number of seconds from 1 to {longest}"));
                None
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.metadata.get(name).is_some_and(|value| !value.is_null())
    }

    fn has_error_in(&self, name: &str) -> bool {
        self.errors.iter().any(|error| error.field.starts_with(name))
    }

    fn error(&mut self, field: &str, what: impl Into<String>) {
        self.errors.push(FieldError { field: field.to_owned(), what: what.into() });
    }
}

const GRANT_TYPES: [(&str, GrantType); 6] = [
    ("authorization_code", GrantType::AuthorizationCode),
    ("refresh_token", GrantType::RefreshToken),
    ("client_credentials", GrantType::ClientCredentials),
    ("password", GrantType::Password),
    ("implicit", GrantType::Implicit),
    ("urn:ietf:params:oauth:grant-type:device_code", GrantType::DeviceCode),
];

fn parse_response_type(text: &str, is_allowed: impl Fn(Allowance) -> bool) -> Result<ResponseType, String> {
    let kind = ResponseType::parse(text).ok_or_else(|| one_of(ResponseType::ALL.map(ResponseType::as_str)))?;
    match kind.allowance() {
        Some(allowance) if !is_allowed(allowance) => {
            Err(format!("{} needs a dated exception (exceptions: allow {})", kind.as_str(), allowance.as_str()))
        }
        _ => Ok(kind),
    }
}

/// Members whose addresses people are shown (RFC 7591 §2).
const SHOWN: [&str; 4] = ["client_uri", "logo_uri", "policy_uri", "tos_uri"];

/// An absolute http or https URL without user name and password, with a plain host.
fn parse_web(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|_| text.bytes().all(|byte| byte.is_ascii_graphic()));
    let url = url.ok_or_else(|| "it is not an http or https URL of visible ASCII characters".to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user name or password before the host".to_owned());
    }
    if host::is_plain(&url) { Ok(url) } else { Err(host::NOT_PLAIN.to_owned()) }
}

fn parse_https(text: &str) -> Result<Url, String> {
    let url = parse_web(text)?;
    if url.scheme() == "https" { Ok(url) } else { Err("it is not https".to_owned()) }
}

/// OpenID Connect Front-Channel Logout §2: "The domain, port, and scheme of this URL MUST be the same as that of a
/// registered Redirection URI value."
fn parse_front_channel(text: &str, client: &Client) -> Result<(), String> {
    let origin = parse_web(text)?.origin().ascii_serialization();
    if text.contains('#') {
        return Err("it has a fragment".to_owned());
    }
    let is_own = client.redirect_uris.iter().filter_map(RedirectUri::origin).any(|own| own == origin);
    if is_own { Ok(()) } else { Err("its scheme, host and port are those of no redirect URI".to_owned()) }
}

/// OIDC Core §8.1: with several hosts a client that wants pairwise subjects "MUST register a sector_identifier_uri".
fn check_sector(client: &Client) -> Result<(), String> {
    if client.has_one_redirect_host() || client.metadata.contains_key("sector_identifier_uri") {
        return Ok(());
    }
    Err("it is required with subject_type pairwise and redirect URIs of several hosts, or of a host and an app"
        .to_owned())
}

fn brings_tokens_safely(uri: &RedirectUri) -> bool {
    let url = url::Url::parse(uri.as_str());
    url.is_ok_and(|url| url.scheme() == "https" && url.host_str() != Some("localhost"))
}

fn known_names() -> impl Iterator<Item = &'static str> {
    let kept = KEPT_TEXTS.into_iter().chain(KEPT_LISTS).chain(KEPT_FLAGS).chain(["default_max_age", "jwks"]);
    READ.into_iter().chain(OPERATOR).chain(kept)
}

fn is_registered_method(text: &str) -> bool {
    let others = ["tls_client_auth", "self_signed_tls_client_auth"];
    others.contains(&text)
}

fn bounded_name(text: &str) -> Result<String, String> {
    if text.contains(is_hidden) || !(1..=128).contains(&text.chars().count()) {
        return Err("it has 1 to 128 characters and no control or format characters".to_owned());
    }
    Ok(text.to_owned())
}

fn scopes_of(text: &str) -> ScopeSet {
    ScopeSet::parse(text).expect("the default scopes are well formed")
}

fn parse_origin(text: &str) -> Result<String, String> {
    let is_origin = |url: &url::Url| match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback_host),
        _ => false,
    };
    url::Url::parse(text)
        .ok()
        .filter(|url| is_origin(url) && host::is_plain(url) && url.origin().ascii_serialization() == text)
        .map(|_| text.to_owned())
        .ok_or_else(|| format!("{text:?} is not an origin such as https://app.example.com, or http on a loopback host"))
}

fn is_list_of_texts(value: &Value) -> bool {
    let is_text = |item: &Value| item.as_str().is_some_and(|text| text.len() <= LONGEST_TEXT);
    value.as_array().is_some_and(|items| items.len() <= MOST_ITEMS && items.iter().all(is_text))
}

fn one_of<const N: usize>(names: [&str; N]) -> String {
    format!("it is one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::registration::members;
    use proptest::collection::{hash_map, vec};
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    fn read_as(origin: Origin, metadata: Value) -> Result<Registered, Vec<String>> {
        let rules = Rules {
            origin,
            longest_access_token_lifetime: Lifetime::hours(24),
            algorithms: vec![Algorithm::ES256, Algorithm::RS256],
            plain_http: vec![AllowedHost::Name("rp.internal".to_owned())],
            exceptions: Vec::new(),
            may_act_for_itself: false,
        };
        super::read(ClientId::new("c"), metadata.as_object().unwrap(), &rules)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn errors(metadata: Value) -> Vec<String> {
        read_as(Origin::Operator, metadata).unwrap_err()
    }

    /// RFC 7591 §2
    #[test]
    fn what_is_not_said_has_the_registered_default() {
        let metadata = json!({"client_secret": "12345678", "redirect_uris": ["https://a.example/cb"]});
        let Registered { client, client_secret, .. } = read_as(Origin::Operator, metadata).unwrap();
        assert_eq!(client.authentication, ClientAuthentication::ClientSecretBasic);
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
        assert_eq!(client.response_types, ["code"]);
        assert_eq!(client.application_type, ApplicationType::Web);
        assert_eq!(client.id_token_algorithm, "RS256");
        assert_eq!(client.scopes.to_string(), DEFAULT_SCOPES);
        assert_eq!(client_secret, Some(GivenSecret::Clear(Secret::new("12345678"))));
    }

    #[test]
    fn registered_metadata_is_kept_as_it_came() {
        let metadata = json!({
            "token_endpoint_auth_method": "none", "redirect_uris": ["https://a.example/cb"],
            "client_uri": "https://a.example", "client_name": "A", "client_name#ko": "가", "contacts": ["a@a.example"],
            "may_introspect": "own", "default_max_age": 60, "require_pkce": true, "dpop_bound_access_tokens": false,
        });
        let client = read_as(Origin::Operator, metadata).unwrap().client;
        let expected = json!({
            "client_uri": "https://a.example", "client_name#ko": "가", "contacts": ["a@a.example"],
            "may_introspect": "own", "default_max_age": 60, "dpop_bound_access_tokens": false,
        });
        assert_eq!(Value::Object(client.metadata), expected);
    }

    #[test]
    fn every_error_is_reported_at_once_with_its_field() {
        let metadata = json!({
            "client_nam": "x",
            "token_endpoint_auth_method": "tls_client_auth",
            "redirect_uris": ["https://a.example/cb", "http://a.example/cb", 7],
            "grant_types": ["authorization_code", "code"],
            "response_types": ["code", "id_token", "magic"],
            "scope": "a\"b",
            "id_token_signed_response_alg": "EdDSA",
            "access_token_lifetime": 86401,
            "allowed_origins": ["https://a.example/", "https://a.example"],
            "exceptions": [{"allow": "no_pkc", "reason": "r", "until": "30.6.2027", "by": "x"}],
            "require_pkce": false,
            "may_introspect": "some",
        });
        assert_eq!(
            errors(metadata),
            [
                "client_nam: there is no such field; the nearest is client_name",
                "token_endpoint_auth_method: tls_client_auth is not supported yet; it is one of client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, none",
                "exceptions[0].by: there is no such field; the nearest is allow",
                "exceptions[0].owner: it is required: a text of 1 to 500 bytes",
                "exceptions[0].allow: it is one of no_pkce, plain_pkce, password_grant, implicit, hybrid, loopback_hostname, unsigned_request_object",
                "exceptions[0].until: it is not a day such as 2027-06-30",
                "grant_types[1]: it is one of authorization_code, refresh_token, client_credentials, password, implicit, urn:ietf:params:oauth:grant-type:device_code",
                "response_types[1]: id_token needs a dated exception (exceptions: allow implicit)",
                "response_types[2]: it is one of code, token, id_token, id_token token, code id_token, code token, code id_token token",
                "redirect_uris[1]: \"http://a.example/cb\": plain http is accepted on loopback addresses only",
                "redirect_uris[2]: it is not a text; put it between quotes",
                "scope: a scope token may hold visible ASCII without quote and backslash, and tokens are divided by single spaces",
                "id_token_signed_response_alg: this server has no EdDSA key; see keys.algorithms",
                "access_token_lifetime: it is not a whole number of seconds from 1 to 86400",
                "allowed_origins[0]: \"https://a.example/\" is not an origin such as https://app.example.com, or http on a loopback host",
                "may_introspect: it is none of own, audience, all",
                "require_pkce: PKCE is required of every client; what needs less has a dated exception (exceptions: allow no_pkce)",
            ]
        );
    }

    /// RFC 6749 §2.3.1
    #[test]
    fn a_secret_stands_only_where_the_method_needs_one_and_in_one_form() {
        let with = |more: Value| {
            let mut metadata = json!({"redirect_uris": ["https://a.example/cb"]});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            errors(metadata)
        };
        assert_eq!(
            with(json!({"token_endpoint_auth_method": "none", "client_secret": "12345678"})),
            ["client_secret: a client with token_endpoint_auth_method none has no secret"]
        );
        assert_eq!(with(json!({"client_secret": "1234567"})), ["client_secret: it has 8 to 255 characters"]);
        assert_eq!(
            with(json!({"client_secret": "12345678", "client_secret_hash": "sha256:00"})),
            ["client_secret_hash: there is a client_secret as well; use one of the two"]
        );
        assert_eq!(
            with(json!({"client_secret_hash": "sha256:00"})),
            ["client_secret_hash: after sha256: come 64 hexadecimal digits in lower case"]
        );
    }

    fn key() -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    }

    /// RFC 7591 §2, OpenID Connect Registration §2
    #[test]
    fn a_client_that_signs_says_where_its_public_keys_are_in_one_way() {
        let with = |more: Value| {
            let mut metadata =
                json!({"redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "private_key_jwt"});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read_as(Origin::Operator, metadata)
        };
        let refused = |more: Value| with(more).unwrap_err();
        let jwks = || json!({"keys": [key()]});
        let registered = with(json!({"jwks": jwks(), "token_endpoint_auth_signing_alg": "ES256"})).unwrap();
        assert_eq!((registered.client_secret, &registered.client.metadata["jwks"]), (None, &jwks()));
        assert!(with(json!({"jwks_uri": "https://a.example/jwks"})).is_ok());
        assert!(with(json!({"jwks_uri": "http://rp.internal:8000/jwks"})).is_ok());
        assert_eq!(refused(json!({})), ["jwks: private_key_jwt needs the client's public keys: jwks or jwks_uri"]);
        assert_eq!(
            refused(json!({"jwks": jwks(), "jwks_uri": "https://a.example/jwks"})),
            ["jwks: there is a jwks_uri as well; use one of the two"]
        );
        assert_eq!(
            refused(json!({"jwks": jwks(), "client_secret": "a secret that nobody needs here"})),
            ["client_secret: a client with token_endpoint_auth_method private_key_jwt has no secret"]
        );
        for alg in ["none", "HS256", "ES512"] {
            assert_eq!(
                refused(json!({"jwks": jwks(), "token_endpoint_auth_signing_alg": alg})),
                ["token_endpoint_auth_signing_alg: it is one of ES256, RS256, PS256, EdDSA"]
            );
        }
        let mut private = key();
        private["d"] = json!("AA");
        for (wrong, what) in [
            (json!({"jwks": {"keys": [private]}}), "jwks: keys[0] is a private or secret key"),
            (json!({"jwks": {"keys": [{"kty": "AKP"}]}}), "jwks: none of its keys can be used"),
            (json!({"jwks": [key()]}), "jwks: it is not a JWK set"),
            (json!({"jwks_uri": "http://a.example/jwks"}), "jwks_uri: it is not https"),
            (json!({"jwks_uri": "/jwks"}), "jwks_uri: it is not an http or https URL"),
            (json!({"jwks_uri": "https://u:p@a.example/jwks"}), "jwks_uri: it has a user name or password"),
            (json!({"jwks_uri": "https://a.example/jwks#x"}), "jwks_uri: it has a fragment"),
        ] {
            let errors = refused(wrong);
            assert!(errors[0].starts_with(what), "{errors:?}");
        }
    }

    /// OpenID Connect Registration §2, RFC 9101 §10.5
    #[test]
    fn what_is_signed_and_encrypted_is_so_with_what_works() {
        let with = |more: Value| {
            let mut metadata = json!({
                "redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "none", "jwks": {"keys": [key()]},
            });
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read_as(Origin::Registration, metadata)
        };
        let accepted = json!({
            "request_object_signing_alg": "PS256", "request_uris": ["https://a.example/request#x", "http://rp.internal:1/r"],
            "require_signed_request_object": true, "userinfo_signed_response_alg": "ES256",
            "id_token_encrypted_response_alg": "ECDH-ES+A128KW", "id_token_encrypted_response_enc": "A256GCM",
            "userinfo_encrypted_response_alg": "RSA-OAEP-256",
        });
        assert_eq!(with(accepted.clone()).unwrap().client.metadata["request_uris"], accepted["request_uris"]);
        assert!(with(json!({"request_object_signing_alg": "none"})).is_ok());
        for (wrong, what) in [
            (json!({"request_object_signing_alg": "HS256"}), "request_object_signing_alg: it is one of"),
            (
                json!({"request_object_signing_alg": "none", "require_signed_request_object": true}),
                "request_object_signing_alg: with require_signed_request_object it is not none",
            ),
            (json!({"request_object_encryption_alg": "RSA-OAEP"}), "request_object_encryption_alg: encrypted request"),
            (json!({"request_uris": ["http://a.example/r"]}), "request_uris[0]: it is not https"),
            (
                json!({"request_uris": [format!("https://a.example/{}", "x".repeat(512))]}),
                "request_uris[0]: it is longer",
            ),
            (
                json!({"userinfo_signed_response_alg": "EdDSA"}),
                "userinfo_signed_response_alg: it is one of ES256, RS256",
            ),
            (
                json!({"id_token_encrypted_response_alg": "RSA1_5"}),
                "id_token_encrypted_response_alg: it is one of RSA-OAEP",
            ),
            (
                json!({"userinfo_encrypted_response_enc": "A256GCM"}),
                "userinfo_encrypted_response_enc: it needs userinfo_",
            ),
            (
                json!({"jwks": null, "id_token_encrypted_response_alg": "RSA-OAEP"}),
                "id_token_encrypted_response_alg: it needs the client's public keys",
            ),
        ] {
            let errors = with(wrong).unwrap_err();
            assert!(errors[0].starts_with(what), "{errors:?}");
        }
    }

    /// OIDC Core §9, RFC 7518 §3.2
    #[test]
    fn a_secret_that_signs_is_long_enough_and_no_hash() {
        let with = |more: Value| {
            let mut metadata =
                json!({"redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "client_secret_jwt"});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read_as(Origin::Operator, metadata)
        };
        let long = "x".repeat(SHORTEST_SIGNING_SECRET);
        let registered = with(json!({ "client_secret": long })).unwrap();
        assert_eq!(registered.client_secret, Some(GivenSecret::Clear(Secret::new(long.as_str()))));
        let sealed = with(json!({"client_secret_hash": "sealed:AQ_-"})).unwrap().client_secret;
        assert_eq!(sealed, Some(GivenSecret::Stored(ClientSecret::Sealed("AQ_-".to_owned()))));
        for (wrong, what) in [
            (
                json!({ "client_secret": &long[1..] }),
                "client_secret: with client_secret_jwt it has at least 32 characters",
            ),
            (
                json!({"client_secret_hash": format!("sha256:{}", "0".repeat(64))}),
                "client_secret_hash: a hash verifies no",
            ),
            (json!({"client_secret_hash": "sealed:*"}), "client_secret_hash: after sealed: comes base64url"),
            (
                json!({"client_secret": long, "token_endpoint_auth_signing_alg": "RS256"}),
                "token_endpoint_auth_signing_alg: it is one of HS256",
            ),
        ] {
            let errors = with(wrong).unwrap_err();
            assert!(errors[0].starts_with(what), "{errors:?}");
        }
    }

    /// RFC 6749 §4.4
    #[test]
    fn client_credentials_need_no_redirect_uri_and_no_public_client() {
        let metadata =
            json!({"grant_types": ["client_credentials"], "client_secret": "service-secret-0123", "scope": "api"});
        assert!(read_as(Origin::Operator, metadata).unwrap().client.response_types.is_empty());
        assert_eq!(
            errors(json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"})),
            ["grant_types: client_credentials needs a client that authenticates itself"]
        );
    }

    #[test]
    fn an_exception_holds_through_the_end_of_its_day() {
        let exceptions = json!([{"allow": "no_pkce", "reason": "r", "owner": "o", "until": "2027-06-30"}]);
        let exception = read_exceptions("exceptions", &exceptions).unwrap().remove(0);
        assert_eq!(exception.until, Timestamp::from_seconds(1_814_400_000));
        assert!(exception.allows(Allowance::NoPkce, Timestamp::from_seconds(1_814_399_999)));
        assert!(!exception.allows(Allowance::NoPkce, Timestamp::from_seconds(1_814_400_000)));
    }

    #[test]
    fn response_types_with_an_exception_are_kept_in_their_registered_order() {
        let exceptions = json!([{"allow": "hybrid", "reason": "r", "owner": "o", "until": "2027-06-30"}]);
        let metadata = json!({
            "client_secret": "12345678", "redirect_uris": ["https://a.example/cb"],
            "grant_types": ["authorization_code", "implicit"], "response_types": ["token id_token code"], "exceptions": exceptions,
        });
        assert_eq!(read_as(Origin::Operator, metadata).unwrap().client.response_types, ["code id_token token"]);
    }

    /// RFC 7591 §2: such a host would be read as part of the header that it stands in.
    #[test]
    fn addresses_have_plain_hosts() {
        let said = |name: &str, value: Value| {
            let mut metadata = json!({ "client_secret": "12345678", "redirect_uris": ["https://a.example/cb"] });
            metadata[name] = value;
            read_as(Origin::Operator, metadata).map(drop)
        };
        for host in ["a.example;sandbox", "a.example,x", "a.example.", "a..example", "'self'"] {
            let uri = format!("https://{host}");
            for name in SHOWN.into_iter().chain(["logo_uri#ko", "initiate_login_uri", "frontchannel_logout_uri"]) {
                let expected = Err(vec![format!("{name}: {}", host::NOT_PLAIN)]);
                assert_eq!(said(name, json!(uri)), expected, "{uri}");
            }
            for name in ["redirect_uris", "post_logout_redirect_uris", "allowed_origins"] {
                assert!(said(name, json!([uri])).is_err(), "{name}: {uri}");
            }
        }
        assert_eq!(said("client_uri", json!("https://my_app.internal:8443/")), Ok(()));
    }

    #[test]
    fn a_name_hides_nothing_and_may_join_its_letters() {
        let named = |member: &str, name: &str| {
            let mut metadata = json!({ "client_secret": "12345678", "redirect_uris": ["https://a.example/cb"] });
            metadata[member] = json!(name);
            read_as(Origin::Operator, metadata).map(drop)
        };
        let what = "it has 1 to 128 characters and no control or format characters";
        for member in ["client_name", "client_name#ko"] {
            for bad in ["a\u{202e}b", "a\u{200b}", "\u{feff}a", "a\u{2066}", "a\nb", "a\u{ad}b", "a\u{e0061}"] {
                assert_eq!(named(member, bad), Err(vec![format!("{member}: {what}")]), "{bad:?}");
            }
            for good in ["가게", "می\u{200c}خواهم", "👩\u{200d}🚀 Apps"] {
                assert_eq!(named(member, good), Ok(()), "{good:?}");
            }
        }
    }

    /// OIDC Core §8.1
    #[test]
    fn pairwise_subjects_need_a_clear_sector() {
        let paired = |uris: &[&str], sector: Option<&str>| {
            let metadata = json!({
                "client_secret": "12345678", "redirect_uris": uris, "subject_type": "pairwise",
                "application_type": "native", "sector_identifier_uri": sector,
            });
            read_as(Origin::Operator, metadata).map(|read| read.client.pairwise_sector().unwrap().to_string())
        };
        let (real, other) = ("https://pw.example.com/cb", "https://other.example/cb");
        let (private, loopback) = ("com.evil.app://pw.example.com/cb", "http://127.0.0.1/cb");
        assert_eq!(paired(&[real, "https://pw.example.com:8443/"], None).unwrap(), "pw.example.com");
        assert_eq!(paired(&[loopback, "http://[::1]/cb", private], None).unwrap(), "client:c");
        for mixed in [[real, other], [real, private], [private, real], [loopback, real]] {
            let errors = paired(&mixed, None).unwrap_err();
            assert!(errors.len() == 1 && errors[0].starts_with("sector_identifier_uri: "), "{mixed:?}: {errors:?}");
            assert_eq!(paired(&mixed, Some("https://sector.example/uris")).unwrap(), "sector.example");
        }
    }

    /// OpenID Connect Back-Channel Logout §2.2, OpenID Connect Front-Channel Logout §2
    #[test]
    fn addresses_of_logout_are_absolute_and_frames_are_the_clients_own() {
        let with = |name: &str, uri: &str| {
            read_as(
                Origin::Operator,
                json!({"client_secret": "12345678", "redirect_uris": ["https://a.example/cb"], name: uri}),
            )
            .map(drop)
        };
        let (back, front) = ("backchannel_logout_uri", "frontchannel_logout_uri");
        for (name, uri) in
            [(back, "https://a.example/out?x=1"), (back, "https://b.example/"), (front, "https://a.example/o")]
        {
            assert_eq!(with(name, uri), Ok(()), "{uri}");
        }
        let no_address = "it is not an http or https URL of visible ASCII characters";
        for bad in ["/out", "https:", "ftp://a.example/", "javascript:alert(1)"] {
            for name in [back, front] {
                assert_eq!(with(name, bad), Err(vec![format!("{name}: {no_address}")]), "{bad}");
            }
        }
        for name in [back, front] {
            assert_eq!(with(name, "https://a.example/#x"), Err(vec![format!("{name}: it has a fragment")]));
        }
        let what = "it is not https; plain http is for hosts of outbound.allow_hosts";
        assert_eq!(with(back, "http://a.example/out"), Err(vec![format!("{back}: {what}")]));
        let what = format!("{front}: its scheme, host and port are those of no redirect URI");
        assert_eq!(with(front, "https://b.example/out"), Err(vec![what]));
    }

    /// RFC 7591 §2.1, OpenID Connect Registration §2
    #[test]
    fn response_types_grant_types_and_redirect_uris_go_together() {
        let good = "https://a.example/cb";
        let read = |redirect: &str, grants: Value, types: Value| {
            let exception = |allow: &str| json!({"allow": allow, "reason": "r", "owner": "o", "until": "2027-06-30"});
            read_as(
                Origin::Operator,
                json!({
                    "client_secret": "12345678", "redirect_uris": [redirect], "grant_types": grants,
                    "response_types": types, "exceptions": [exception("hybrid"), exception("implicit")],
                }),
            )
            .map(|registered| registered.client.response_types)
        };
        let both = json!(["authorization_code", "implicit"]);
        let kinds = json!(["code", "id_token code", "token id_token"]);
        assert_eq!(
            read(good, both.clone(), kinds),
            Ok(["code", "code id_token", "id_token token"].map(str::to_owned).to_vec())
        );
        assert_eq!(
            read(good, json!(["authorization_code"]), json!(["code id_token"])),
            Err(vec!["response_types: code id_token needs the grant type implicit".to_owned()])
        );
        assert_eq!(
            read(good, json!(["implicit"]), json!(["id_token", "code token"])),
            Err(vec!["response_types: code token needs the grant type authorization_code".to_owned()])
        );
        for bad in ["http://127.0.0.1/cb", "https://localhost/cb"] {
            let what = "a web client with the grant type implicit has https addresses that are not on localhost";
            assert_eq!(read(bad, both.clone(), json!(["code"])), Err(vec![format!("redirect_uris: {bad:?}: {what}")]));
        }
    }

    /// RFC 7591 §2
    #[test]
    fn a_client_that_registers_itself_is_not_given_what_is_the_operators() {
        let metadata = json!({
            "redirect_uris": ["https://a.example/cb"], "skip_consent": true, "client_secret": "chosen-by-me", "magic": 1,
            "exceptions": [{"allow": "no_pkce"}], "access_token_lifetime": 1_000_000, "may_introspect": "all",
            "scope": "openid admin:read orders admin:write",
        });
        let registered = read_as(Origin::Registration, metadata).unwrap();
        assert_eq!(registered.client_secret, None);
        let client = registered.client;
        assert!(!client.skip_consent && client.exceptions.is_empty() && client.metadata.is_empty());
        assert_eq!(client.access_token_lifetime, None);
        assert_eq!(client.scopes.to_string(), "openid orders");
    }
    /// What somebody may send as a member: right, nearly right, or nothing of the kind.
    fn said() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![
            select(vec![
                "",
                "none",
                "client_secret_basic",
                "private_key_jwt",
                "web",
                "native",
                "public",
                "pairwise",
                "RS256",
                "ES256",
                "RSA-OAEP-256",
                "A256GCM",
                "openid",
                "openid profile",
                "code",
                "code id_token",
                "authorization_code",
                "implicit",
                "refresh_token",
                "https://a.example/cb",
                "https://a.example",
                "http://a.example/",
                "http://127.0.0.1:0/cb",
                "com.example.app:/cb",
                "https://u:p@a.example/#x",
                "javascript:alert(1)",
                "가",
            ])
            .prop_map(str::to_owned),
            "[ -~]{0,40}",
            "\\PC{0,20}",
        ];
        let leaf = prop_oneof![
            texts.prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            Just(json!({ "keys": [key()] })),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                hash_map("[a-z_]{1,12}", inner, 0..4).prop_map(|members| json!(members)),
            ]
        })
    }

    fn document() -> impl Strategy<Value = Map<String, Value>> {
        let names: Vec<&str> =
            [&READ[..], &OPERATOR, &KEPT_TEXTS, &KEPT_LISTS, &KEPT_FLAGS, &["jwks", "client_name#ko", "magic"]]
                .concat();
        let redirects = Just(json!(["https://a.example/cb"]));
        (hash_map(select(names).prop_map(str::to_owned), said(), 0..8), proptest::option::of(redirects)).prop_map(
            |(members, redirects)| {
                let mut members: Map<String, Value> = members.into_iter().collect();
                members.extend(redirects.map(|uris| ("redirect_uris".to_owned(), uris)));
                members
            },
        )
    }

    proptest! {
        /// RFC 7591 §2, RFC 7592 §2.2: whatever is sent is read or refused by name, and what was registered can be sent
        /// back.
        #[test]
        fn any_metadata_is_read_or_refused_and_what_is_answered_may_be_sent_back(said in document()) {
            for origin in [Origin::Operator, Origin::Registration] {
                match read_as(origin, Value::Object(said.clone())) {
                    Err(errors) => prop_assert!(!errors.is_empty() && errors.iter().all(|error| error.contains(": "))),
                    Ok(registered) if origin == Origin::Registration => {
                        let answered = members(&registered.client);
                        let again = read_as(origin, Value::Object(answered.clone()));
                        let again = again.map(|again| members(&again.client));
                        prop_assert_eq!(again, Ok(answered));
                    }
                    Ok(_) => {}
                }
            }
        }
    }
}
