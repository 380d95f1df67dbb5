//! Telling clients that sessions have ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! Whoever ends a session writes what is to be told into the outbox, in the same transaction, and wakes this service; a
//! job does so every few seconds as well, for what commands and other nodes have written, and for what is due again.
//! Each attempt is claimed by one update, so no two nodes make it; a client out of reach is tried again, ever later,
//! and given up after a bounded number of attempts (`domain/logout.rs`), which the audit, the metrics and the admin API
//! tell.

use crate::clients::Clients;
use crate::clock::Clock;
use crate::domain::audit::{By, Event, EventKind};
use crate::domain::client::Client;
use crate::domain::id::ClientId;
use crate::domain::logout::{LEASE, LogoutNotice};
use crate::domain::secret::TokenHash;
use crate::domain::time::Timestamp;
use crate::entropy::Entropy;
use crate::keys::{Keys, KeysError};
use crate::outbound::{LazyFetcher, OutboundError};
use crate::settings::Settings;
use crate::store::{self, Db, Store, StoreError};
use crate::tokens::logout_token::{self, LogoutTokenClaims};
use crate::tokens::subject;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use url::Url;
use url::form_urlencoded::Serializer;

/// Attempts that are made at the same time.
const AT_ONCE: usize = 32;
/// Attempts to one client at the same time: who answers slowly has these and no more.
const AT_ONCE_TO_ONE: usize = 2;
/// Notices that are read at once, to fill what is free.
const ROWS: i64 = 64;
/// Attempts of one turn: a backlog is worked off in bounded turns.
const MOST_OF_A_TURN: usize = 6400;
/// For how many seconds a client that was out of reach is not asked again: less than a notice waits for its second
/// attempt.
const LOST_FOR: i64 = 4;
/// How often a turn that waits for answers looks for what is due since.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The most of a client's answer that is read.
const MOST_BYTES: usize = 16 * 1024;

/// Delivers what stands in the outbox. Clones share their state.
#[derive(Clone)]
pub struct Logouts(Arc<Inner>);

struct Inner {
    store: Store,
    keys: Keys,
    clients: Clients,
    clock: Clock,
    entropy: Entropy,
    settings: Arc<Settings>,
    fetcher: LazyFetcher,
    /// One turn at a time on a node.
    turn: Mutex<()>,
    woken: Notify,
    delivered: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
    waiting: AtomicI64,
}

/// What this node has counted since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Logout tokens that clients took.
    pub delivered: u64,
    /// Attempts that failed and are made again.
    pub failed: u64,
    /// Notices that were given up.
    pub given_up: u64,
    /// Notices that waited at the end of the last turn, whoever delivers them.
    pub waiting: i64,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("backchannel_logout_uri is no URL")]
    Address,
    #[error("the logout token could not be signed: {0}")]
    Keys(#[from] KeysError),
    #[error("{0}")]
    Outbound(#[from] OutboundError),
    #[error("the client answered with status {0}")]
    Status(u16),
    #[error("not sent: the client was out of reach a moment before")]
    Lost,
}

/// Whether a client was there.
enum Reach {
    Answers,
    OutOfReach,
}

/// The attempts that are under way.
#[derive(Default)]
struct Flight {
    attempts: JoinSet<(LogoutNotice, Result<Reach, StoreError>)>,
    notices: HashSet<TokenHash>,
    clients: HashMap<ClientId, usize>,
    /// Clients that could not be reached in this turn, and when.
    out_of_reach: HashMap<ClientId, Timestamp>,
}

impl Flight {
    /// Whether there is room for an attempt of this notice; then it is taken.
    fn takes(&mut self, notice: &LogoutNotice) -> bool {
        let to_it = self.clients.get(&notice.client_id).copied().unwrap_or(0);
        let is_free = to_it < AT_ONCE_TO_ONE && self.notices.insert(notice.id);
        if is_free {
            self.clients.insert(notice.client_id.clone(), to_it + 1);
        }
        is_free
    }

    fn ended(&mut self, notice: &LogoutNotice) {
        self.notices.remove(&notice.id);
        if let Some(to_it) = self.clients.get_mut(&notice.client_id) {
            *to_it -= 1;
            if *to_it == 0 {
                self.clients.remove(&notice.client_id);
            }
        }
    }

    /// Clients for which there is no room.
    fn full(&self) -> Vec<ClientId> {
        let full = self.clients.iter().filter(|(_, to_it)| **to_it >= AT_ONCE_TO_ONE);
        full.map(|(id, _)| id.clone()).collect()
    }
}

impl Logouts {
    /// Delivers from `store` through `fetcher`, with tokens signed by `keys`.
    pub fn new(
        (store, keys, clients): (Store, Keys, Clients),
        (clock, entropy, fetcher): (Clock, Entropy, LazyFetcher),
        settings: Arc<Settings>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            keys,
            clients,
            clock,
            entropy,
            fetcher,
            settings,
            turn: Mutex::default(),
            woken: Notify::new(),
            delivered: AtomicU64::default(),
            failed: AtomicU64::default(),
            given_up: AtomicU64::default(),
            waiting: AtomicI64::default(),
        }))
    }

    /// Says that something may stand in the outbox: the next turn begins at once.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// Waits for [`Logouts::wake`].
    pub async fn woken(&self) {
        self.0.woken.notified().await;
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        Counts {
            delivered: self.0.delivered.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
            given_up: self.0.given_up.load(Ordering::Relaxed),
            waiting: self.0.waiting.load(Ordering::Relaxed),
        }
    }

    /// One turn: everything that is due is attempted once. It ends early where the future is dropped; what was claimed
    /// then is due again after its lease. A client that answers slowly, or not at all, holds up its own notices alone.
    ///
    /// # Errors
    /// [`StoreError`]; what was delivered before it stays delivered.
    pub async fn deliver(&self) -> Result<(), StoreError> {
        let _turn = self.0.turn.lock().await;
        let mut flight = Flight::default();
        let mut begun = 0;
        let mut result = Ok(());
        loop {
            let may_begin = result.is_ok() && begun < MOST_OF_A_TURN;
            let started = if may_begin { self.begin(&mut flight).await } else { Ok(0) };
            match started {
                Ok(started) => begun += started,
                Err(error) => result = Err(error),
            }
            let joined = tokio::select! {
                joined = flight.attempts.join_next() => joined,
                // While some client keeps its connection waiting, others are told of what has ended since.
                () = self.0.woken.notified(), if may_begin => continue,
                () = tokio::time::sleep(LOOK_AGAIN), if may_begin => continue,
            };
            match joined {
                None => break,
                Some(Ok((notice, attempted))) => {
                    flight.ended(&notice);
                    match attempted {
                        Ok(Reach::Answers) => {}
                        Ok(Reach::OutOfReach) => drop(flight.out_of_reach.insert(notice.client_id, self.0.clock.now())),
                        Err(error) => result = Err(error),
                    }
                }
                Some(Err(error)) => result = Err(StoreError::Failed(error.to_string())),
            }
        }
        let (waiting, _) = self.0.store.read(store::logout_outbox::count).await?;
        self.0.waiting.store(waiting, Ordering::Relaxed);
        result
    }

    /// Begins what is due, as far as there is room; how many attempts.
    async fn begin(&self, flight: &mut Flight) -> Result<usize, StoreError> {
        let mut begun = 0;
        while flight.attempts.len() < AT_ONCE {
            let (now, full) = (self.0.clock.now(), flight.full());
            // Those under way may not be claimed yet.
            let due = self.0.store.read(move |db| store::logout_outbox::due(db, now, &full, ROWS)).await?;
            let mut has_new = false;
            for notice in due {
                if flight.attempts.len() < AT_ONCE && flight.takes(&notice) {
                    let is_lost =
                        flight.out_of_reach.get(&notice.client_id).is_some_and(|at| now.since(*at) < LOST_FOR);
                    let logouts = self.clone();
                    flight.attempts.spawn(async move {
                        let attempted = logouts.attempt(notice.clone(), is_lost).await;
                        (notice, attempted)
                    });
                    has_new = true;
                    begun += 1;
                }
            }
            if !has_new {
                break;
            }
        }
        Ok(begun)
    }

    /// One attempt, where no other node makes it. A client that is `lost` was out of reach a moment before and is not
    /// asked again: its attempt has failed.
    async fn attempt(&self, notice: LogoutNotice, is_lost: bool) -> Result<Reach, StoreError> {
        let now = self.0.clock.now();
        let claim = move |db: &mut Db| store::logout_outbox::claim(db, &notice, (now, now.plus(LEASE)));
        let Some(claimed) = self.0.store.write(claim).await? else { return Ok(Reach::Answers) };
        let client = self.0.clients.find(claimed.client_id.as_str()).await?;
        let wanted = client.as_ref().and_then(|client| Some((&**client, client.backchannel_logout_uri()?)));
        let Some(wanted) = wanted else {
            // The client was removed, or does not want to hear of it any more.
            self.0.store.write(move |db| store::logout_outbox::remove(db, &claimed)).await?;
            return Ok(Reach::Answers);
        };
        let sent = if is_lost { Err(Problem::Lost) } else { self.send(wanted, &claimed, now).await };
        match sent {
            Ok(()) => self.note_delivered(claimed).await.map(|()| Reach::Answers),
            Err(problem) => {
                self.note_failed(&claimed, &problem).await?;
                let is_out_of_reach = matches!(problem, Problem::Outbound(OutboundError::Unreachable(_)));
                Ok(if is_out_of_reach { Reach::OutOfReach } else { Reach::Answers })
            }
        }
    }

    async fn send(
        &self,
        (client, address): (&Client, &str),
        notice: &LogoutNotice,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let inner = &self.0;
        let address = Url::parse(address).map_err(|_| Problem::Address)?;
        let (keys, token_id) = (&inner.keys, inner.entropy.secret());
        let claims = LogoutTokenClaims {
            issuer: inner.settings.server.issuer.as_str(),
            subject: &subject::of(keys, client, &notice.user_id)?,
            client_id: client.id.as_str(),
            sid: &subject::sid(keys, client, &notice.sid)?,
            issued_at: now,
            token_id: token_id.reveal(),
        };
        let token = logout_token::mint(keys, client.id_token_signed_with(), &claims)?;
        let body = Serializer::new(String::new()).append_pair("logout_token", &token).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = inner.fetcher.get().await?.post(&address, &headers, body.into_bytes(), MOST_BYTES).await?;
        // §2.8: 200 where it succeeded; "some Web frameworks will substitute an HTTP 204".
        match answer.status {
            200..=299 => Ok(()),
            status => Err(Problem::Status(status)),
        }
    }

    async fn note_delivered(&self, notice: LogoutNotice) -> Result<(), StoreError> {
        let event = self.event(EventKind::LogoutDelivered, &notice);
        let write = move |db: &mut Db| {
            let is_ours = store::logout_outbox::remove(db, &notice)?;
            if is_ours {
                store::audit::insert(db, &event)?;
            }
            Ok(is_ours)
        };
        if self.0.store.write(write).await? {
            self.0.delivered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn note_failed(&self, notice: &LogoutNotice, problem: &Problem) -> Result<(), StoreError> {
        let problem = problem.to_string();
        tracing::warn!(
            client.id = notice.client_id.as_str(),
            attempts = notice.attempts,
            cause = problem,
            "a client could not be told of the end of a session"
        );
        let failed = notice.failed(&problem, self.0.clock.now());
        let is_given_up = failed.given_up_at.is_some();
        let event = self.event(EventKind::LogoutGivenUp, &failed).with("problem", problem);
        let write = move |db: &mut Db| {
            let is_ours = store::logout_outbox::postpone(db, &failed)?;
            if is_ours && is_given_up {
                store::audit::insert(db, &event)?;
            }
            Ok(is_ours)
        };
        if self.0.store.write(write).await? {
            let counter = if is_given_up { &self.0.given_up } else { &self.0.failed };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn event(&self, kind: EventKind, notice: &LogoutNotice) -> Event {
        Event::new(kind, &By::system(self.0.clock.now()))
            .client(&notice.client_id)
            .user(&notice.user_id)
            .with("sid", notice.sid.as_str())
            .with("attempts", notice.attempts)
    }
}
