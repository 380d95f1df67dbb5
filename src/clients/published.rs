//! What clients publish: their keys, request objects and sectors, fetched within bounds that keep a slow address from
//! holding up anybody else.
//!
//! Each purpose has permits of its own, and clients that anybody registers have theirs apart from all others. Of these
//! permits one client holds at most `MOST_OF_ONE`. Where none is free a fetch waits for `LONGEST_WAIT`. A fetch is
//! bounded in size and time, and whoever waits for one waits beside the HTTP workers. What may be reached is
//! `outbound`'s business, what an answer means the caller's.

use crate::domain::client::Client;
use crate::domain::secret::TokenHash;
use crate::outbound::{LazyFetcher, OutboundError};
use crate::sessions::line::Lines;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use url::Url;

/// How long a fetch may take.
const LONGEST_FETCH: Duration = Duration::from_secs(5);
/// How long a fetch waits for its permits: a burst passes in that time, and an address that hangs does not.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How long both may take together.
pub(super) const LONGEST: Duration = LONGEST_FETCH.saturating_add(LONGEST_WAIT);
/// The most fetches of one purpose at the same time, and as many for clients that anybody registers.
const MOST_FETCHES: usize = 64;
/// The most fetches of one purpose for one client at the same time.
const MOST_OF_ONE: u32 = 2;

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// `jwks_uri`
    Keys,
    /// `request_uri`
    RequestObject,
    /// `sector_identifier_uri`
    Sector,
}

/// What is fetched for whom. Only fetches of the same errand wait for each other.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'a> {
    /// What is fetched.
    pub purpose: Purpose,
    /// The client, or where there is none yet the network that registers one.
    pub of: &'a str,
    /// Whether anybody could have registered the client.
    pub is_open: bool,
}

impl<'a> Errand<'a> {
    /// For a registered client.
    pub fn of_client(purpose: Purpose, client: &'a Client) -> Self {
        Self { purpose, of: client.id.as_str(), is_open: client.is_openly_registered() }
    }
}

/// Why something that a client publishes could not be had. The words are for operators and the developer of the client:
/// they tell what names resolve to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// No permit was free in time. Says nothing about the address.
    #[error("too many are fetched at the same time")]
    Busy,
    /// It could not be reached, took too long, or answered with another status than 200.
    #[error("{0}")]
    Unanswered(String),
    /// It is not fetched from there, or what is there cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl PublishedError {
    /// Whether it ends by itself, without a change of what is registered or published.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::Unanswered(_))
    }
}

impl From<OutboundError> for PublishedError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Url(_) | OutboundError::Address(_) | OutboundError::TooLarge(_) => {
                Self::Unusable(error.to_string())
            }
            OutboundError::Unreachable(_) | OutboundError::Settings(_) => Self::Unanswered(error.to_string()),
        }
    }
}

/// Fetches what clients publish. Clones share the permits.
#[derive(Clone)]
pub struct Published(Arc<Inner>);

struct Inner {
    fetcher: LazyFetcher,
    keys: Pool,
    request_objects: Pool,
    sectors: Pool,
    /// The permits of each client.
    own: Lines,
}

/// The permits of one purpose.
struct Pool {
    registered: Semaphore,
    open: Semaphore,
}

impl Default for Pool {
    fn default() -> Self {
        Self { registered: Semaphore::new(MOST_FETCHES), open: Semaphore::new(MOST_FETCHES) }
    }
}

impl Published {
    /// Nothing is fetched yet.
    pub fn new(fetcher: LazyFetcher) -> Self {
        Self(Arc::new(Inner {
            fetcher,
            keys: Pool::default(),
            request_objects: Pool::default(),
            sectors: Pool::default(),
            own: Lines::default(),
        }))
    }

    /// What is published at an address, at most `most` bytes of it.
    ///
    /// # Errors
    /// [`PublishedError`].
    pub async fn fetch(&self, address: &str, most: usize, errand: Errand<'_>) -> Result<Vec<u8>, PublishedError> {
        let url = Url::parse(address).map_err(|_| PublishedError::Unusable("it is not a URL".to_owned()))?;
        let _permits = self.permits(errand).await?;
        let answer = async {
            let fetcher = self.0.fetcher.get().await?;
            fetcher.get(&url, most).await
        };
        let answer = tokio::time::timeout(LONGEST_FETCH, answer).await;
        let answer = answer.map_err(|_| PublishedError::Unanswered("it takes too long".to_owned()))??;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(PublishedError::Unanswered(format!("status {status}"))),
        }
    }

    /// First the client's own, so that what waits for them keeps none of those that all share.
    async fn permits(&self, errand: Errand<'_>) -> Result<(OwnedSemaphorePermit, SemaphorePermit<'_>), PublishedError> {
        let subject = TokenHash::of(&format!("{:?} {}", errand.purpose, errand.of));
        let own = self.0.own.line(subject, MOST_OF_ONE);
        let both = async {
            Ok::<_, tokio::sync::AcquireError>((own.acquire_owned().await?, self.pool(errand).acquire().await?))
        };
        let both = tokio::time::timeout(LONGEST_WAIT, both).await.map_err(|_| PublishedError::Busy)?;
        // Neither is ever closed.
        both.map_err(|_| PublishedError::Busy)
    }

    fn pool(&self, errand: Errand<'_>) -> &Semaphore {
        let pool = match errand.purpose {
            Purpose::Keys => &self.0.keys,
            Purpose::RequestObject => &self.0.request_objects,
            Purpose::Sector => &self.0.sectors,
        };
        if errand.is_open { &pool.open } else { &pool.registered }
    }
}
