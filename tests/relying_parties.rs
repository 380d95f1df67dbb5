//! Web applications sign people in and out with unmodified software and its documented settings: oauth2-proxy (Go),
//! mod_auth_openidc (Debian's Apache), Authlib with Flask (PyPI), Spring Security (Maven).
//!
//! A person goes to a protected page of the application, signs in and allows on the pages of the server, sees who they
//! are, and signs out of both (OpenID Connect RP-Initiated Logout 1.0). The server is the built binary.

mod support;

use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use support::programs::{Program, Service, prepared, tests_folder};
use support::server::{Server, free_port};
use tempfile::TempDir;

const USERNAME: &str = "haneul";
const PASSWORD: &str = "a tram stop under seven maples";
const EMAIL: &str = "haneul@example.com";
const CLIENT: &str = "web-app";
const SECRET: &str = "a-secret-without-odd-characters-41";
/// Keys of the applications' own cookies: 32 characters.
const COOKIE_SECRET: &str = "seven-maples-under-one-tram-stop";

/// OIDC Core §3.1, OpenID Connect RP-Initiated Logout §2: oauth2-proxy signs out without an ID token, so the person is asked.
#[test]
fn oauth2_proxy_signs_a_person_in_and_out() {
    let app = App::at("/oauth2/callback");
    let server = app.server();
    let mut command = Command::new(prepared("AUTHWARD_TEST_OAUTH2_PROXY"));
    command
        .args(["--provider=oidc", "--skip-provider-button", "--code-challenge-method=S256", "--email-domain=*"])
        .args(["--cookie-secure=false", "--scope=openid email profile", "--upstream=static://200"])
        .args(["--skip-auth-route=GET=^/goodbye$", &format!("--cookie-secret={COOKIE_SECRET}")])
        .arg(format!("--oidc-issuer-url={}", server.issuer))
        .arg(format!("--client-id={CLIENT}"))
        .arg(format!("--client-secret={SECRET}"))
        .arg(format!("--redirect-url={}", app.url("/oauth2/callback")))
        .arg(format!("--whitelist-domain=127.0.0.1:{}", server.port))
        .arg(format!("--http-address=127.0.0.1:{}", app.port));
    let service = Service::start(command, app.port);
    let end_session = url::Url::parse_with_params(
        &format!("{}/logout", server.issuer),
        [("client_id", CLIENT), ("post_logout_redirect_uri", &app.url("/goodbye"))],
    );
    let end_session = end_session.expect("the address of the end session endpoint");
    let sign_out = url::Url::parse_with_params(&app.url("/oauth2/sign_out"), [("rd", end_session.as_str())]);
    let sign_out = sign_out.expect("the address for signing out");
    app.check(&server, &service, Pages { page: "/", who: "/oauth2/userinfo", sign_out: sign_out.as_str() });
}

/// OIDC Core §3.1, OpenID Connect RP-Initiated Logout §2: Apache's module brings the ID token, so nobody is asked.
#[test]
fn mod_auth_openidc_signs_a_person_in_and_out() {
    let app = App::at("/app/callback");
    let server = app.server();
    let folder = open_folder();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("site")).expect("the folder of the site");
    fs::create_dir(path("site/app")).expect("the folder of the application");
    fs::write(path("site/goodbye"), "signed out\n").expect("the page after signing out");
    fs::write(path("site/app/index.html"), "<p>For <!--#echo var=\"REMOTE_USER\" --></p>\n").expect("the page");
    let file = fs::read_to_string(tests_folder().join("clients/mod_auth_openidc.conf")).expect("the configuration");
    let file = file
        .replace("@FOLDER@", &folder.path().display().to_string())
        .replace("@PORT@", &app.port.to_string())
        .replace("@ISSUER@", &server.issuer)
        .replace("@CLIENT@", CLIENT)
        .replace("@SECRET@", SECRET)
        .replace("@PASSPHRASE@", COOKIE_SECRET);
    fs::write(path("apache.conf"), file).expect("the adapted configuration");
    let mut command = Command::new("/usr/sbin/apache2");
    command.arg("-X").arg("-f").arg(path("apache.conf"));
    let service = Service::start(command, app.port);
    let sign_out = url::Url::parse_with_params(&app.url("/app/callback"), [("logout", app.url("/goodbye"))]);
    let sign_out = sign_out.expect("the address for signing out");
    let page = "/app/index.html";
    app.check(&server, &service, Pages { page, who: page, sign_out: sign_out.as_str() });
}

/// OIDC Core §3.1, OpenID Connect RP-Initiated Logout §2: Authlib's Flask client.
#[test]
fn a_flask_application_signs_a_person_in_and_out() {
    let app = App::at("/callback");
    let server = app.server();
    let mut command = Command::new(prepared("AUTHWARD_TEST_PYTHON"));
    command.arg("-B").arg(tests_folder().join("clients/python/relying_party.py"));
    let service = Service::start(app.told(command, &server), app.port);
    app.check(&server, &service, Pages { page: "/orders", who: "/orders", sign_out: &app.url("/sign-out") });
}

/// OIDC Core §3.1, OpenID Connect RP-Initiated Logout §2: Spring Security with properties, and its own page for signing out.
#[test]
fn a_spring_application_signs_a_person_in_and_out() {
    let app = App::at("/login/oauth2/code/authward");
    let server = app.server();
    let folder = prepared("AUTHWARD_TEST_JAVA");
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
    command.arg(format!("{0}/target/classes:{0}/lib/*", folder.display())).arg("shop.Shop");
    let service = Service::start(app.told(command, &server), app.port);
    app.check(&server, &service, Pages { page: "/orders", who: "/orders", sign_out: &app.url("/logout") });
}

/// An application at an address of its own.
struct App {
    port: u16,
    callback: String,
}

impl App {
    fn at(callback: &str) -> Self {
        let port = free_port();
        Self { port, callback: format!("http://127.0.0.1:{port}{callback}") }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A server that knows the application and one person.
    fn server(&self) -> Server {
        Server::with(&json!({
            "users": [{
                "username": USERNAME,
                "email": EMAIL,
                "email_verified": true,
                "password": PASSWORD,
                "claims": { "name": "Haneul Seo" },
            }],
            "clients": [self.client()],
        }))
    }

    fn client(&self) -> Value {
        json!({
            "client_id": CLIENT,
            "client_name": "Web application",
            "client_secret": SECRET,
            "token_endpoint_auth_method": "client_secret_basic",
            "redirect_uris": [self.callback],
            "post_logout_redirect_uris": [self.url("/goodbye")],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile email",
        })
    }

    /// What a program of ours around the software is told.
    fn told(&self, mut command: Command, server: &Server) -> Command {
        command
            .env("ISSUER", &server.issuer)
            .env("CLIENT_ID", CLIENT)
            .env("CLIENT_SECRET", SECRET)
            .env("COOKIE_SECRET", COOKIE_SECRET)
            .env("PORT", self.port.to_string())
            .env("GOODBYE", self.url("/goodbye"));
        command
    }

    /// A person signs in for a page, is told who they are, and signs out.
    #[track_caller]
    fn check(&self, server: &Server, service: &Service, Pages { page, who, sign_out }: Pages<'_>) {
        let outcome = Program::node("clients/relying_party.mjs")
            .env("ISSUER", &server.issuer)
            .env("USERNAME", USERNAME)
            .env("PASSWORD", PASSWORD)
            .env("PAGE", self.url(page))
            .env("WHO", self.url(who))
            .env("SHOWS", EMAIL)
            .env("SIGN_OUT", sign_out)
            .env("GOODBYE", self.url("/goodbye"))
            .run();
        server.assert_done(outcome.map_err(|failure| format!("{failure}\n--- the application\n{}", service.log())));
    }
}

/// Pages of an application.
struct Pages<'a> {
    /// A path that needs a sign-in.
    page: &'a str,
    /// A path that tells who is signed in.
    who: &'a str,
    /// The address that signs out.
    sign_out: &'a str,
}

/// A folder that others may read too: Apache does not serve as root.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its permissions");
    folder
}
