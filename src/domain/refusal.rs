//! Refusals: every request that is refused is refused by a rule with a stable id.
//!
//! People see a fixed public sentence and a short reference. The developer of the client reads the rest by the reference:
//! what was sent, what was expected, where they first differ, which section says so, and how to mend it. Nothing secret
//! enters a refusal: what is a secret is described by its length only.

use super::id::{ClientId, Reference};
use super::time::{Lifetime, Timestamp};

/// How long a refusal can be explained.
pub const REFUSAL_LIFETIME: Lifetime = Lifetime::days(7);
/// The longest excerpt of what was sent, in characters.
pub const LONGEST_EXCERPT: usize = 300;

/// A rule by which requests are refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its stable id, `AW-…`.
    pub id: &'static str,
    /// The error code on the wire.
    pub code: &'static str,
    /// The section that says so.
    pub section: &'static str,
    /// The public sentence (`error_description`): plain ASCII without quotes or backslashes (RFC 6749 §5.2).
    pub description: &'static str,
    /// How the developer of the client mends it.
    pub mend: &'static str,
}

/// A refused request.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The rule.
    pub rule: &'static Rule,
    /// What was sent, without secrets, bounded.
    pub sent: String,
    /// What was expected.
    pub expected: String,
    /// The client that asked, where it is known.
    pub client_id: Option<ClientId>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<i64>,
}

impl Refusal {
    /// A refusal by `rule`, with nothing said yet of what was sent.
    pub const fn by(rule: &'static Rule) -> Self {
        Self { rule, sent: String::new(), expected: String::new(), client_id: None, retry_after: None }
    }

    /// With what was sent and what was expected. Never a secret.
    #[must_use]
    pub fn because(mut self, sent: impl AsRef<str>, expected: impl AsRef<str>) -> Self {
        self.sent = excerpt(sent.as_ref());
        self.expected = excerpt(expected.as_ref());
        self
    }

    /// With the seconds after which trying again makes sense.
    #[must_use]
    pub const fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Of a known client.
    #[must_use]
    pub fn of(mut self, client: &ClientId) -> Self {
        self.client_id = Some(client.clone());
        self
    }
}

/// A refusal as it is kept for its developer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRecord {
    /// What people were shown: its primary key.
    pub reference: Reference,
    /// The rule's id.
    pub rule: String,
    /// The client, where it was known.
    pub client_id: Option<ClientId>,
    /// What was sent.
    pub sent: String,
    /// What was expected.
    pub expected: String,
    /// The request's id in the log.
    pub request_id: String,
    /// Method and path of the request.
    pub endpoint: String,
    /// When.
    pub refused_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// The first difference between two texts, in words; `None` when they are equal.
pub fn first_difference(sent: &str, expected: &str) -> Option<String> {
    if sent == expected {
        return None;
    }
    let at = sent.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let name = |text: &str| text.chars().nth(at).map_or_else(|| "the end".to_owned(), |c| format!("{c:?}"));
    Some(format!("at character {}: {} was sent, {} was expected", at + 1, name(sent), name(expected)))
}

/// At most [`LONGEST_EXCERPT`] characters, control characters made visible.
pub fn excerpt(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(LONGEST_EXCERPT)
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    if text.chars().nth(LONGEST_EXCERPT).is_some() {
        out.push('…');
    }
    out
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $id:literal, $code:literal, $section:literal, $description:literal, $mend:literal;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Rule = Rule { id: $id, code: $code, section: $section, description: $description, mend: $mend };
        )*
        /// Every rule, in the order of the document that lists them.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

/// The rule with this id.
pub fn find_rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

rules! {
    /// A parameter stands twice.
    PARAMETER_REPEATED: "AW-PARAMETER-REPEATED", "invalid_request", "RFC 6749 §3.1", "a parameter is repeated",
        "Send each parameter once. A common cause is a redirect or proxy that appends the query a second time.";
    /// A parameter is not UTF-8, or too long, or there are too many.
    PARAMETER_MALFORMED: "AW-PARAMETER-MALFORMED", "invalid_request", "RFC 6749 Appendix B", "a parameter is not valid UTF-8 or is larger than allowed",
        "Encode parameters as application/x-www-form-urlencoded in UTF-8, within the limits named under expected.";
    /// A required parameter is missing.
    PARAMETER_MISSING: "AW-PARAMETER-MISSING", "invalid_request", "RFC 6749 §4.1", "a required parameter is missing",
        "Send the parameter named under expected.";
    /// The body is not form-encoded.
    CONTENT_TYPE: "AW-CONTENT-TYPE", "invalid_request", "RFC 6749 §3.2", "the body must be application/x-www-form-urlencoded",
        "Send the parameters in the body with Content-Type: application/x-www-form-urlencoded, not as JSON and not in the query.";
    /// The body is not JSON.
    CONTENT_TYPE_JSON: "AW-CONTENT-TYPE-JSON", "invalid_request", "RFC 9110 §15.5.16", "the body must be application/json",
        "Send one JSON document in the body with Content-Type: application/json, not compressed.";
    /// The method is not allowed.
    METHOD: "AW-METHOD", "invalid_request", "RFC 6749 §3.2", "this endpoint does not take that method",
        "Use the method named under expected.";
    /// The body is larger than allowed.
    BODY_TOO_LARGE: "AW-BODY-TOO-LARGE", "invalid_request", "RFC 9110 §15.5.14", "the body is larger than allowed",
        "Send less; the bound is named under expected.";
    /// No such page.
    NOT_FOUND: "AW-NOT-FOUND", "not_found", "RFC 9110 §15.5.5", "there is nothing at this address",
        "Take the endpoints from the metadata document at /.well-known/oauth-authorization-server.";
    /// The request itself is malformed HTTP.
    REQUEST_MALFORMED: "AW-REQUEST-MALFORMED", "invalid_request", "RFC 9110 §15.5.1", "the request is malformed",
        "Send a well-formed HTTP/1.1 request.";
    /// Too many requests or guesses.
    THROTTLED: "AW-THROTTLED", "temporarily_unavailable", "RFC 6585 §4", "too many attempts; try again later",
        "Wait as long as Retry-After says.";
    /// The database cannot be reached.
    UNAVAILABLE: "AW-UNAVAILABLE", "temporarily_unavailable", "RFC 9110 §15.6.4", "the server cannot answer right now; try again shortly",
        "Try again after Retry-After. A code or token that was presented is still good unless the request was carried out.";
    /// A state that must not be.
    INTERNAL: "AW-INTERNAL", "server_error", "RFC 6749 §4.1.2.1", "the server met an unexpected condition",
        "The operator finds the cause in the server log under the request id.";

    /// The client is unknown at the authorization endpoint.
    CLIENT_UNKNOWN: "AW-CLIENT-UNKNOWN", "invalid_client", "RFC 6749 §4.1.2.1", "the client is unknown or disabled",
        "Register the client, or correct client_id. The answer is a page because there is no address to redirect to.";
    /// The redirect URI is not registered.
    REDIRECT_URI_MISMATCH: "AW-REDIRECT-URI-MISMATCH", "invalid_request", "RFC 6749 §3.1.2.4, RFC 9700 §2.1", "redirect_uri is not registered for this client",
        "Register this redirect URI, or send a registered one, character for character. Only the port of http://127.0.0.1 and http://[::1] may differ, for native clients.";
    /// No redirect URI where one is needed.
    REDIRECT_URI_MISSING: "AW-REDIRECT-URI-MISSING", "invalid_request", "RFC 6749 §3.1.2.3", "redirect_uri is missing",
        "Send redirect_uri: this client has not registered exactly one.";
    /// `response_type` is missing or unknown.
    RESPONSE_TYPE: "AW-RESPONSE-TYPE", "unsupported_response_type", "RFC 6749 §4.1.2.1", "response_type is not supported",
        "Use response_type=code with PKCE. The metadata document lists what else is offered, under dated exceptions only.";
    /// The client is not registered for this response type, or lacks the live exception that it needs.
    RESPONSE_TYPE_FORBIDDEN: "AW-RESPONSE-TYPE-FORBIDDEN", "unauthorized_client", "RFC 6749 §4.1.2.1", "the client may not use this response_type",
        "Register the client with response_types [code] and grant_types [authorization_code]. What brings tokens through the browser needs response_types, grant_types and a dated exception: exceptions: [{ allow: hybrid, reason, owner, until }], or allow: implicit.";
    /// `response_mode` is unknown, or would put a token into a query.
    RESPONSE_MODE: "AW-RESPONSE-MODE", "invalid_request", "OAuth 2.0 Multiple Response Types §2.1, §3", "response_mode is not supported",
        "Use query, fragment or form_post, or leave it out. Where the answer has tokens, query is refused.";
    /// An ID token from the authorization endpoint without `nonce`.
    NONCE_MISSING: "AW-NONCE-MISSING", "invalid_request", "OIDC Core §3.2.2.1, §3.3.2.11", "nonce is missing",
        "Send a nonce of at least 128 random bits, keep it with the request, and compare it with the one in the ID token.";
    /// An ID token from the authorization endpoint without scope `openid`.
    OPENID_MISSING: "AW-OPENID-MISSING", "invalid_request", "OIDC Core §3.1.2.1", "an ID token needs the scope openid",
        "Add openid to scope, or leave id_token out of response_type.";
    /// No challenge.
    PKCE_MISSING: "AW-PKCE-MISSING", "invalid_request", "RFC 7636 §4.4.1, RFC 9700 §2.1.1", "code_challenge is missing; PKCE is required",
        "Send code_challenge=BASE64URL(SHA256(code_verifier)) and code_challenge_method=S256.";
    /// The method is not S256.
    PKCE_METHOD: "AW-PKCE-METHOD", "invalid_request", "RFC 7636 §4.3, RFC 9700 §2.1.1", "code_challenge_method must be S256",
        "Send code_challenge_method=S256. Leaving it out means plain, which is refused.";
    /// The challenge is malformed.
    PKCE_CHALLENGE: "AW-PKCE-CHALLENGE", "invalid_request", "RFC 7636 §4.2", "code_challenge is malformed",
        "An S256 challenge is 43 characters: base64url without padding of the SHA-256 of the verifier.";
    /// `scope` is malformed, unknown or not this client's.
    SCOPE: "AW-SCOPE", "invalid_scope", "RFC 6749 §3.3", "scope is unknown, malformed or not allowed for this client",
        "Ask for scopes that the client is registered for.";
    /// `prompt` is malformed.
    PROMPT: "AW-PROMPT", "invalid_request", "OIDC Core §3.1.2.1", "prompt is malformed",
        "Use none alone, or any of login, consent, select_account.";
    /// `max_age` is malformed.
    MAX_AGE: "AW-MAX-AGE", "invalid_request", "OIDC Core §3.1.2.1", "max_age is not a number of seconds",
        "Send a whole number of seconds, not negative.";
    /// `claims` is malformed.
    CLAIMS: "AW-CLAIMS", "invalid_request", "OIDC Core §5.5", "claims is malformed",
        "Send a JSON object with the members id_token and userinfo; each claim in them is null or an object with essential, value or values.";
    /// An essential `acr` that cannot be met.
    CONTEXT_UNMET: "AW-CONTEXT-UNMET", "unmet_authentication_requirements", "OIDC Core §5.5.1.1", "the authentication context that the request needs is not available",
        "Ask for a context of acr_values_supported, or do not ask for it as essential.";
    /// `id_token_hint` is not one of ours.
    ID_TOKEN_HINT: "AW-ID-TOKEN-HINT", "invalid_request", "OIDC Core §3.1.2.1", "id_token_hint is not an ID token of this client",
        "Send an ID token that this server issued to this client, or leave the hint out.";
    /// A `post_logout_redirect_uri` that is not registered.
    LOGOUT_REDIRECT_URI: "AW-LOGOUT-REDIRECT-URI", "invalid_request", "OpenID Connect RP-Initiated Logout §3", "post_logout_redirect_uri is not registered for this client",
        "Register this address in post_logout_redirect_uris, or send a registered one, character for character.";
    /// `state`, `nonce`, `login_hint` or another value is too long.
    VALUE_TOO_LONG: "AW-VALUE-TOO-LONG", "invalid_request", "RFC 6749 §4.1.1", "a value is longer than allowed",
        "Shorten the value named under sent to the bound named under expected.";
    /// `resource` is not an absolute URI, or not one the client may ask for.
    RESOURCE: "AW-RESOURCE", "invalid_target", "RFC 8707 §2", "resource is unknown, malformed or not allowed",
        "Ask for a resource that is configured, as an absolute URI without fragment.";
    /// A request object of a client that has registered nothing to check it with.
    REQUEST_OBJECT: "AW-REQUEST-OBJECT", "request_not_supported", "OIDC Core §3.1.2.6", "the client may not use request objects",
        "Send the parameters themselves, or register the client with jwks or jwks_uri. An unsigned object needs request_object_signing_alg none.";
    /// A request object by reference of a client that has registered no references.
    REQUEST_URI: "AW-REQUEST-URI", "request_uri_not_supported", "OIDC Core §3.1.2.6", "the client may not use request_uri",
        "Send the parameters themselves, or register the client with request_uris.";
    /// A request object that is not taken.
    REQUEST_OBJECT_INVALID: "AW-REQUEST-OBJECT-INVALID", "invalid_request_object", "RFC 9101 §6.2, OIDC Core §6.1", "the request object is invalid",
        "Sign the object with a registered key and the registered request_object_signing_alg. iss is the client_id and aud the issuer; client_id and response_type say the same inside and outside. sent names what is wrong.";
    /// A reference that is not registered, or leads to nothing.
    REQUEST_URI_INVALID: "AW-REQUEST-URI-INVALID", "invalid_request_uri", "OIDC Core §6.2, RFC 9101 §5.2", "request_uri is not registered or leads to no request object",
        "Send one of the registered request_uris (the fragment may differ), and answer there within five seconds with status 200 and the object.";
    /// Both ways of sending a request object.
    REQUEST_OBJECT_TWICE: "AW-REQUEST-OBJECT-TWICE", "invalid_request", "OIDC Core §6.1, RFC 9101 §5", "request and request_uri cannot be used together",
        "Send one of the two.";
    /// No signed request object where the client needs one.
    REQUEST_OBJECT_NEEDED: "AW-REQUEST-OBJECT-NEEDED", "invalid_request", "RFC 9101 §10.5", "this client sends its requests as signed request objects",
        "Sign the request, or register the client without require_signed_request_object.";
    /// `prompt=none` without a session.
    LOGIN_REQUIRED: "AW-LOGIN-REQUIRED", "login_required", "OIDC Core §3.1.2.6", "the user is not signed in",
        "Start again without prompt=none.";
    /// `prompt=none` without consent.
    CONSENT_REQUIRED: "AW-CONSENT-REQUIRED", "consent_required", "OIDC Core §3.1.2.6", "the user has not consented",
        "Start again without prompt=none. Clients that cannot be identified are asked about each time.";
    /// The user said no.
    DENIED: "AW-DENIED", "access_denied", "RFC 6749 §4.1.2.1", "the user denied the request",
        "Nothing to mend: show that sign-in was cancelled.";

    /// Client authentication failed.
    CLIENT_AUTHENTICATION: "AW-CLIENT-AUTHENTICATION", "invalid_client", "RFC 6749 §5.2", "client authentication failed",
        "Check client_id and secret, and that the client uses the method it is registered with. In a Basic header both parts are form-encoded first.";
    /// A client assertion that proves nothing.
    CLIENT_ASSERTION: "AW-CLIENT-ASSERTION", "invalid_client", "RFC 7523 §3", "client authentication failed",
        "Sign a new JWT for each request: iss and sub are the client_id, aud is the issuer, exp lies at most an hour ahead, jti is new. Its key stands in the registered jwks or at jwks_uri, under the kid of the header. sent names what is wrong.";
    /// Two client authentications in one request.
    CLIENT_AUTHENTICATION_TWICE: "AW-CLIENT-AUTHENTICATION-TWICE", "invalid_request", "RFC 6749 §2.3", "more than one client authentication, or two client ids that differ",
        "Use the header or the body, not both, and one client_id.";
    /// What is to be encrypted for the client cannot be.
    ENCRYPTION: "AW-ENCRYPTION", "invalid_request", "OIDC Core §10.2", "the client has no usable key for the encryption that it registered",
        "Publish a public key for the registered *_encrypted_response_alg (use enc, and alg where it has one) in jwks or at jwks_uri. Nothing was used up.";
    /// The grant type is unknown or off.
    GRANT_TYPE: "AW-GRANT-TYPE", "unsupported_grant_type", "RFC 6749 §5.2", "grant_type is not supported",
        "Use a grant type that the metadata document lists.";
    /// The client is not registered for the grant type.
    GRANT_TYPE_FORBIDDEN: "AW-GRANT-TYPE-FORBIDDEN", "unauthorized_client", "RFC 6749 §5.2", "the client may not use this grant_type",
        "Register the client for this grant type.";
    /// The code is unknown, expired, or another client's.
    CODE_INVALID: "AW-CODE-INVALID", "invalid_grant", "RFC 6749 §5.2", "the code is unknown, expired or was issued to another client",
        "Exchange a code within 60 seconds, once, with the client that it was issued to.";
    /// The code was used before.
    CODE_REPLAYED: "AW-CODE-REPLAYED", "invalid_grant", "RFC 6749 §4.1.2, RFC 9700 §4.5", "the code was used before",
        "Exchange a code once. Everything issued from it has been revoked; sign in again. A page that reloads its callback is a common cause.";
    /// The redirect URI of the token request differs.
    CODE_REDIRECT_URI: "AW-CODE-REDIRECT-URI", "invalid_grant", "RFC 6749 §4.1.3", "redirect_uri differs from the authorization request",
        "Send the redirect_uri of the authorization request, character for character.";
    /// The verifier is missing, malformed, wrong or unasked for.
    CODE_VERIFIER: "AW-CODE-VERIFIER", "invalid_grant", "RFC 7636 §4.6", "code_verifier does not fit the code_challenge",
        "Keep the verifier of each authorization request and send it with its code. A wrong verifier burns the code.";
    /// The verifier is not one.
    CODE_VERIFIER_MALFORMED: "AW-CODE-VERIFIER-MALFORMED", "invalid_request", "RFC 7636 §4.1", "code_verifier is malformed",
        "A verifier has 43 to 128 characters of A-Z a-z 0-9 - . _ ~";
    /// A refresh token that is none, or expired, or another client's, or revoked.
    REFRESH_TOKEN_INVALID: "AW-REFRESH-TOKEN-INVALID", "invalid_grant", "RFC 6749 §5.2", "the refresh token is unknown, expired, revoked or was issued to another client",
        "Sign in again.";
    /// A refresh token that was used before.
    REFRESH_TOKEN_REPLAYED: "AW-REFRESH-TOKEN-REPLAYED", "invalid_grant", "RFC 9700 §4.14.2", "the refresh token was replaced before",
        "Keep the refresh token of the last answer. This one is older than the one retry that is allowed; the family has been revoked.";
    /// A wider scope at refresh.
    SCOPE_WIDENED: "AW-SCOPE-WIDENED", "invalid_scope", "RFC 6749 §6", "scope is wider than what was granted",
        "Ask for the granted scopes or fewer.";
    /// The password grant without a live exception.
    PASSWORD_GRANT: "AW-PASSWORD-GRANT", "unauthorized_client", "RFC 9700 §2.4", "the client may not use this grant_type",
        "Send people to the login page with the authorization code flow. What cannot be changed yet gets a dated exception: exceptions: [{ allow: password_grant, reason, owner, until }].";
    /// Wrong user name or password in the password grant.
    RESOURCE_OWNER: "AW-RESOURCE-OWNER", "invalid_grant", "RFC 6749 §4.3.2, RFC 6749 §5.2", "the user name or password is wrong",
        "Nothing tells which of the two it was.";
    /// The account is disabled.
    USER_DISABLED: "AW-USER-DISABLED", "invalid_grant", "RFC 6749 §5.2", "the account cannot be used",
        "The operator has disabled the account.";

    /// A report of calls that is not one.
    USAGE_REPORT: "AW-USAGE-REPORT", "invalid_request", "RFC 9110 §15.5.1", "the report of calls is malformed or out of bounds",
        "Send what docs/guides/api.md describes; sent names the member that is wrong. Nothing of the report was counted.";
    /// A report of calls of a resource that is not the client's.
    USAGE_RESOURCE: "AW-USAGE-RESOURCE", "access_denied", "RFC 9110 §15.5.4", "the client does not serve that resource",
        "List the client under served_by of the resource, and send the identifier of the resource character for character.";

    /// No token at a protected resource.
    TOKEN_MISSING: "AW-TOKEN-MISSING", "", "RFC 6750 §3.1", "an access token is needed",
        "Send Authorization: Bearer with an access token.";
    /// Two ways of sending a token.
    TOKEN_TWICE: "AW-TOKEN-TWICE", "invalid_request", "RFC 6750 §3.1", "the access token is malformed or sent in more than one way",
        "Send the access token once, in the Authorization header.";
    /// A token in the query.
    TOKEN_IN_QUERY: "AW-TOKEN-IN-QUERY", "invalid_request", "RFC 9700 §4.3.2", "access tokens are not taken from the query",
        "Send the access token in the Authorization header.";
    /// The token is not valid here.
    TOKEN_INVALID: "AW-TOKEN-INVALID", "invalid_token", "RFC 6750 §3.1", "the access token is malformed, expired, revoked or not for this resource",
        "Get a new access token.";
    /// The token lacks a scope.
    TOKEN_SCOPE: "AW-TOKEN-SCOPE", "insufficient_scope", "RFC 6750 §3.1", "the access token lacks the scope openid",
        "Ask for scope openid at the authorization endpoint.";
    /// A token that was issued to another client.
    TOKEN_FOREIGN: "AW-TOKEN-FOREIGN", "invalid_grant", "RFC 7009 §2.1", "the token was issued to another client",
        "Revoke a token with the client that it was issued to.";
    /// A token that nothing revokes.
    TOKEN_KIND: "AW-TOKEN-KIND", "unsupported_token_type", "RFC 7009 §2.2.1", "only access tokens and refresh tokens can be revoked",
        "Revoke the refresh token: all that came from the sign-in ends with it. An ID token ends by itself.";

    /// A registration where clients do not register themselves.
    REGISTRATION_CLOSED: "AW-REGISTRATION-CLOSED", "access_denied", "RFC 7591 §3", "clients cannot register themselves at this server",
        "Ask the operator to register the client, or to open registration: registration.mode token or open in a document for authward apply.";
    /// An initial access token that is none, has ended, or has no use left.
    INITIAL_ACCESS_TOKEN: "AW-INITIAL-ACCESS-TOKEN", "invalid_token", "RFC 7591 §3", "the initial access token is unknown, expired or used up",
        "Ask the operator for another initial access token: registration.initial_access_tokens in a document for authward apply.";
    /// A token that does not manage this client.
    REGISTRATION_ACCESS_TOKEN: "AW-REGISTRATION-ACCESS-TOKEN", "invalid_token", "RFC 7592 §2", "the registration access token does not manage this client",
        "Send the registration_access_token that came with this client, to the registration_client_uri that came with it.";
    /// A redirect URI that may not be registered.
    REGISTRATION_REDIRECT_URI: "AW-REGISTRATION-REDIRECT-URI", "invalid_redirect_uri", "RFC 7591 §3.2.2", "a redirect URI cannot be registered",
        "Mend every member that is named; redirect URIs are https, or loopback or private-use ones of a native client, without fragment.";
    /// Client metadata that cannot be registered.
    REGISTRATION_METADATA: "AW-REGISTRATION-METADATA", "invalid_client_metadata", "RFC 7591 §3.2.2", "client metadata cannot be registered",
        "Mend every member that is named. What this server supports stands in its metadata document.";

    /// A body that is not JSON.
    JSON_TYPE: "AW-JSON-TYPE", "invalid_request", "RFC 9110 §15.5.16", "the body must be application/json",
        "Send one JSON object with Content-Type: application/json, not compressed.";
    /// A body that is no JSON object, or one in which a member stands twice.
    JSON: "AW-JSON", "invalid_request", "RFC 8259 §4", "the body must be one JSON object, each member once",
        "Send one well-formed JSON object in UTF-8 in which no member is repeated.";
    /// Members of a body, or parameters, that are wrong.
    FIELDS: "AW-FIELDS", "invalid_request", "RFC 9110 §15.5.1", "members of the body or parameters are wrong",
        "Mend every member that is named under errors.";
    /// Something that is asked for by its identifier is not there.
    UNKNOWN: "AW-UNKNOWN", "not_found", "RFC 9110 §15.5.5", "there is no such thing",
        "List what there is, and take the identifier from there.";
    /// Something that is to be made is there already, or its name or address is taken.
    TAKEN: "AW-TAKEN", "conflict", "RFC 9110 §15.5.10", "it is there already, or its name is taken",
        "Choose another identifier or name, or change the one that is there.";
    /// Something that its present state does not allow.
    STATE: "AW-STATE", "conflict", "RFC 9110 §15.5.10", "its present state does not allow that",
        "Read what it is now, and change that first.";
    /// A page for administrators, or a call of the admin API, by somebody who is none.
    ADMIN_ONLY: "AW-ADMIN-ONLY", "insufficient_scope", "RFC 6750 §3.1", "this is for administrators",
        "Pages: sign in as a user with the role admin. API: bring an access token for the resource {issuer}/api with scope admin:read to look or admin:write to change, of a client that is registered for it or of a user with the role admin.";

    /// The interaction is unknown, finished or expired.
    INTERACTION_GONE: "AW-INTERACTION-GONE", "invalid_request", "OAuth 2.1 §7.12", "this sign-in is finished, expired or belongs to another browser",
        "Start again from the app. Cookies must be allowed.";
    /// A form without its token.
    FORM_FORGED: "AW-FORM-FORGED", "invalid_request", "RFC 6749 §10.12", "the form was not sent from this server or is too old",
        "Open the page again and send the form again. Cookies must be allowed.";
    /// Wrong user name or password.
    PASSWORD_WRONG: "AW-PASSWORD-WRONG", "access_denied", "OWASP ASVS 2.2", "the user name or password is wrong",
        "Nothing tells which of the two it was.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 §5.2
    #[test]
    fn rules_are_unique_and_their_descriptions_fit_the_wire() {
        for (n, rule) in RULES.iter().enumerate() {
            assert!(rule.id.starts_with("AW-"));
            assert!(RULES[..n].iter().all(|other| other.id != rule.id), "{}", rule.id);
            assert!(
                rule.description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(
            first_difference("https://a/cb/", "https://a/cb").unwrap(),
            "at character 13: '/' was sent, the end was expected"
        );
        assert_eq!(first_difference("a", "a"), None);
    }

    #[test]
    fn an_excerpt_is_bounded_and_holds_no_control_characters() {
        let long = excerpt(&"\u{1b}[31m".repeat(1000));
        assert!(!long.contains('\u{1b}'));
        assert!(long.chars().count() < LONGEST_EXCERPT * 8);
    }
}
