//! `usage.*`: how calls are counted, how long the counts are kept, and what is worth a word.

use super::reader::{Reader, Table};
use crate::domain::secret::Secret;
use crate::domain::time::Lifetime;
use crate::domain::usage::{AlertCondition, AlertRule, Retention, UsageFilter};
use std::time::Duration;
use url::Url;

/// The most alert rules: each reads the rollups once a minute.
const MOST_ALERTS: usize = 50;
/// What a rule may say, in this order where it is explained.
const MEMBERS: [&str; 12] = [
    "name",
    "above",
    "below",
    "failed_share_above",
    "of_at_least",
    "window",
    "source",
    "client",
    "resource",
    "endpoint",
    "grant",
    "outcome",
];

/// `usage.*`
#[derive(Debug, Clone)]
pub struct Usage {
    /// How often a node adds what it counted to the database: the most that a crash loses.
    pub flush_every: Duration,
    /// How many combinations of client, endpoint, grant type, resource and outcome a node tells apart between two flushes.
    pub most_keys: usize,
    /// How long rollups are kept.
    pub retention: Retention,
    /// What is worth a line in the log and a call of the webhook.
    pub alerts: Vec<AlertRule>,
    /// Where alerts are sent to.
    pub webhook: Option<Url>,
    /// The key of the signature of what is sent there.
    pub webhook_secret: Option<Secret>,
}

impl Usage {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let usage = Self {
            flush_every: reader.duration("usage.flush_every", 1..=300),
            most_keys: reader.count("usage.most_keys", 16..=65_536),
            retention: Retention {
                hours: reader.lifetime("usage.hours_kept", 86_400..=31_536_000),
                days: reader.lifetime("usage.days_kept", 86_400..=315_360_000),
            },
            alerts: reader.tables("usage.alerts", MOST_ALERTS, parse_alert),
            webhook: reader.optional("usage.webhook", parse_webhook),
            webhook_secret: reader.optional("usage.webhook_secret", |text| {
                if text.len() >= 16 {
                    Ok(Secret::new(text))
                } else {
                    Err("it is shorter than 16 characters".to_owned())
                }
            }),
        };
        for (index, rule) in usage.alerts.iter().enumerate() {
            if usage.alerts[..index].iter().any(|other| other.name == rule.name) {
                reader.object("usage.alerts", format!("two rules are named {}", rule.name));
            }
        }
        if usage.webhook.is_some() && usage.webhook_secret.is_none() {
            reader.object("usage.webhook", "it needs usage.webhook_secret, which signs what is sent");
        }
        usage
    }
}

fn parse_webhook(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "it is not a URL".to_owned())?;
    if matches!(url.scheme(), "https" | "http")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
    {
        Ok(url)
    } else {
        Err("it is not an https URL without credentials".to_owned())
    }
}

/// One `[[usage.alerts]]`.
fn parse_alert(table: &Table) -> Result<AlertRule, String> {
    table.only(&MEMBERS)?;
    let name = table.text("name")?.ok_or("name is missing")?;
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_name {
        return Err("name is not 1 to 64 letters, digits, dots, dashes and underscores".to_owned());
    }
    let about = |what: String| format!("{name}: {what}");
    let window = table.number("window", 60..=604_800).map_err(about)?.unwrap_or(600);
    Ok(AlertRule {
        condition: condition(table).map_err(about)?,
        window: Lifetime::seconds(window),
        filter: UsageFilter {
            source: table.text("source").map_err(about)?,
            client: table.text("client").map_err(about)?,
            resource: table.text("resource").map_err(about)?,
            endpoint: table.text("endpoint").map_err(about)?,
            grant: table.text("grant").map_err(about)?,
            outcome: table.text("outcome").map_err(about)?,
        },
        name: name.clone(),
    })
}

fn condition(table: &Table) -> Result<AlertCondition, String> {
    const MOST: i64 = 1_000_000_000_000;
    let above = table.number("above", 0..=MOST)?.map(i64::unsigned_abs);
    let below = table.number("below", 1..=MOST)?.map(i64::unsigned_abs);
    let share = table.fraction("failed_share_above")?;
    let of_at_least = table.number("of_at_least", 1..=MOST)?.map(i64::unsigned_abs);
    match (above, below, share, of_at_least) {
        (Some(above), None, None, None) => Ok(AlertCondition::Above(above)),
        (None, Some(below), None, None) => Ok(AlertCondition::Below(below)),
        (None, None, Some(above), of_at_least) => {
            Ok(AlertCondition::FailedShare { above, of_at_least: of_at_least.unwrap_or(20) })
        }
        _ => Err("it needs one of above, below, failed_share_above (which alone may have of_at_least)".to_owned()),
    }
}
