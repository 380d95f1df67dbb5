//! What the settings alone tell. They are read and within their bounds; here they are seen together.

use super::Finding;
use crate::domain::time::Lifetime;
use crate::settings::{DatabaseKind, Settings};
use ipnet::IpNet;
use url::Url;

const AREA: &str = "configuration";
/// An access token cannot be called back from an API that validates by itself, so it lives an hour at most.
const LONGEST_ACCESS_TOKEN: Lifetime = Lifetime::hours(1);
/// The longest sign-in that goes without a password.
const LONGEST_REFRESH: Lifetime = Lifetime::days(400);
/// OWASP's parameters of argon2id, each as strong as the others: at so many iterations, at least so much memory in KiB.
const ARGON2: [(u32, u32); 5] = [(1, 47_104), (2, 19_456), (3, 12_288), (4, 9_216), (5, 7_168)];

/// Looks at the settings.
pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let looks: [fn(&Settings) -> Option<Finding>; 9] = [
        proxies_that_are_everybody,
        loopback_issuer_on_a_network,
        proxy_that_is_not_trusted,
        plain_http_on_a_network,
        wordy_log,
        weak_passwords,
        long_tokens,
        public_metrics,
        open_way_to_the_database,
    ];
    let found: Vec<Finding> = looks.iter().filter_map(|look| look(settings)).collect();
    if found.is_empty() { vec![Finding::ok(AREA, "it is read, and its parts fit")] } else { found }
}

fn proxies_that_are_everybody(settings: &Settings) -> Option<Finding> {
    let is_wide = |network: &&IpNet| match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 16,
    };
    let network = settings.server.trusted_proxies.iter().find(is_wide)?;
    let why = "Whoever connects from there may claim any address, so limits by source hold nobody back.";
    let mend = "Name the addresses of your proxies alone.";
    Some(Finding::fail(AREA, format!("server.trusted_proxies believes {network}"), why, mend))
}

fn loopback_issuer_on_a_network(settings: &Settings) -> Option<Finding> {
    let server = &settings.server;
    let open = server.bind.iter().find(|address| !address.ip().is_loopback())?;
    let why = "Clients on other machines are sent to themselves, and every cookie and token names a machine of one developer.";
    let what = format!("server.bind is {open}, but server.issuer is {}", server.issuer.as_str());
    let mend =
        "Set server.issuer to the https URL under which everybody reaches this server, or bind a loopback address.";
    server.issuer.is_loopback().then(|| Finding::fail(AREA, what, why, mend))
}

fn proxy_that_is_not_trusted(settings: &Settings) -> Option<Finding> {
    let server = &settings.server;
    let needs_proxy = server.issuer.is_https() && !server.issuer.is_loopback() && server.tls.is_none();
    let what = "server.issuer is https without server.tls, so a proxy ends TLS, but server.trusted_proxies is empty";
    let why = "Everybody seems to come from the proxy's address, so one who guesses passwords slows down all.";
    let mend = "Name the proxy's address in server.trusted_proxies.";
    (needs_proxy && server.trusted_proxies.is_empty()).then(|| Finding::warn(AREA, what, why, mend))
}

fn plain_http_on_a_network(settings: &Settings) -> Option<Finding> {
    let server = &settings.server;
    let open = server.bind.iter().find(|address| !address.ip().is_loopback())?;
    let is_plain = server.tls.is_none() && !server.issuer.is_loopback();
    let why =
        "Passwords and tokens can be read on the way from the proxy, and who reaches the port goes around the proxy.";
    let mend = "Bind a loopback address or a private network that only the proxy reaches, or set server.tls.";
    is_plain.then(|| Finding::warn(AREA, format!("{open} is served without TLS"), why, mend))
}

fn wordy_log(settings: &Settings) -> Option<Finding> {
    let filter = &settings.observability.log_filter;
    let is_wordy = ["trace", "debug"].iter().any(|level| filter.contains(level));
    let why = "It costs time at each request, and libraries may write what they are given.";
    let what = format!("observability.log_filter is {filter}");
    is_wordy.then(|| Finding::warn(AREA, what, why, "Set it to info when you have seen what you looked for."))
}

fn weak_passwords(settings: &Settings) -> Option<Finding> {
    let passwords = &settings.accounts.passwords;
    let is_enough =
        ARGON2.iter().any(|(iterations, memory)| passwords.iterations >= *iterations && passwords.memory >= *memory);
    let what = format!("accounts.passwords: {} KiB and {} iterations", passwords.memory, passwords.iterations);
    let why = "Passwords of a stolen database are guessed faster than OWASP's parameters of argon2id allow.";
    (!is_enough).then(|| Finding::warn(AREA, what, why, "Leave both at their defaults (19456 KiB, 2)."))
}

fn long_tokens(settings: &Settings) -> Option<Finding> {
    let tokens = &settings.tokens;
    let (key, lifetime) = if tokens.access_token_lifetime > LONGEST_ACCESS_TOKEN {
        ("tokens.access_token_lifetime", tokens.access_token_lifetime)
    } else if tokens.refresh_token_lifetime > LONGEST_REFRESH {
        ("tokens.refresh_token_lifetime", tokens.refresh_token_lifetime)
    } else {
        return None;
    };
    let why = "A token that leaked is good for as long; an API that validates offline does not learn of a revocation.";
    let what = format!("{key} is {} seconds", lifetime.as_seconds());
    Some(Finding::warn(AREA, what, why, "Shorten it, and give single clients a longer one where they need it."))
}

fn public_metrics(settings: &Settings) -> Option<Finding> {
    let address = settings.observability.metrics_bind?;
    let why = "Whoever reaches it reads how many sign in, fail and are refused, and by which client.";
    let what = format!("observability.metrics_bind is {address}");
    let mend = "Bind a loopback address, or see that only the collector reaches it.";
    (!address.ip().is_loopback()).then(|| Finding::warn(AREA, what, why, mend))
}

fn open_way_to_the_database(settings: &Settings) -> Option<Finding> {
    let database = &settings.database;
    let host = Url::parse(database.url.reveal()).ok()?.host_str()?.to_owned();
    let is_far = database.kind() == DatabaseKind::Postgres && !crate::domain::redirect_uri::is_loopback_host(&host);
    let why = "This build's PostgreSQL client speaks no TLS: whoever is on the way reads hashes and writes rows.";
    let mend = "Keep the way private: the same machine, a VPN, or a TLS tunnel such as stunnel on a loopback address.";
    is_far.then(|| Finding::warn(AREA, format!("the database is on {host}"), why, mend))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use crate::domain::issuer::Issuer;
    use crate::domain::secret::Secret;

    fn found(change: impl Fn(&mut Settings)) -> Vec<(Level, String)> {
        let mut settings = Settings::defaults();
        change(&mut settings);
        look(&settings).into_iter().map(|finding| (finding.level, finding.what)).collect()
    }

    #[test]
    fn what_nobody_has_configured_is_in_order() {
        assert_eq!(found(|_| ()), [(Level::Ok, "it is read, and its parts fit".to_owned())]);
    }

    #[test]
    fn settings_that_do_not_fit_are_found() {
        let https = |settings: &mut Settings| settings.server.issuer = Issuer::parse("https://id.example").unwrap();
        let everywhere = |settings: &mut Settings| settings.server.bind = vec!["0.0.0.0:8080".parse().unwrap()];
        let one = |level, what: &str| vec![(level, what.to_owned())];
        let trust = |settings: &mut Settings, network: &str| {
            settings.server.trusted_proxies = vec![network.parse().unwrap()];
        };
        assert_eq!(
            found(|settings| trust(settings, "0.0.0.0/0")),
            one(Level::Fail, "server.trusted_proxies believes 0.0.0.0/0")
        );
        assert_eq!(found(|settings| trust(settings, "::/0")), one(Level::Fail, "server.trusted_proxies believes ::/0"));
        assert_eq!(
            found(everywhere),
            one(Level::Fail, "server.bind is 0.0.0.0:8080, but server.issuer is http://127.0.0.1:8080")
        );
        assert_eq!(
            found(https),
            one(
                Level::Warn,
                "server.issuer is https without server.tls, so a proxy ends TLS, but server.trusted_proxies is empty"
            )
        );
        let proxied = |settings: &mut Settings| {
            https(settings);
            trust(settings, "127.0.0.1/32");
        };
        assert_eq!(found(proxied)[0].0, Level::Ok);
        assert_eq!(
            found(|settings| {
                proxied(settings);
                everywhere(settings);
            }),
            one(Level::Warn, "0.0.0.0:8080 is served without TLS")
        );
        assert_eq!(
            found(|settings| settings.observability.log_filter = "info,authward::store=debug".to_owned()),
            one(Level::Warn, "observability.log_filter is info,authward::store=debug")
        );
        assert_eq!(
            found(|settings| settings.accounts.passwords.memory = 7168),
            one(Level::Warn, "accounts.passwords: 7168 KiB and 2 iterations")
        );
        let five = |settings: &mut Settings| {
            settings.accounts.passwords.memory = 7168;
            settings.accounts.passwords.iterations = 5;
        };
        assert_eq!(found(five)[0].0, Level::Ok);
        assert_eq!(
            found(|settings| settings.tokens.access_token_lifetime = Lifetime::hours(2)),
            one(Level::Warn, "tokens.access_token_lifetime is 7200 seconds")
        );
        assert_eq!(
            found(|settings| settings.observability.metrics_bind = Some("0.0.0.0:9090".parse().unwrap())),
            one(Level::Warn, "observability.metrics_bind is 0.0.0.0:9090")
        );
        assert_eq!(
            found(|settings| settings.database.url = Secret::new("postgres://a:hunter2@db.example/a")),
            one(Level::Warn, "the database is on db.example")
        );
    }
}
