//! What clients could not be told: ended sessions that they may not know of.

use super::Finding;
use crate::domain::logout::LogoutNotice;
use crate::store::{self, Store};
use std::collections::BTreeMap;

const AREA: &str = "logout";
/// How many notices are looked at.
const MOST: i64 = 1000;

/// Looks at the outbox.
pub(super) async fn look(store: Option<&Store>) -> Vec<Finding> {
    let Some(store) = store else { return Vec::new() };
    let Ok(notices) = store.read(|db| store::logout_outbox::page(db, None, MOST)).await else { return Vec::new() };
    judge(&notices)
}

fn judge(notices: &[LogoutNotice]) -> Vec<Finding> {
    let mut unreached: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for notice in notices.iter().filter(|notice| notice.given_up_at.is_some()) {
        let problem = notice.problem.as_deref().unwrap_or_default();
        let entry = unreached.entry(notice.client_id.as_str()).or_insert((0, problem));
        entry.0 += 1;
    }
    if unreached.is_empty() {
        return vec![Finding::ok(AREA, format!("{} notices of ended sessions wait for their clients", notices.len()))];
    }
    let finding = |(client, (count, problem)): (&str, (usize, &str))| {
        let what = format!("client {client} was not told of {count} ended sessions in the last 7 days ({problem})");
        let why = "People may still be signed in there although they signed out here.";
        let mend = "Check its backchannel_logout_uri, and outbound.allow_hosts where its address is not public.";
        Finding::warn(AREA, what, why, mend)
    };
    unreached.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ClientId, Sid, UserId};
    use crate::domain::logout::SessionClient;
    use crate::domain::time::Timestamp;

    #[test]
    fn a_client_that_was_given_up_is_named_and_one_that_waits_is_not() {
        let now = Timestamp::from_seconds(1000);
        let notice = |client: &str, sid: &str| {
            let of = SessionClient {
                client_id: ClientId::new(client),
                sid: Sid::new(sid),
                user_id: UserId::new("u"),
                created_at: now,
            };
            LogoutNotice::new(&of, now)
        };
        let given_up = |sid: &str| {
            let notice = LogoutNotice { attempts: 100, ..notice("gone", sid) };
            notice.failed("the client answered with status 500", now)
        };
        assert_eq!(judge(&[notice("slow", "1")])[0].what, "1 notices of ended sessions wait for their clients");
        let found = judge(&[notice("slow", "1"), given_up("2"), given_up("3")]);
        let whats: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(
            whats,
            ["client gone was not told of 2 ended sessions in the last 7 days (the client answered with status 500)"]
        );
    }
}
