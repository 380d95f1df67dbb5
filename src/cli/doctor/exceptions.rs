//! What is weaker by exception: dated exceptions that end or have ended, and registration that is open.

use super::Finding;
use crate::cli::Context;
use crate::cli::output::time;
use crate::domain::client::Client;
use crate::domain::exception::Exception;
use crate::domain::registration::{POLICY, RegistrationMode, RegistrationPolicy};
use crate::domain::time::{Lifetime, Timestamp};
use crate::store::{self, Store};

const AREA: &str = "exceptions";
/// How long before its end an exception is worth a warning.
const SOON: Lifetime = Lifetime::days(30);

/// Looks at the exceptions of every client and of dynamic registration.
pub(super) async fn look(context: &Context, store: Option<&Store>) -> Vec<Finding> {
    let Some(store) = store else { return Vec::new() };
    let read = store.read(|db| Ok((store::clients::list(db)?, store::policies::find(db, POLICY)?))).await;
    let Ok((clients, policy)) = read else { return Vec::new() };
    let policy: Option<RegistrationPolicy> = policy.and_then(|policy| serde_json::from_str(&policy).ok());
    judge(&clients, policy.as_ref(), context.now())
}

fn judge(clients: &[Client], policy: Option<&RegistrationPolicy>, now: Timestamp) -> Vec<Finding> {
    let of_clients = clients
        .iter()
        // What clients that registered themselves were given is told once, of the policy.
        .filter(|client| client.disabled_at.is_none() && client.registration.is_none())
        .flat_map(|client| client.exceptions.iter().map(move |exception| (format!("client {}", client.id), exception)));
    let of_registration = policy
        .into_iter()
        .flat_map(|policy| policy.exceptions.iter().map(|exception| ("registration".to_owned(), exception)));
    let all: Vec<(String, &Exception)> = of_clients.chain(of_registration).collect();
    let mut findings: Vec<Finding> = all.iter().filter_map(|(owner, exception)| dated(owner, exception, now)).collect();
    findings.extend(policy.filter(|policy| policy.mode == RegistrationMode::Open).map(|_| {
        let why = "Anybody can register clients; people meet names and addresses that nobody has looked at.";
        let mend = "Use registration.mode token where clients are known, and apply the document.";
        Finding::warn("registration", "dynamic registration is open", why, mend)
    }));
    if findings.is_empty() {
        let count = all.len();
        findings.push(Finding::ok(AREA, format!("{count} in force, none that ends within 30 days")));
    }
    findings
}

fn dated(owner: &str, exception: &Exception, now: Timestamp) -> Option<Finding> {
    let name = format!("{owner}: {} ({}, {})", exception.allow.as_str(), exception.reason, exception.owner);
    let until = time(exception.until);
    if exception.until.is_past(now) {
        let why = "It allows nothing any more; what needed it is refused.";
        let mend = "Take it out of the document, or agree on a new date with its owner, and apply the document.";
        Some(Finding::warn(AREA, format!("{name} has ended at {until}"), why, mend))
    } else if exception.until.is_past(now.plus(SOON)) {
        let why = "From then on what needs it is refused.";
        let mend = "Mend the client before, or agree on a new date with its owner.";
        Some(Finding::warn(AREA, format!("{name} ends at {until}"), why, mend))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::metadata::{self, Origin, Rules};
    use crate::domain::id::ClientId;
    use serde_json::json;

    fn client(until: &str) -> Client {
        let document = json!({
            "token_endpoint_auth_method": "none", "grant_types": [],
            "exceptions": [{"allow": "no_pkce", "reason": "old firmware", "owner": "devices", "until": until}],
        });
        let rules = Rules {
            origin: Origin::Operator,
            longest_access_token_lifetime: Lifetime::hours(1),
            algorithms: vec![crate::domain::key::Algorithm::RS256],
            plain_http: Vec::new(),
            exceptions: Vec::new(),
            may_act_for_itself: true,
        };
        metadata::read(ClientId::new("c"), document.as_object().unwrap(), &rules).unwrap().client
    }

    #[test]
    fn an_exception_is_named_when_it_ends_soon_or_has_ended() {
        // 30 June 2027, 12:00 UTC
        let now = Timestamp::from_seconds(1_814_356_800);
        let what = |until: &str| judge(&[client(until)], None, now)[0].what.clone();
        assert_eq!(what("2027-06-29"), "client c: no_pkce (old firmware, devices) has ended at 2027-06-30T00:00:00Z");
        assert_eq!(what("2027-07-20"), "client c: no_pkce (old firmware, devices) ends at 2027-07-21T00:00:00Z");
        assert_eq!(what("2027-12-31"), "1 in force, none that ends within 30 days");
        let disabled = Client { disabled_at: Some(now), ..client("2027-06-29") };
        assert_eq!(judge(&[disabled], None, now)[0].what, "0 in force, none that ends within 30 days");
        let open = RegistrationPolicy {
            mode: RegistrationMode::Open,
            initial_access_tokens: Vec::new(),
            exceptions: client("2027-06-29").exceptions,
        };
        let found = judge(&[], Some(&open), now);
        assert!(found[0].what.starts_with("registration: no_pkce"), "{found:?}");
        assert_eq!(found[1].what, "dynamic registration is open");
    }
}
