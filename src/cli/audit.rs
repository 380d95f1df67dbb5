//! `authward audit`

use super::output::{self, Row};
use super::{Context, Failure, open};
use crate::domain::audit::{EventDocument, EventKind, Filter, StoredEvent};
use crate::domain::id::{ClientId, UserId};
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::user::LoginName;
use crate::store::{self, Store};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most events that are printed at once.
const MOST: usize = 100_000;

/// Show what was done, by whom, and when: sign-ins, refusals, consents, grants, revocations, changes of keys and clients.
///
/// The newest events are shown, the newest of them last. They are kept as long as audit.keep says.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Not before this time: 2027-06-30, or 2027-06-30T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Within this long before now: 30m, 24h, 7d.
    #[arg(long, value_name = "SPAN", value_parser = parse_span, conflicts_with_all = ["since", "until"])]
    last: Option<Lifetime>,
    /// Done by this subject, client or command ("client disable"), or by a kind of actor: user, client, operator, system, nobody.
    #[arg(long)]
    actor: Option<String>,
    /// About this client.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// About this user: user name, e-mail address or subject.
    #[arg(long)]
    user: Option<String>,
    /// Of this kind, such as sign_in_failed.
    #[arg(long, value_parser = parse_kind)]
    kind: Option<EventKind>,
    /// With this reference, or in the request with this id.
    #[arg(long)]
    reference: Option<String>,
    /// The most events to show, 1 to 100000.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// How the events are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON object a line.
    Json,
}

#[derive(Serialize)]
struct EventRow {
    event: EventDocument,
    username: Option<String>,
}

impl Row for EventRow {
    const HEADS: &'static [&'static str] = &["time", "event", "by", "client", "user", "detail", "reference"];

    fn cells(&self) -> Vec<String> {
        let event = &self.event;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let by = match (&event.actor, event.actor == event.user_id) {
            (Some(_), true) if self.username.is_some() => format!("user {}", text(&self.username)),
            (Some(actor), _) => format!("{} {actor}", event.actor_kind),
            (None, _) => event.actor_kind.to_owned(),
        };
        let user = self.username.clone().or_else(|| event.user_id.clone()).unwrap_or_default();
        let reference = event.reference.clone().or_else(|| event.request_id.clone());
        let detail = words(&event.detail);
        vec![event.time.clone(), event.kind.to_owned(), by, text(&event.client_id), user, detail, text(&reference)]
    }
}

impl Audit {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let store = open::existing_store(context).await?;
        let filter = self.filter(&store, context.now()).await?;
        let mut events = newest(&store, filter, self.limit as usize).await?;
        events.reverse();
        match self.format {
            Format::Json => events.into_iter().try_for_each(|event| json_line(EventDocument::from(event))),
            Format::Table => output::list(&rows(&store, events).await?, output::Format::Table),
        }
    }

    async fn filter(&self, store: &Store, now: Timestamp) -> Result<Filter, Failure> {
        Ok(Filter {
            since: self.last.map(|span| now.minus(span)).or(self.since),
            until: self.until,
            kind: self.kind,
            actor: self.actor.clone(),
            client_id: self.client.clone().map(ClientId::new),
            user_id: match &self.user {
                Some(name) => Some(find_user(store, name).await?),
                None => None,
            },
            reference: self.reference.as_ref().map(|text| reference(text)),
            before: None,
        })
    }
}

/// A reference as people write it, else the id of a request as it stands.
fn reference(text: &str) -> String {
    super::explain::parse_reference(text).map_or_else(|| text.trim().to_owned(), |known| known.to_string())
}

/// The newest events, newest first, page by page.
async fn newest(store: &Store, mut filter: Filter, limit: usize) -> Result<Vec<StoredEvent>, Failure> {
    let mut events: Vec<StoredEvent> = Vec::new();
    while events.len() < limit.min(MOST) {
        let wanted = i64::try_from(limit - events.len()).unwrap_or(i64::MAX).min(store::audit::LARGEST_PAGE);
        let asked = filter.clone();
        let page = store.read(move |db| store::audit::list(db, &asked, wanted)).await.map_err(Failure::work)?;
        let is_last = (page.len() as i64) < wanted;
        filter.before = page.last().map(StoredEvent::position);
        events.extend(page);
        if is_last {
            break;
        }
    }
    Ok(events)
}

/// The subject of a user: of one that is there by any of its names, of one that is gone by the subject alone.
async fn find_user(store: &Store, name: &str) -> Result<UserId, Failure> {
    if let Some(login) = LoginName::parse(name) {
        let found = store.read(move |db| store::users::find_by_login(db, &login)).await.map_err(Failure::work)?;
        if let Some(user) = found {
            return Ok(user.id);
        }
    }
    Ok(UserId::new(name))
}

/// Events with the user names of today.
async fn rows(store: &Store, events: Vec<StoredEvent>) -> Result<Vec<EventRow>, Failure> {
    let mut names: HashMap<UserId, Option<String>> = HashMap::new();
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let username = match event.event.user_id.clone() {
            None => None,
            Some(id) => match names.get(&id) {
                Some(known) => known.clone(),
                None => {
                    let wanted = id.clone();
                    let found = store.read(move |db| store::users::find(db, &wanted)).await.map_err(Failure::work)?;
                    let name = found.map(|user| user.username.as_str().to_owned());
                    names.insert(id, name.clone());
                    name
                }
            },
        };
        rows.push(EventRow { event: event.into(), username });
    }
    Ok(rows)
}

/// `scopes: openid email, why: …`
pub(super) fn words(detail: &Map<String, Value>) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    };
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let members = detail.iter().filter(|(_, member)| !is_empty(member));
    members.map(|(name, member)| format!("{name}: {}", value(member))).collect::<Vec<_>>().join(", ")
}

fn json_line(event: EventDocument) -> Result<(), Failure> {
    output::print(&(serde_json::to_string(&event).map_err(Failure::work)? + "\n"))
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "it is neither a day (2027-06-30) nor a time (2027-06-30T12:00:00Z)".to_owned())
}

fn parse_span(text: &str) -> Result<Lifetime, String> {
    let wrong = || "it is a number with a unit: 45s, 30m, 24h, 7d, 4w".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).filter(|span| *span > 0).map(Lifetime::seconds).ok_or_else(wrong)
}

fn parse_kind(text: &str) -> Result<EventKind, String> {
    EventKind::parse(text).ok_or_else(|| {
        let nearest = EventKind::ALL.iter().min_by_key(|kind| strsim::damerau_levenshtein(text, kind.as_str()));
        let all = EventKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        format!("the nearest is {}; they are {all}", nearest.map_or("", |kind| kind.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(parse_span("30m"), Ok(Lifetime::minutes(30)));
        assert_eq!(parse_span("7d"), Ok(Lifetime::days(7)));
        for bad in ["", "d", "7", "-1d", "0h", "1y", "7日", "9223372036854775807w"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_detail_is_told_in_words() {
        let detail = serde_json::json!({ "fields": ["scope", "client_name"], "none": [], "sessions": 2, "why": "x" });
        assert_eq!(words(detail.as_object().unwrap()), "fields: scope client_name, sessions: 2, why: x");
    }
}
