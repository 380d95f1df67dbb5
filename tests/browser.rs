//! The pages in Debian's Chromium: the first five minutes, every page in both languages, widths and colour schemes,
//! without JavaScript, in two tabs, from another site, and looking after an account. The steps are scripts in `tests/browser`.

mod support;

use serde_json::{Value, json};
use support::programs::{Program, target_folder};
use support::server::Server;

const PASSWORD: &str = "a tram stop under seven maples";

/// The variants of the tour: language, device and colour scheme. Each has a user of its own, who has not consented yet.
const VARIANTS: u8 = 8;

#[test]
fn a_newcomer_signs_up_and_finishes_the_demo_in_a_server_without_configuration() {
    let server = Server::unconfigured();
    run(&server, "browser/first_five_minutes.mjs");
}

/// WCAG 2.2 by axe-core; screenshots in `screenshots` of the build's target folder.
#[test]
fn every_page_is_sound_in_both_languages_widths_and_schemes() {
    let server = Server::with(&setup());
    run(&server, "browser/pages.mjs");
}

/// WCAG 2.2 by axe-core; the plot of the usage page is drawn within the content security policy.
#[test]
fn every_page_for_signed_in_people_is_sound_too() {
    let server = Server::with(&setup());
    run(&server, "browser/signed_in_pages.mjs");
}

#[test]
fn sign_up_and_consent_work_without_javascript() {
    let server = Server::with(&setup());
    run(&server, "browser/without_javascript.mjs");
}

#[test]
fn two_tabs_finish_a_flow_each() {
    let server = Server::with(&setup());
    run(&server, "browser/two_tabs.mjs");
}

/// OIDC Core §3.1.2.1: the request may be a POST, and a form on another site sends no cookie with it.
#[test]
fn an_authorization_request_posted_by_another_site_finishes() {
    let server = Server::with(&setup());
    run(&server, "browser/cross_site_post.mjs");
}

/// OWASP ASVS §3.3.4: ended from another browser, at once.
#[test]
fn people_end_sessions_and_cut_off_apps() {
    let server = Server::with(&setup());
    run(&server, "browser/account.mjs");
}

/// OpenID Connect Session Management §3: an app in another window hears of the end of a sign-in.
#[test]
fn an_app_watches_a_sign_in_from_a_frame() {
    let server = Server::with_settings(&setup(), &[("AUTHWARD__SESSIONS__SESSION_MANAGEMENT", "true")]);
    run(&server, "browser/session_management.mjs");
}

fn run(server: &Server, script: &str) {
    let program = Program::node(script)
        .env("ISSUER", &server.issuer)
        .env("PASSWORD", PASSWORD)
        .env("SCREENSHOTS", target_folder("screenshots"));
    server.assert_done(program.run());
}

/// Users `visitor0`, `visitor1` and so on, an administrator `keeper`, and a native app: any loopback port may be its listener.
fn setup() -> Value {
    let mut keeper = user(VARIANTS);
    keeper["username"] = "keeper".into();
    keeper["roles"] = json!(["admin"]);
    let users: Vec<Value> = (0..VARIANTS).map(user).chain([keeper]).collect();
    json!({
        "users": users,
        "clients": [{
            "client_id": "app",
            "client_name": "Harbour Timetable",
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": "openid profile email offline_access",
        }],
    })
}

fn user(number: u8) -> Value {
    json!({
        "username": format!("visitor{number}"),
        "email": format!("visitor{number}@example.com"),
        "email_verified": true,
        "password": PASSWORD,
        "claims": { "name": format!("Visitor {number}") },
    })
}
