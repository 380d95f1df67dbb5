//! Every page in every language, from sample structs with the fields of the real ones. With `AUTHWARD_PAGES` set to a
//! directory, the rendered pages and their assets are written there, to be looked at in a browser.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Serialize;

use super::*;

#[test]
fn every_page_renders_in_every_locale() {
    let ui = Ui::new(None).unwrap();
    for locale in Locale::ALL {
        for (name, html) in every_sample(&ui, locale) {
            assert!(html.contains(&format!("<html lang=\"{}\">", locale.tag())), "{name}");
            assert!(!html.contains("none"), "{name} prints an absent value:\n{html}");
            let document = scraper::Html::parse_document(&html);
            assert_eq!(document.errors, Vec::<String>::new(), "{name}");
            assert_eq!(count(&document, "h1"), 1, "{name}");
            assert_eq!(count(&document, "main"), 1, "{name}");
            assert!(count(&document, "[autofocus]") <= 1, "{name}");
            assert_accessible(&name, &document);
            write_out(locale, &name, &html);
        }
    }
    write_out_assets(&ui);
}

#[test]
fn every_locale_has_the_same_keys_and_arguments() {
    let files = Sources::read(None).unwrap().locales;
    let english = words::arguments_of(files["en"].embedded);
    assert!(english["login-throttled"].contains("seconds") && english.len() > 100);
    for (locale, file) in &files {
        assert_eq!(words::arguments_of(file.embedded), english, "{locale}");
    }
}

#[test]
fn the_keys_that_other_rooms_name_exist() {
    let ui = Ui::new(None).unwrap();
    let cases = "request client redirect-uri expired csrf not-found method too-large busy throttled denied";
    for case in cases.split(' ') {
        assert!(ui.has_text(&format!("error-{case}")) && ui.has_text(&format!("error-{case}-title")), "{case}");
    }
    let keys = "error-title login-wrong login-throttled login-again login-busy signup-username-rule signup-username-taken \
                signup-email-rule signup-taken password-rule password-common password-mismatch password-like-name \
                password-wrong-current account-changed profile-saved profile-name-rule profile-locale-rule email-saved \
                email-taken sessions-ended-one sessions-ended-all sessions-gone apps-revoked apps-gone";
    for key in keys.split_ascii_whitespace() {
        assert!(ui.has_text(key), "{key}");
    }
}

#[test]
fn templates_hold_to_a_strict_content_security_policy() {
    for (name, source) in &Sources::read(None).unwrap().templates {
        for forbidden in ["<style", " style=", "javascript:", "http://", "https://", "|safe", "<base"] {
            assert!(!source.contains(forbidden), "{name} contains {forbidden:?}");
        }
        for (at, _) in source.match_indices(" on") {
            let attribute: String = source[at + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(!source[at + 1 + attribute.len()..].starts_with('='), "{name} contains {attribute}");
        }
        for (at, _) in source.match_indices("<script") {
            assert!(source[at..].starts_with("<script src=\"{{ frame.base_path }}{{ asset(\""), "{name}");
            assert!(source[at..].split_once('>').unwrap().1.starts_with("</script>"), "{name} has an inline script");
        }
    }
}

#[test]
fn stylesheets_and_pictures_load_nothing() {
    let ui = Ui::new(None).unwrap();
    // The comments of the library that draws plots name its site; the content security policy lets it load nothing.
    for (name, _, asset) in ui.assets.iter().filter(|(name, ..)| *name != "chart.js") {
        let text = String::from_utf8_lossy(&asset.bytes);
        let text = text.replace("http://www.w3.org/2000/svg", "");
        for forbidden in ["url(", "@import", "http://", "https://"] {
            assert!(!text.contains(forbidden), "{name} contains {forbidden:?}");
        }
    }
}

#[test]
fn an_asset_is_found_by_its_hashed_name_only() {
    let ui = Ui::new(None).unwrap();
    for (name, hashed, asset) in ui.assets.iter() {
        assert_eq!(ui.asset(hashed).unwrap().bytes, asset.bytes);
        assert_eq!(hashed.len(), name.len() + 17);
        assert!(ui.asset(name).is_none());
    }
    assert!(ui.asset("../locales/en.ftl").is_none());
}

#[test]
fn what_comes_from_outside_is_escaped_and_cannot_turn_the_reading_direction() {
    let ui = Ui::new(None).unwrap();
    let page = ConsentPage {
        client_name: Some("<script>alert(1)</script>\u{202e}x".into()),
        logo_uri: Some("javascript:alert(1)".into()),
        client_uri: Some("javascript:alert(1)".into()),
        policy_uri: Some("javascript:alert(1)".into()),
        interaction: Some("&'\">".into()),
        ..ConsentPage::sample()
    };
    let html = ui.render(&page, &frame(Locale::En)).unwrap();
    assert!(html.contains("&lt;script&gt;alert(1)") && !html.contains("<script>alert"));
    assert!(html.contains("action=\"/tenant/consent\"") && html.contains("value=\"&amp;&#39;&quot;&gt;\""));
    assert!(!html.contains('\u{202e}') && !html.contains("javascript:"));
}

#[test]
fn every_link_of_ours_begins_with_the_base_path() {
    let ui = Ui::new(None).unwrap();
    for (name, html) in every_sample(&ui, Locale::En) {
        let document = scraper::Html::parse_document(&html);
        for (selector, attribute) in [("a[href]", "href"), ("link[href]", "href"), ("script[src]", "src")] {
            for element in document.select(&scraper::Selector::parse(selector).unwrap()) {
                let target = element.attr(attribute).unwrap();
                let ours = target.starts_with("/tenant/") || target.starts_with('#');
                let clients = ["https://photos.example.com/", "https://b.example/"];
                assert!(ours || clients.iter().any(|client| target.starts_with(client)), "{name}: {target}");
            }
        }
    }
}

/// OpenID Connect Session Management §3.2
#[test]
fn the_frame_that_apps_ask_shows_nothing_and_names_its_cookie() {
    let ui = Ui::new(None).unwrap();
    let html = ui.render(&CheckSessionPage { cookie: "authward-browser-state" }, &frame(Locale::En)).unwrap();
    let document = scraper::Html::parse_document(&html);
    assert_eq!(document.errors, Vec::<String>::new());
    let body = document.select(&scraper::Selector::parse("body").unwrap()).next().unwrap();
    assert_eq!(body.attr("data-cookie"), Some("authward-browser-state"));
    assert_eq!(body.text().collect::<String>().trim(), "");
    assert!(html.contains("src=\"/tenant/assets/check-session."), "{html}");
}

#[test]
fn the_language_switch_returns_to_the_page() {
    let ui = Ui::new(None).unwrap();
    let html = ui.render(&LoggedOutPage {}, &frame(Locale::En)).unwrap();
    let document = scraper::Html::parse_document(&html);
    let link = document.select(&scraper::Selector::parse(".languages a").unwrap()).next().unwrap();
    assert_eq!(link.attr("href"), Some("/tenant/locale?tag=ko&return=%2Ftenant%2Flogin%3Fa%3Db%26c%3Dd"));
    assert_eq!(link.attr("lang"), Some("ko"));
}

#[test]
fn a_number_chooses_the_form_of_its_sentence() {
    let ui = Ui::new(None).unwrap();
    let page = |seconds| LoginPage {
        error: Some("login-throttled".into()),
        error_seconds: Some(seconds),
        ..LoginPage::sample()
    };
    let render = |seconds, locale| ui.render(&page(seconds), &frame(locale)).unwrap();
    assert!(render(1, Locale::En).contains("in one second."));
    assert!(render(2000, Locale::En).contains("in 2000 seconds."));
    assert!(render(30, Locale::Ko).contains("30초"));
}

#[test]
fn an_error_page_without_a_title_of_its_own_takes_the_one_of_its_message() {
    let ui = Ui::new(None).unwrap();
    let heading = |title: &str, message: &str| {
        let page = ErrorPage { title_key: title.into(), message_key: message.into(), ..ErrorPage::sample("expired") };
        let html = ui.render(&page, &frame(Locale::En)).unwrap();
        let document = scraper::Html::parse_document(&html);
        let selector = scraper::Selector::parse("h1").unwrap();
        document.select(&selector).next().unwrap().text().collect::<String>()
    };
    assert_eq!(heading("error-title", "error-expired"), "This sign-in is over");
    assert_eq!(heading("error-title", "no-such-message"), "This did not work");
    assert_eq!(heading("error-busy-title", "error-expired"), "Please try again in a moment");
}

#[test]
fn scopes_are_told_in_words() {
    let ui = Ui::new(None).unwrap();
    assert_eq!(ui.scope_words(Locale::Ko, "email"), "이메일 주소 보기");
    assert_eq!(ui.scope_words(Locale::En, "orders:read"), "Use the permission “orders:read”");
    assert_eq!(ui.scope_words(Locale::En, "other"), "Use the permission “other”");
}

#[test]
fn what_is_not_given_is_an_error_without_values() {
    #[derive(Serialize)]
    struct Incomplete {
        username: &'static str,
    }
    impl Page for Incomplete {
        const TEMPLATE: &'static str = "pages/password.html";
    }
    let error = Ui::new(None).unwrap().render(&Incomplete { username: "mallory" }, &frame(Locale::En)).unwrap_err();
    assert!(matches!(&error, UiError::Template { name, .. } if name == "pages/password.html"), "{error}");
    assert!(!format!("{error:?}").contains("mallory"));
}

#[test]
fn a_directory_replaces_pages_texts_and_assets() {
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), "pages/logged_out.html", "<p>{{ t(\"logged-out-title\") }} {{ asset(\"logo.png\") }}</p>");
    put(directory.path(), "locales/ko.ftl", "logged-out-title = 안녕히 가세요\n");
    put(directory.path(), "assets/logo.png", "picture");
    let ui = Ui::new(Some(directory.path())).unwrap();
    let html = ui.render(&LoggedOutPage {}, &frame(Locale::Ko)).unwrap();
    assert!(html.starts_with("<p>안녕히 가세요 /assets/logo."), "{html}");
    assert_eq!(ui.text(Locale::Ko, "login-title"), "로그인");
    assert_eq!(ui.asset(ui.assets.hashed_name("logo.png").unwrap()).unwrap().content_type, "image/png");
}

#[test]
fn a_broken_directory_is_refused_at_the_start() {
    for (name, content, expected) in [
        ("pages/login.html", "{% if %}", "template pages/login.html, line 1"),
        (
            "pages/login.html",
            "\n{{ t(\"no-such-key\") }}",
            "template pages/login.html, line 2: no text \"no-such-key\"",
        ),
        ("pages/login.html", "{{ asset(\"no.css\") }}", "no asset \"no.css\""),
        ("locales/ko.ftl", "login-title = { $", "locale ko: line 1"),
        ("locales/ko.ftl", "login-title = { $client }\n", "has no argument $client"),
        ("locales/fr.ftl", "login-title = Connexion\n", "not named after a locale"),
        ("assets/run.exe", "", "not served"),
        ("pages/login.txt", "", "ends in .html"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        put(directory.path(), name, content);
        let error = Ui::new(Some(directory.path())).err().expect(name).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let missing = tempfile::tempdir().unwrap().path().join("missing");
    assert!(Ui::new(Some(&missing)).is_err());
}

#[test]
fn the_demonstration_client_holds_to_a_strict_content_security_policy() {
    let ui = Ui::new(None).unwrap();
    let index = ui.demo("index.html").unwrap();
    assert_eq!(index.content_type, "text/html; charset=utf-8");
    let document = scraper::Html::parse_document(std::str::from_utf8(&index.bytes).unwrap());
    assert_eq!(document.errors, Vec::<String>::new());
    assert_eq!(count(&document, "style, [style], script:not([src]), [onclick]"), 0);
    for id in ["start", "status", "timeline", "access-token", "id-token", "refresh", "userinfo"] {
        assert_eq!(count(&document, &format!("#{id}")), 1, "{id}");
    }
    for (selector, attribute) in [("link[href]", "href"), ("script[src]", "src")] {
        for element in document.select(&scraper::Selector::parse(selector).unwrap()) {
            let file = element.attr(attribute).unwrap().strip_prefix("demo/").unwrap();
            assert!(ui.demo(file).is_some(), "{file}");
        }
    }
}

/// Labels, descriptions and unique ids: what a screen reader needs to find its way.
fn assert_accessible(name: &str, document: &scraper::Html) {
    let select = |selector: &str| scraper::Selector::parse(selector).unwrap();
    for input in document.select(&select("input:not([type=hidden]):not([aria-hidden])")) {
        let id = input.attr("id").unwrap();
        assert_eq!(count(document, &format!("label[for='{id}']")), 1, "{name}: {id} has no label");
        let fills_itself = input.attr("autocomplete").is_some_and(|value| value != "off");
        assert!(fills_itself || input.attr("type") == Some("date"), "{name}: {id}");
    }
    for element in document.select(&select("[aria-describedby], [aria-labelledby], [aria-controls]")) {
        for attribute in ["aria-describedby", "aria-labelledby", "aria-controls"] {
            for id in element.attr(attribute).unwrap_or_default().split_ascii_whitespace() {
                assert_eq!(count(document, &format!("[id='{id}']")), 1, "{name}: {attribute} names {id}");
            }
        }
    }
    for element in document.select(&select("[id]")) {
        let id = element.attr("id").unwrap();
        assert_eq!(count(document, &format!("[id='{id}']")), 1, "{name}: the id {id} stands twice");
    }
}

fn count(document: &scraper::Html, selector: &str) -> usize {
    document.select(&scraper::Selector::parse(selector).unwrap()).count()
}

fn put(directory: &Path, name: &str, content: &str) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn write_out(locale: Locale, name: &str, html: &str) {
    if let Some(directory) = std::env::var_os("AUTHWARD_PAGES") {
        put(Path::new(&directory), &format!("{}-{name}.html", locale.tag()), html);
    }
}

fn write_out_assets(ui: &Ui) {
    let Some(directory) = std::env::var_os("AUTHWARD_PAGES") else { return };
    let folder = Path::new(&directory).join("tenant/assets");
    fs::create_dir_all(&folder).unwrap();
    for (_, hashed, asset) in ui.assets.iter() {
        fs::write(folder.join(hashed), &asset.bytes).unwrap();
    }
}

fn frame(locale: Locale) -> Frame {
    Frame { locale, base_path: "/tenant".into(), signed_in: Some("alice".into()), here: "/tenant/login?a=b&c=d".into() }
}

fn every_sample(ui: &Ui, locale: Locale) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut add = |name: &str, html: Result<String, UiError>| match html {
        Ok(html) => pages.push((name.to_owned(), html)),
        Err(error) => panic!("{name}: {error}"),
    };
    let frame = frame(locale);
    let start = StartPage { signed_in: None, demo: true };
    add("start", ui.render(&start, &Frame { signed_in: None, ..frame.clone() }));
    add("start-signed-in", ui.render(&StartPage { signed_in: Some("alice".into()), demo: false }, &frame));
    add("login", ui.render(&LoginPage::sample(), &frame));
    add(
        "login-plain",
        ui.render(
            &LoginPage {
                client_name: None,
                client_host: None,
                cancel: false,
                interaction: None,
                back: Some("/tenant/admin/usage?period=7d"),
                ..LoginPage::sample()
            },
            &frame,
        ),
    );
    let wrong = LoginPage {
        error: Some("login-wrong".into()),
        username: "alice".into(),
        reference: Some("AW-7KQ2-M9XD".into()),
        ..LoginPage::sample()
    };
    add("login-wrong", ui.render(&wrong, &frame));
    let throttled = LoginPage {
        error: Some("login-throttled".into()),
        error_seconds: Some(30),
        username: "alice".into(),
        ..LoginPage::sample()
    };
    add("login-throttled", ui.render(&throttled, &frame));
    add(
        "login-again",
        ui.render(
            &LoginPage { error: Some("login-again".into()), username: "alice".into(), ..LoginPage::sample() },
            &frame,
        ),
    );
    add("signup", ui.render(&SignupPage::sample(&[]), &frame));
    let errors = [
        ("email", "signup-email-rule"),
        ("password", "password-common"),
        ("password_confirmation", "password-mismatch"),
    ];
    add("signup-errors", ui.render(&SignupPage::sample(&errors), &frame));
    add("signup-taken", ui.render(&SignupPage::sample(&[("form", "signup-taken")]), &frame));
    add("consent", ui.render(&ConsentPage::sample(), &frame));
    let native = ConsentPage {
        client_name: Some("Native app".into()),
        client_host: None,
        unverified: true,
        self_registered: true,
        client_uri: None,
        policy_uri: None,
        tos_uri: None,
        ..ConsentPage::sample()
    };
    add("consent-native", ui.render(&native, &frame));
    let long = ConsentPage {
        client_name: Some("Exceedingly Long Application Name Without Any End in Sight GmbH & Co. KG".into()),
        client_host: Some("a-very-long-host-name.of.some.department.of.a.large.organization.example.com".into()),
        username: "averylongusernamethatsomebodychosebecausesixtyfourareallowed12345",
        scopes: vec![Scope {
            name: "x",
            description: "https://api.example.com/auth/with.a.very.long.scope.name.as.large.vendors.like.them",
            new: true,
        }],
        ..ConsentPage::sample()
    };
    add("consent-long", ui.render(&long, &frame));
    add("account", ui.render(&AccountPage::sample(), &frame));
    let busy = AccountPage {
        name: None,
        email_verified: false,
        sessions: 3,
        apps: 2,
        is_admin: true,
        notice: Some("account-changed"),
        ..AccountPage::sample()
    };
    add("account-changed", ui.render(&busy, &frame));
    add("profile", ui.render(&ProfilePage::sample(&[]), &frame));
    let errors = [("name", "profile-name-rule"), ("locale", "profile-locale-rule")];
    add("profile-errors", ui.render(&ProfilePage::sample(&errors), &frame));
    add("email", ui.render(&EmailPage::sample(&[]), &frame));
    let errors = [("email", "email-taken"), ("current_password", "password-wrong-current")];
    add("email-errors", ui.render(&EmailPage::sample(&errors), &frame));
    let this = session_row(Some("Firefox"), Some("Linux"), 0);
    let other = session_row(Some("Safari"), Some("iPhone"), 3600);
    let strange = [session_row(None, Some("Windows"), 90_000), session_row(None, None, 900_000)];
    let all = [this.clone(), other.clone()].into_iter().chain(strange).collect();
    add(
        "sessions",
        ui.render(
            &SessionsPage { sessions: all, others: 3, pages: MIDDLE, notice: Some("sessions-ended-one") },
            &frame,
        ),
    );
    add(
        "sessions-alone",
        ui.render(&SessionsPage { sessions: vec![this], others: 0, pages: ONE_PAGE, notice: None }, &frame),
    );
    let end = |session, others, apps| EndPage {
        action: "/tenant/account/sessions/end",
        csrf: "token",
        session,
        sid: "sid",
        others,
        apps,
    };
    add("end-session", ui.render(&end(Some(other.clone()), 0, vec!["Photo Prints", "Native app"]), &frame));
    add("end-session-without-apps", ui.render(&end(Some(other), 0, vec![]), &frame));
    add("end-others", ui.render(&end(None, 2, vec![]), &frame));
    let apps = vec![app("Photo Prints", Some("photos.example.com")), app("Native app", None)];
    add("apps", ui.render(&AppsPage { apps: apps.clone(), pages: MIDDLE, notice: Some("apps-revoked") }, &frame));
    add("apps-none", ui.render(&AppsPage { apps: vec![], pages: ONE_PAGE, notice: None }, &frame));
    let revoke =
        RevokePage { action: "/tenant/account/apps/revoke", csrf: "token", client_id: "photo", app: apps[0].clone() };
    add("revoke-app", ui.render(&revoke, &frame));
    add("admin", ui.render(&AdminPage {}, &frame));
    add("usage", ui.render(&UsagePage::sample(false), &frame));
    add("usage-nothing", ui.render(&UsagePage::sample(true), &frame));
    add("password", ui.render(&PasswordPage::sample(&[]), &frame));
    let errors = [("current_password", "password-wrong-current"), ("password", "password-like-name")];
    add("password-errors", ui.render(&PasswordPage::sample(&errors), &frame));
    add(
        "logout",
        ui.render(
            &LogoutPage {
                action: "/tenant/logout",
                csrf: "token",
                username: "alice",
                client_name: Some("Photo Prints".into()),
                fields: vec![("state", "s")],
            },
            &frame,
        ),
    );
    let logging_out =
        LoggingOutPage { frames: vec!["https://a.example/out?iss=x&sid=y"], next: Some("https://b.example/") };
    add("logging-out", ui.render(&logging_out, &frame));
    add("logged-out", ui.render(&LoggedOutPage {}, &frame));
    for case in ["redirect-uri", "expired", "busy", "not-found"] {
        add(&format!("error-{case}"), ui.render(&ErrorPage::sample(case), &frame));
    }
    add("form-post", ui.render(&FormPostPage::sample(), &frame));
    pages
}

#[derive(Serialize)]
struct StartPage {
    signed_in: Option<String>,
    demo: bool,
}

impl Page for StartPage {
    const TEMPLATE: &'static str = "pages/start.html";
}

#[derive(Serialize)]
struct LoginPage {
    action: &'static str,
    csrf: &'static str,
    interaction: Option<String>,
    back: Option<&'static str>,
    client_name: Option<String>,
    client_host: Option<String>,
    username: String,
    error: Option<String>,
    error_seconds: Option<u64>,
    signup_href: &'static str,
    reference: Option<String>,
    cancel: bool,
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "pages/login.html";
}

impl LoginPage {
    fn sample() -> LoginPage {
        LoginPage {
            action: "/tenant/login",
            csrf: "token",
            interaction: Some("interaction".into()),
            back: None,
            client_name: Some("Photo Prints".into()),
            client_host: Some("photos.example.com".into()),
            username: String::new(),
            error: None,
            error_seconds: None,
            signup_href: "/tenant/signup?interaction=interaction",
            reference: None,
            cancel: true,
        }
    }
}

#[derive(Serialize)]
struct SignupPage {
    action: &'static str,
    csrf: &'static str,
    interaction: Option<String>,
    back: Option<&'static str>,
    client_name: Option<String>,
    username: &'static str,
    email: &'static str,
    errors: BTreeMap<&'static str, &'static str>,
    login_href: &'static str,
}

impl Page for SignupPage {
    const TEMPLATE: &'static str = "pages/signup.html";
}

impl SignupPage {
    fn sample(errors: &[(&'static str, &'static str)]) -> SignupPage {
        SignupPage {
            action: "/tenant/signup",
            csrf: "token",
            interaction: Some("interaction".into()),
            back: None,
            client_name: Some("Photo Prints".into()),
            username: if errors.is_empty() { "" } else { "alice" },
            email: if errors.is_empty() { "" } else { "alice@example" },
            errors: errors.iter().copied().collect(),
            login_href: "/tenant/login?interaction=interaction",
        }
    }
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    description: &'static str,
    new: bool,
}

#[derive(Serialize)]
struct ConsentPage {
    action: &'static str,
    csrf: &'static str,
    interaction: Option<String>,
    client_name: Option<String>,
    client_host: Option<String>,
    username: &'static str,
    scopes: Vec<Scope>,
    logo_uri: Option<String>,
    client_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    unverified: bool,
    self_registered: bool,
}

impl Page for ConsentPage {
    const TEMPLATE: &'static str = "pages/consent.html";
}

impl ConsentPage {
    fn sample() -> ConsentPage {
        let scope = |name, description, new| Scope { name, description, new };
        ConsentPage {
            action: "/tenant/consent",
            csrf: "token",
            interaction: Some("interaction".into()),
            client_name: Some("Photo Prints".into()),
            client_host: Some("photos.example.com".into()),
            username: "alice",
            scopes: vec![
                scope("openid", "scope-openid", false),
                scope("profile", "scope-profile", false),
                scope("email", "scope-email", true),
                scope("offline_access", "scope-offline_access", true),
                scope("orders:read", "See your orders", true),
            ],
            logo_uri: None,
            client_uri: Some("https://photos.example.com/".into()),
            policy_uri: Some("https://photos.example.com/privacy".into()),
            tos_uri: Some("https://photos.example.com/terms".into()),
            unverified: false,
            self_registered: false,
        }
    }
}

#[derive(Serialize)]
struct AccountPage {
    username: &'static str,
    name: Option<&'static str>,
    email: &'static str,
    email_verified: bool,
    sessions: i64,
    apps: usize,
    is_admin: bool,
    csrf: &'static str,
    logout_action: &'static str,
    notice: Option<&'static str>,
}

impl Page for AccountPage {
    const TEMPLATE: &'static str = "pages/account.html";
}

impl AccountPage {
    fn sample() -> AccountPage {
        AccountPage {
            username: "alice",
            name: Some("Alice Kim"),
            email: "alice@example.com",
            email_verified: true,
            sessions: 1,
            apps: 0,
            is_admin: false,
            csrf: "token",
            logout_action: "/tenant/logout",
            notice: None,
        }
    }
}

#[derive(Serialize)]
struct ProfilePage {
    action: &'static str,
    csrf: &'static str,
    username: &'static str,
    values: BTreeMap<&'static str, &'static str>,
    languages: Vec<BTreeMap<&'static str, &'static str>>,
    errors: BTreeMap<&'static str, &'static str>,
}

impl Page for ProfilePage {
    const TEMPLATE: &'static str = "pages/profile.html";
}

impl ProfilePage {
    fn sample(errors: &[(&'static str, &'static str)]) -> ProfilePage {
        ProfilePage {
            action: "/tenant/account/profile",
            csrf: "token",
            username: "alice",
            values: crate::domain::profile::OWN_CLAIMS.into_iter().map(|claim| (claim, "ko-KR")).collect(),
            languages: vec![BTreeMap::from([("tag", "ko-KR"), ("name", "한국어")])],
            errors: errors.iter().copied().collect(),
        }
    }
}

#[derive(Serialize)]
struct EmailPage {
    action: &'static str,
    csrf: &'static str,
    username: &'static str,
    email: &'static str,
    errors: BTreeMap<&'static str, &'static str>,
}

impl Page for EmailPage {
    const TEMPLATE: &'static str = "pages/email.html";
}

impl EmailPage {
    fn sample(errors: &[(&'static str, &'static str)]) -> EmailPage {
        let errors = errors.iter().copied().collect();
        EmailPage {
            action: "/tenant/account/email",
            csrf: "token",
            username: "alice",
            email: "alice@example.com",
            errors,
        }
    }
}

#[derive(Clone, Serialize)]
struct Pages {
    number: i64,
    count: i64,
    previous: Option<&'static str>,
    next: Option<&'static str>,
}

const ONE_PAGE: Pages = Pages { number: 1, count: 1, previous: None, next: None };
const MIDDLE: Pages =
    Pages { number: 2, count: 3, previous: Some("/tenant/account/x?page=1"), next: Some("/tenant/account/x?page=3") };

#[derive(Clone, Serialize)]
struct SessionRow {
    browser: Option<&'static str>,
    system: Option<&'static str>,
    network: Option<&'static str>,
    since: When,
    last_seen: When,
    is_current: bool,
    end_href: &'static str,
}

fn session_row(browser: Option<&'static str>, system: Option<&'static str>, ago: i64) -> SessionRow {
    SessionRow {
        browser,
        system,
        network: browser.map(|_| "203.0.113.x"),
        since: when(ago + 90_000),
        last_seen: when(ago),
        is_current: ago == 0,
        end_href: "/tenant/account/sessions/end?session=x",
    }
}

fn when(ago: i64) -> When {
    let now = crate::domain::time::Timestamp::from_seconds(1_800_000_000);
    When::of(crate::domain::time::Timestamp::from_seconds(now.seconds() - ago), now)
}

#[derive(Serialize)]
struct SessionsPage {
    sessions: Vec<SessionRow>,
    others: i64,
    pages: Pages,
    notice: Option<&'static str>,
}

impl Page for SessionsPage {
    const TEMPLATE: &'static str = "pages/sessions.html";
}

#[derive(Serialize)]
struct EndPage {
    action: &'static str,
    csrf: &'static str,
    session: Option<SessionRow>,
    sid: &'static str,
    others: i64,
    apps: Vec<&'static str>,
}

impl Page for EndPage {
    const TEMPLATE: &'static str = "pages/end_sessions.html";
}

#[derive(Clone, Serialize)]
struct App {
    name: &'static str,
    host: Option<&'static str>,
    scopes: Vec<&'static str>,
    since: When,
    last_used: When,
    open_href: Option<&'static str>,
    revoke_href: &'static str,
}

fn app(name: &'static str, host: Option<&'static str>) -> App {
    App {
        name,
        host,
        scopes: vec!["See your profile", "See your orders"],
        since: when(40 * 86_400),
        last_used: when(7200),
        open_href: host.map(|_| "https://photos.example.com/login?iss=https%3A%2F%2Fid.example.com"),
        revoke_href: "/tenant/account/apps/revoke?client=x",
    }
}

#[derive(Serialize)]
struct AppsPage {
    apps: Vec<App>,
    pages: Pages,
    notice: Option<&'static str>,
}

impl Page for AppsPage {
    const TEMPLATE: &'static str = "pages/apps.html";
}

#[derive(Serialize)]
struct RevokePage {
    action: &'static str,
    csrf: &'static str,
    client_id: &'static str,
    app: App,
}

impl Page for RevokePage {
    const TEMPLATE: &'static str = "pages/revoke_app.html";
}

#[derive(Serialize)]
struct AdminPage {}

impl Page for AdminPage {
    const TEMPLATE: &'static str = "pages/admin.html";
}

/// The usage page from JSON: its struct is long, and its fields are those of `admin/usage.rs`.
#[derive(Serialize)]
#[serde(transparent)]
struct UsagePage(serde_json::Value);

impl Page for UsagePage {
    const TEMPLATE: &'static str = "pages/usage.html";
}

impl UsagePage {
    fn sample(is_empty: bool) -> UsagePage {
        use serde_json::json;
        let choice = |name: &str, is_current: bool| json!({ "name": name, "href": "/tenant/admin/usage?x", "is_current": is_current });
        let value = |text: &str| json!({ "text": text, "key": null, "id": null });
        let made = |key: &str| json!({ "text": "", "key": key, "id": null });
        let figures = |trend: &str, change: &str| {
            json!({
                "requests": "12,345", "before": "9,876", "trend": trend, "change": change, "failed": "12",
                "failed_share": "0.1%", "mean": "2.4", "p95": "8.1",
            })
        };
        let line = |value: serde_json::Value, href: Option<&str>, trend: &str| json!({ "cells": [{ "value": value, "href": href }], "bar": 40, "figures": figures(trend, "+25.0%") });
        let named = json!({ "text": "Photo Prints", "key": null, "id": "photo-prints" });
        let lines = json!([
            line(named, Some("/tenant/admin/usage?client=photo-prints"), "up"),
            line(made("usage-unknown"), None, "new"),
        ]);
        let step = |label: &str| json!({ "label": label, "short": "08:00", "iso": "2027-01-15T08:00:00Z", "requests": [1234, 0], "written": ["1,234", "0"] });
        let views =
            ["client", "api", "client-api", "endpoint", "grant", "outcome"].map(|name| choice(name, name == "client"));
        let filters = json!([
            { "name": "source", "value": made("usage-source-server"), "href": "/tenant/admin/usage" },
            { "name": "api", "value": value("https://api.example.com"), "href": "/tenant/admin/usage" },
        ]);
        UsagePage(json!({
            "ranges": [choice("24h", true), choice("7d", false), choice("30d", false), choice("90d", false)],
            "views": views,
            "filters": if is_empty { json!([]) } else { filters },
            "kept": [["range", "days"], ["by", "client"]],
            "from": "2027-01-14", "to": "2027-01-15", "latest": "2027-01-15",
            "since": "2027-01-14 09:00", "until": "2027-01-15 08:30", "compared_since": "2027-01-13 09:00",
            "period": "hour",
            "total": figures("up", "+25.0%"),
            "heads": ["client"],
            "lines": if is_empty { json!([]) } else { lines },
            "series": { "heads": [value("Photo Prints"), made("usage-others")], "rows": [step("2027-01-15 07:00"), step("2027-01-15 08:00")] },
            "is_truncated": !is_empty,
            "most": 200,
            "table_href": "/tenant/admin/usage.csv?by=client",
            "series_href": "/tenant/admin/usage.csv?by=client&series=1",
            "is_range_wrong": is_empty,
        }))
    }
}

#[derive(Serialize)]
struct PasswordPage {
    action: &'static str,
    csrf: &'static str,
    username: &'static str,
    errors: BTreeMap<&'static str, &'static str>,
}

impl Page for PasswordPage {
    const TEMPLATE: &'static str = "pages/password.html";
}

impl PasswordPage {
    fn sample(errors: &[(&'static str, &'static str)]) -> PasswordPage {
        let errors = errors.iter().copied().collect();
        PasswordPage { action: "/tenant/account/password", csrf: "token", username: "alice", errors }
    }
}

#[derive(Serialize)]
struct LogoutPage {
    action: &'static str,
    csrf: &'static str,
    username: &'static str,
    client_name: Option<String>,
    fields: Vec<(&'static str, &'static str)>,
}

#[derive(Serialize)]
struct LoggingOutPage {
    frames: Vec<&'static str>,
    next: Option<&'static str>,
}

impl Page for LoggingOutPage {
    const TEMPLATE: &'static str = "pages/logging_out.html";
}

impl Page for LogoutPage {
    const TEMPLATE: &'static str = "pages/logout.html";
}

#[derive(Serialize)]
struct CheckSessionPage {
    cookie: &'static str,
}

impl Page for CheckSessionPage {
    const TEMPLATE: &'static str = "pages/check_session.html";
}

#[derive(Serialize)]
struct LoggedOutPage {}

impl Page for LoggedOutPage {
    const TEMPLATE: &'static str = "pages/logged_out.html";
}

#[derive(Serialize)]
struct ErrorPage {
    status: u16,
    title_key: String,
    message_key: String,
    reference: Option<String>,
    hint: Option<String>,
    back_href: Option<String>,
}

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "pages/error.html";
}

impl ErrorPage {
    fn sample(case: &str) -> ErrorPage {
        let ours = case != "redirect-uri";
        ErrorPage {
            status: if ours { 404 } else { 400 },
            title_key: format!("error-{case}-title"),
            message_key: format!("error-{case}"),
            reference: (!ours).then(|| "AW-7KQ2-M9XD".into()),
            hint: None,
            back_href: ours.then(|| "/tenant/".into()),
        }
    }
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    value: &'static str,
}

#[derive(Serialize)]
struct FormPostPage {
    action: &'static str,
    fields: Vec<Field>,
    client_name: Option<String>,
}

impl Page for FormPostPage {
    const TEMPLATE: &'static str = "pages/form_post.html";
}

impl FormPostPage {
    fn sample() -> FormPostPage {
        FormPostPage {
            action: "https://photos.example.com/callback",
            fields: vec![Field { name: "code", value: "a-code" }, Field { name: "state", value: "\"<state>&" }],
            client_name: Some("Photo Prints".into()),
        }
    }
}
