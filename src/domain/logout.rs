//! Logout: which clients a session signed in to, and what they are still to be told of its end (OpenID Connect
//! Back-Channel Logout 1.0, OpenID Connect Front-Channel Logout 1.0).

use super::id::{ClientId, Sid, UserId};
use super::secret::TokenHash;
use super::time::{Lifetime, Timestamp};

/// What is waited after each attempt to reach a client before the next; after the last one it is given up. About seven
/// hours in all.
const PAUSES: [Lifetime; 8] = [
    Lifetime::seconds(5),
    Lifetime::seconds(30),
    Lifetime::minutes(2),
    Lifetime::minutes(10),
    Lifetime::minutes(20),
    Lifetime::hours(1),
    Lifetime::hours(2),
    Lifetime::hours(3),
];
/// How long a node that claimed a notice has for its attempt: longer than one may take.
pub const LEASE: Lifetime = Lifetime::minutes(1);
/// How long a notice is kept after it was given up, so that an operator sees it.
pub const GIVEN_UP_KEPT: Lifetime = Lifetime::days(7);
/// The longest account of what went wrong that is kept, in characters.
const LONGEST_PROBLEM: usize = 200;

/// A client that a session signed in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionClient {
    /// The client.
    pub client_id: ClientId,
    /// The `sid` that the client knows the session by. After another sign-in in the same browser it differs from the
    /// session's own.
    pub sid: Sid,
    /// Who signed in.
    pub user_id: UserId,
    /// Since when.
    pub created_at: Timestamp,
}

/// What a client is still to be told: a session that it knows has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Derived from client and `sid`: one end of a session is told once.
    pub id: TokenHash,
    /// Whom.
    pub client_id: ClientId,
    /// Whose session it was.
    pub user_id: UserId,
    /// What the client knows the session by.
    pub sid: Sid,
    /// Attempts that were begun.
    pub attempts: i64,
    /// When the next attempt is due; while one is under way, when its node has lost its claim.
    pub due_at: Timestamp,
    /// What went wrong at the last attempt, in words.
    pub problem: Option<String>,
    /// When it was given up.
    pub given_up_at: Option<Timestamp>,
    /// When the session ended.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

impl LogoutNotice {
    /// A notice of an end at `now`, due at once.
    pub fn new(of: &SessionClient, now: Timestamp) -> Self {
        // Identifiers hold no NUL, so no two pairs give the same text.
        let id = TokenHash::of(&format!("logout\0{}\0{}", of.client_id, of.sid));
        Self {
            id,
            client_id: of.client_id.clone(),
            user_id: of.user_id.clone(),
            sid: of.sid.clone(),
            attempts: 0,
            due_at: now,
            problem: None,
            given_up_at: None,
            created_at: now,
            expires_at: now.plus(longest()).plus(GIVEN_UP_KEPT),
        }
    }

    /// The same after an attempt that failed at `now`: due again later, or given up.
    #[must_use]
    pub fn failed(&self, problem: &str, now: Timestamp) -> Self {
        let problem = Some(problem.chars().take(LONGEST_PROBLEM).collect());
        let done = usize::try_from(self.attempts).unwrap_or(usize::MAX);
        match done.checked_sub(1).and_then(|last| PAUSES.get(last)) {
            Some(pause) => Self { problem, due_at: now.plus(*pause), ..self.clone() },
            None => Self { problem, given_up_at: Some(now), expires_at: now.plus(GIVEN_UP_KEPT), ..self.clone() },
        }
    }
}

/// The longest that a client may stay out of reach before it is given up, attempts not counted.
fn longest() -> Lifetime {
    Lifetime::seconds(PAUSES.iter().map(|pause| pause.as_seconds()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenID Connect Back-Channel Logout §2.5
    #[test]
    fn a_client_out_of_reach_is_tried_again_ever_later_and_a_bounded_number_of_times() {
        let of = SessionClient {
            client_id: ClientId::new("c"),
            sid: Sid::new("s"),
            user_id: UserId::new("u"),
            created_at: Timestamp::from_seconds(0),
        };
        let mut now = Timestamp::from_seconds(1000);
        let mut notice = LogoutNotice::new(&of, now);
        assert_eq!(notice.due_at, now, "at once");
        let mut waits = Vec::new();
        while notice.given_up_at.is_none() {
            notice = LogoutNotice { attempts: notice.attempts + 1, ..notice }.failed(&"x".repeat(1000), now);
            waits.push(notice.due_at.since(now));
            now = notice.due_at;
            assert!(notice.attempts < 100);
        }
        waits.pop();
        assert_eq!(waits.len(), PAUSES.len());
        assert!(waits.is_sorted() && waits[0] > 0, "{waits:?}");
        assert_eq!(notice.problem.as_ref().map(String::len), Some(LONGEST_PROBLEM));
        assert!(notice.expires_at.since(now) >= GIVEN_UP_KEPT.as_seconds());
    }
}
