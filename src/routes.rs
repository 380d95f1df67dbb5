//! The route table: one row a path, with its methods, their handlers and its policy. What a route has or skips is data
//! here; no middleware knows a path.

use crate::domain::issuer::Issuer;
use crate::web::middleware::{self, AllowedMethods, EndpointNames};
use crate::web::policy::{Auth, Cache, Policy};
use crate::{account, admin, health, oauth, oidc, openapi, pages, reporting};
use actix_web::http::Method;
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::{Resource, Route, guard, web};

/// A method and its handler.
type Answer = (&'static str, fn() -> Route);

/// A row: a path under the issuer, what it answers, its policy.
struct Row {
    path: &'static str,
    methods: &'static [Answer],
    policy: Policy,
    /// What its endpoints are called where usage is counted.
    names: EndpointNames,
}

macro_rules! rows {
    ($($path:literal: $policy:expr, $($method:literal => $handler:path),+;)*) => {
        &[$(Row {
            path: $path,
            policy: $policy,
            methods: &[$(($method, || web::route().to($handler))),+],
            names: EndpointNames {
                by_method: &[$(($method, concat!($method, " ", $path))),+],
                preflight: concat!("OPTIONS ", $path),
                other: concat!("* ", $path),
            },
        }),*]
    };
}

/// Paths under the issuer's own path.
static TABLE: &[Row] = rows! {
    "/": Policy::PAGE, "GET" => account::home::start;
    "/login": Policy::PAGE, "GET" => account::login::get, "POST" => account::login::post;
    "/signup": Policy::PAGE, "GET" => account::sign_up::get, "POST" => account::sign_up::post;
    "/logout": Policy::PAGE, "GET" => account::logout::get, "POST" => account::logout::post;
    "/account": Policy::PAGE, "GET" => account::home::account;
    "/account/profile": Policy::PAGE, "GET" => account::profile::get, "POST" => account::profile::post;
    "/account/email": Policy::PAGE, "GET" => account::email::get, "POST" => account::email::post;
    "/account/sessions": Policy::PAGE, "GET" => account::sessions::get;
    "/account/sessions/end": Policy::PAGE, "GET" => account::sessions::ask, "POST" => account::sessions::end;
    "/account/apps": Policy::PAGE, "GET" => account::apps::get;
    "/account/apps/revoke": Policy::PAGE, "GET" => account::apps::ask, "POST" => account::apps::revoke;
    "/account/password": Policy::PAGE, "GET" => account::password::get, "POST" => account::password::post;
    "/admin": Policy::ADMIN, "GET" => admin::home::get;
    "/admin/usage": Policy::ADMIN, "GET" => admin::usage::get;
    "/admin/usage.csv": Policy::ADMIN, "GET" => admin::usage::csv;
    "/locale": Policy::PAGE, "GET" => account::home::locale;
    "/authorize": Policy::PAGE, "GET" => oauth::authorize::get, "POST" => oauth::authorize::post;
    "/authorize/continue": Policy::PAGE, "GET" => oauth::authorize::proceed;
    "/authorize/deny": Policy::PAGE, "GET" => oauth::authorize::deny;
    "/consent": Policy::PAGE, "GET" => oauth::consent::get, "POST" => oauth::consent::post;
    "/token": Policy::TOKEN, "POST" => oauth::token::post;
    "/introspect": Policy::BACK_CHANNEL, "POST" => oauth::introspect::post;
    "/revoke": Policy::TOKEN, "POST" => oauth::revoke::post;
    "/register": Policy::BEARER, "POST" => oauth::register::post;
    "/register/{client_id}": Policy::BEARER, "GET" => oauth::register::show, "PUT" => oauth::register::replace,
        "DELETE" => oauth::register::remove;
    "/api/usage": Policy { auth: Auth::AdminOrReport, ..Policy::API }, "GET" => admin::report::get, "POST" => reporting::post;
    "/userinfo": Policy::BEARER, "GET" => oidc::userinfo::get, "POST" => oidc::userinfo::post;
    "/check_session": Policy { usage: false, ..Policy::PAGE }, "GET" => oidc::check_session::get;
    "/jwks": Policy::METADATA, "GET" => oidc::jwks::get;
    "/.well-known/oauth-authorization-server": Policy::METADATA, "GET" => oauth::metadata::get;
    "/.well-known/openid-configuration": Policy::METADATA, "GET" => pages::openid_configuration;
    "/api": Policy::PAGE, "GET" => openapi::page;
    "/api/openapi.json": Policy::METADATA, "GET" => openapi::get;
    "/api/clients": Policy::API, "GET" => admin::clients::list, "POST" => admin::clients::create;
    "/api/clients/{client_id}": Policy::API, "GET" => admin::clients::show, "PUT" => admin::clients::replace;
    "/api/clients/{client_id}/disable": Policy::API, "POST" => admin::clients::disable;
    "/api/clients/{client_id}/enable": Policy::API, "POST" => admin::clients::enable;
    "/api/clients/{client_id}/secret": Policy::API, "POST" => admin::clients::renew_secret;
    "/api/users": Policy::API, "GET" => admin::users::list, "POST" => admin::users::create;
    "/api/users/{sub}": Policy::API, "GET" => admin::users::show, "PATCH" => admin::users::update;
    "/api/users/{sub}/disable": Policy::API, "POST" => admin::users::disable;
    "/api/users/{sub}/enable": Policy::API, "POST" => admin::users::enable;
    "/api/users/{sub}/password": Policy::API, "POST" => admin::users::set_password;
    "/api/users/{sub}/sessions": Policy::API, "DELETE" => admin::users::end_sessions;
    "/api/keys": Policy::API, "GET" => admin::keys::list;
    "/api/keys/rotate": Policy::API, "POST" => admin::keys::rotate;
    "/api/keys/{kid}/retire": Policy::API, "POST" => admin::keys::retire;
    "/api/audit": Policy::API, "GET" => admin::audit::list;
    "/api/outbox": Policy::API, "GET" => admin::outbox::list;
    "/api/resources": Policy::API, "GET" => admin::catalogue::resources;
    "/api/scopes": Policy::API, "GET" => admin::catalogue::scopes;
    "/favicon.ico": Policy { cache: Cache::Handler, ..Policy::ASSET }, "GET" => pages::icon;
    "/assets/{name}": Policy::ASSET, "GET" => pages::asset;
    "/demo": Policy::PAGE, "GET" => pages::demo;
    "/demo/{name}": Policy::PAGE, "GET" => pages::demo_file;
    "/health/live": Policy::HEALTH, "GET" => health::live;
    "/health/ready": Policy::HEALTH, "GET" => health::ready;
};

/// Paths at the root of the host, for an issuer that has a path itself (RFC 8414 §3.1).
static AT_ROOT: &[Row] = rows! {
    "/.well-known/oauth-authorization-server": Policy::METADATA, "GET" => oauth::metadata::get;
    "/.well-known/openid-configuration": Policy::METADATA, "GET" => pages::openid_configuration;
};

/// Operations answer at the root too, because probes know no issuer.
static OPERATIONS: &[Row] = rows! {
    "/health/live": Policy::HEALTH, "GET" => health::live;
    "/health/ready": Policy::HEALTH, "GET" => health::ready;
};

/// Puts the routes into an application.
pub fn configure(config: &mut web::ServiceConfig, issuer: &Issuer) {
    let path = issuer.path();
    config.app_data(web::Data::new(oauth::metadata::Documents::default()));
    for row in TABLE {
        config.service(resource(row, &format!("{path}{}", row.path)));
    }
    if !path.is_empty() {
        for row in AT_ROOT {
            config.service(resource(row, &format!("{}{path}", row.path)));
        }
        for row in OPERATIONS {
            config.service(resource(row, row.path));
        }
    }
    config.default_service(web::route().to(middleware::nothing_here));
}

fn resource(
    row: &Row,
    path: &str,
) -> Resource<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    let mut resource = web::resource(path.to_owned())
        .app_data(row.policy)
        .app_data(row.names)
        .app_data(AllowedMethods(allowed(row)))
        .default_service(web::route().to(middleware::method_not_allowed));
    for (name, route) in row.methods {
        resource = resource.route(with_method(route(), name));
    }
    resource.wrap(from_fn(middleware::by_policy)).wrap(Condition::new(row.policy.compress, Compress::default()))
}

fn allowed(row: &Row) -> String {
    let names = row.methods.iter().flat_map(|(name, _)| if *name == "GET" { vec!["GET", "HEAD"] } else { vec![*name] });
    names.collect::<Vec<_>>().join(", ")
}

/// Whoever answers GET answers HEAD (RFC 9110 §9.3.2).
fn with_method(route: Route, name: &str) -> Route {
    match name {
        "GET" => route.guard(guard::Any(guard::Get()).or(guard::Head())),
        "POST" => route.guard(guard::Post()),
        other => {
            let method = Method::from_bytes(other.as_bytes()).unwrap_or(Method::GET);
            route.method(method)
        }
    }
}

/// Every path with its methods and its policy, for documents and tests.
pub fn paths() -> impl Iterator<Item = (&'static str, Vec<&'static str>, Policy)> {
    TABLE.iter().map(|row| (row.path, row.methods.iter().map(|(name, _)| *name).collect(), row.policy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::policy::Auth;

    /// What describes the API says nothing of what is stored.
    const PUBLIC: [&str; 2] = ["/api", "/api/openapi.json"];

    #[test]
    fn nothing_under_admin_and_api_is_public() {
        let is_under = |path: &str, folder: &str| path == folder || path.starts_with(&format!("{folder}/"));
        for (path, _, Policy { auth, .. }) in paths().filter(|(path, ..)| !PUBLIC.contains(path)) {
            if is_under(path, "/admin") {
                assert_eq!(auth, Auth::AdminPage, "{path}");
            }
            if is_under(path, "/api") {
                assert!(matches!(auth, Auth::Admin | Auth::AdminOrReport), "{path}");
            }
        }
    }
}
