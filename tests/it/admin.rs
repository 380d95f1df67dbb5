//! Pages for administrators: the door, and who calls what how often.

use crate::support::{Answer, Browser, PASSWORD, START, TestApp};
use authward::domain::id::ClientId;
use authward::domain::secret::TokenHash;
use authward::domain::time::{Lifetime, Timestamp};
use authward::domain::usage::{LATENCY_BUCKETS, Retention, Source, Tally, UsageBatch, UsageEntry, UsageKey};
use authward::store;

/// Every page under `/admin`.
const PAGES: [&str; 4] = ["/admin", "/admin/usage", "/admin/usage?range=7d&by=api", "/admin/usage.csv"];

/// A server whose user `root` is an administrator, and a browser in which they are signed in.
async fn house() -> (TestApp, Browser) {
    let app = TestApp::start().await;
    app.add_user("root").await;
    app.change_user("root", |user| user.roles = vec!["admin".to_owned()]).await;
    let browser = app.signed_in("root").await;
    (app, browser)
}

/// Adds requests of a client to an endpoint for an API, an hour that lies `hours` back.
async fn add(app: &TestApp, hours: i64, (client, resource): (&str, &str), (outcome, requests): (&str, u64)) {
    let mut latency = [0; LATENCY_BUCKETS];
    latency[1] = requests;
    let entry = UsageEntry {
        hour: Timestamp::from_seconds(START).minus(Lifetime::hours(hours)),
        key: UsageKey {
            source: if resource.is_empty() { Source::Server } else { Source::Resource },
            client: ClientId::new(client),
            endpoint: if resource.is_empty() { "POST /token" } else { "GET /orders" }.to_owned(),
            grant: String::new(),
            resource: resource.to_owned(),
            outcome: outcome.to_owned(),
        },
        tally: Tally { requests, duration_us: requests * 3000, latency },
    };
    let batch = UsageBatch {
        id: TokenHash::of(&format!("{hours} {client} {resource} {outcome} {requests}")),
        forgotten_at: app.now().plus(Lifetime::days(1)),
        retention: Retention { hours: Lifetime::days(14), days: Lifetime::days(400) },
        most_rows: 100_000,
        entries: vec![entry],
    };
    app.write(move |db| store::usage::add(db, &batch)).await;
}

/// The rows of the table by who called: first cell, then the figures.
fn table(page: &Answer) -> Vec<Vec<String>> {
    let html = scraper::Html::parse_document(&page.text());
    let select = |text: &str| scraper::Selector::parse(text).unwrap();
    let words = |cell: scraper::ElementRef<'_>| {
        cell.text().map(str::trim).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    };
    html.select(&select("section[aria-labelledby=table-title] tbody tr"))
        .map(|row| row.select(&select("th, td:not(.bar)")).map(words).collect())
        .collect()
}

/// OWASP ASVS §4.1.1, §4.1.3: denied unless allowed.
#[tokio::test]
async fn only_administrators_come_in() {
    let (app, root) = house().await;
    let alice = app.signed_in("alice").await;
    for page in PAGES {
        root.get(page).await.assert_status(200);
        let refused = alice.get(page).await;
        refused.assert_page(403);
        assert_eq!(app.rule_of(&refused).await, "AW-ADMIN-ONLY");
        assert!(refused.text().contains("This is not open to you"), "{refused:?}");
        let stranger = app.get(page).await;
        assert!(stranger.location().unwrap().starts_with("/login?return=%2Fadmin"), "{stranger:?}");
        // No other proof than a session counts.
        let tokens = app.relying_party("first-party").sign_in(&root, "root").await;
        let bearer = app.send(app.http.get(app.url(page)).bearer_auth(&tokens.access_token)).await;
        assert_eq!(bearer.status, 303, "{bearer:?}");
    }
    for near in ["/admin/", "/admin/nothing", "/Admin", "//admin", "/admin%2fusage", "/admin/usage/"] {
        assert_eq!(alice.get(near).await.status, 404, "{near}");
    }
    root.post("/admin/usage", &[("x", "y")]).await.assert_page(405);
}

/// OWASP ASVS §4.1.5: a role that was taken away, or an account that was disabled, opens nothing from then on.
#[tokio::test]
async fn a_role_counts_as_it_is_now() {
    let (app, root) = house().await;
    app.change_user("root", |user| user.roles = vec!["administrator".to_owned(), "Admin".to_owned()]).await;
    root.get("/admin/usage").await.assert_page(403);
    app.change_user("root", |user| user.roles = vec!["auditor".to_owned(), "admin".to_owned()]).await;
    root.get("/admin/usage").await.assert_page(200);
    let now = app.now();
    app.change_user("root", |user| user.disabled_at = Some(now)).await;
    assert_eq!(root.get("/admin/usage").await.status, 303);
}

#[tokio::test]
async fn an_administrator_who_signs_in_comes_back() {
    let (app, _) = house().await;
    let browser = app.browser();
    let asked = "/admin/usage?range=7d&by=client-api";
    let login = browser.open(asked).await;
    let answer = browser.submit(&login, &[("username", "root"), ("password", PASSWORD)]).await;
    assert_eq!(answer.location().as_deref(), Some(asked));
    browser.follow(answer).await.assert_page(200);
}

#[tokio::test]
async fn the_page_shows_the_figures_of_the_report_with_the_change() {
    let (app, root) = house().await;
    add(&app, 1, ("spa", ""), ("ok", 1200)).await;
    add(&app, 2, ("spa", ""), ("invalid_grant", 300)).await;
    add(&app, 2, ("unregistered", ""), ("ok", 40)).await;
    // The 24 hours before.
    add(&app, 25, ("spa", ""), ("ok", 1000)).await;
    let page = root.get("/admin/usage").await;
    page.assert_page(200);
    let rows = table(&page);
    let row = |name: &str| rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("{name}: {rows:?}")).clone();
    assert_eq!(row("Single page spa"), ["Single page spa", "1,500", "1,000", "+50.0%", "20.0%", "3.0", "4.8"]);
    assert_eq!(row("unregistered"), ["unregistered", "40", "0", "new", "0.0%", "3.0", "4.8"]);
    // The same numbers over time, hour by hour.
    assert_eq!(page.texts("#series tbody tr").len(), 24);
    let steps = page.texts("#series tbody th");
    assert_eq!((steps[0].as_str(), steps[23].as_str()), ("2027-01-14 09:00", "2027-01-15 08:00"));
    let column = page.texts("#series thead th").iter().position(|head| head == "Single page").unwrap();
    let cells = page.texts(&format!("#series tbody td:nth-child({})", column + 1));
    assert_eq!((cells[21].as_str(), cells[22].as_str(), cells[20].as_str()), ("300", "1,200", "0"));
}

#[tokio::test]
async fn what_is_held_fast_narrows_and_can_be_let_go() {
    let (app, root) = house().await;
    for (client, api, requests) in [
        ("spa", "https://orders.example", 70),
        ("spa", "https://bills.example", 20),
        ("backend", "https://orders.example", 10),
    ] {
        add(&app, 1, (client, api), ("2xx", requests)).await;
    }
    let rows = table(&root.get("/admin/usage?by=client-api&source=resource").await);
    let names: Vec<String> = rows.iter().map(|row| row[..3].join(" | ")).collect();
    assert_eq!(
        names,
        [
            "Single page spa | https://orders.example | 70",
            "Single page spa | https://bills.example | 20",
            "Backend backend | https://orders.example | 10",
        ]
    );
    let held = root.get("/admin/usage?by=client&api=https%3A%2F%2Forders.example").await;
    assert_eq!(table(&held).iter().map(|row| row[1].as_str()).collect::<Vec<_>>(), ["70", "10"]);
    assert!(held.texts(".held li")[0].contains("https://orders.example"));
    let html = scraper::Html::parse_document(&held.text());
    let free =
        html.select(&scraper::Selector::parse(".held a").unwrap()).next().unwrap().attr("href").unwrap().to_owned();
    assert_eq!(free, "/admin/usage?range=24h&by=client");
}

#[tokio::test]
async fn days_can_be_chosen_and_wrong_ones_are_told_of() {
    let (app, root) = house().await;
    add(&app, 80, ("spa", ""), ("ok", 5)).await;
    let page = root.get("/admin/usage?from=2027-01-12&to=2027-01-12").await;
    assert_eq!(table(&page)[0][..2], ["Single page spa", "5"]);
    let week = root.get("/admin/usage?range=7d").await;
    assert_eq!(week.texts("#series tbody tr").len(), 7);
    assert_eq!(table(&week)[0][..2], ["Single page spa", "5"].map(str::to_owned));
    for bad in ["from=2027-02-01", "from=x", "from=2027-01-12&to=2027-01-01", "from=2020-01-01&to=2027-01-01"] {
        let page = root.get(&format!("/admin/usage?{bad}")).await;
        page.assert_page(200);
        assert!(page.text().contains("This period cannot be shown"), "{bad}: {page:?}");
    }
    for odd in ["range=x", "by=x", "client=", &format!("client={}", "x".repeat(600)), "endpoint=%F0%9F%94%91"] {
        root.get(&format!("/admin/usage?{odd}")).await.assert_page(200);
    }
    root.get("/admin/usage?by=client&by=api").await.assert_page(400);
    root.get("/admin/usage?client=%00").await.assert_page(400);
    let empty = root.get("/admin/usage?from=2026-06-01&to=2026-06-02").await;
    assert!(empty.text().contains("Nothing was counted"), "{empty:?}");
}

/// What clients and APIs choose is text: on the page, in addresses, in a spreadsheet.
#[tokio::test]
async fn names_from_outside_are_text() {
    let (app, root) = house().await;
    let hostile = "=HYPERLINK(\"https://evil.example\")<script>alert(1)</script>&client=x";
    add(&app, 1, (hostile, ""), ("ok", 5000)).await;
    let page = root.get("/admin/usage").await;
    assert!(!page.text().contains("<script>alert") && !page.text().contains("\"https://evil"), "{page:?}");
    let html = scraper::Html::parse_document(&page.text());
    let link =
        html.select(&scraper::Selector::parse("tbody th a").unwrap()).next().unwrap().attr("href").unwrap().to_owned();
    let narrowed = root.get(&link).await;
    assert_eq!(table(&narrowed).len(), 1, "{link}");
    let file = root.get("/admin/usage.csv").await;
    file.assert_status(200).assert_no_store();
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert!(file.header("content-disposition").starts_with("attachment"), "{file:?}");
    assert!(file.text().lines().any(|line| line.starts_with("\"'=HYPERLINK(")), "{file:?}");
}

/// RFC 4180: the file has every line, the page the largest.
#[tokio::test]
async fn long_tables_are_cut_on_the_page_and_whole_in_the_file() {
    let (app, root) = house().await;
    let mut entries = Vec::new();
    for number in 0..205 {
        entries.push(UsageEntry {
            hour: Timestamp::from_seconds(START),
            key: UsageKey {
                source: Source::Server,
                client: ClientId::new(format!("client-{number:03}")),
                endpoint: "POST /token".to_owned(),
                grant: String::new(),
                resource: String::new(),
                outcome: "ok".to_owned(),
            },
            tally: Tally { requests: 1000 - number, ..Tally::default() },
        });
    }
    let batch = UsageBatch {
        id: TokenHash::of("many"),
        forgotten_at: app.now().plus(Lifetime::days(1)),
        retention: Retention { hours: Lifetime::days(14), days: Lifetime::days(400) },
        most_rows: 100_000,
        entries,
    };
    app.write(move |db| store::usage::add(db, &batch)).await;
    let page = root.get("/admin/usage?endpoint=POST+%2Ftoken").await;
    assert_eq!(table(&page).len(), 200);
    assert!(page.text().contains("Only the 200 largest"), "{page:?}");
    // Six lines and all others: together they are everything.
    let heads = page.texts("#series thead th");
    assert_eq!((heads.len(), heads[7].as_str()), (8, "All others"));
    let others: u64 = (6..205).map(|number| 1000 - number).sum();
    let last = page.texts("#series tbody tr:last-child td");
    assert_eq!(last[6].replace(',', ""), others.to_string());
    let file = root.get("/admin/usage.csv?endpoint=POST+%2Ftoken").await.text();
    assert_eq!(file.lines().count(), 206);
    let series = root.get("/admin/usage.csv?endpoint=POST+%2Ftoken&series=1").await.text();
    assert!(series.starts_with("time,client,") && series.contains("2027-01-15T08:00:00Z,client-000,1000,"), "{series}");
}

#[tokio::test]
async fn the_page_speaks_korean_too() {
    let (app, root) = house().await;
    add(&app, 1, ("unknown", ""), ("ok", 5)).await;
    root.get("/locale?tag=ko&return=/admin/usage").await;
    let page = root.get("/admin/usage").await;
    assert_eq!(page.texts("h1"), ["사용량"]);
    assert!(!page.text().contains("usage-"), "a key without words: {page:?}");
}
