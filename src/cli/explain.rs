//! `authward explain REFERENCE`

use super::output::{self, Format, time};
use super::{Context, Failure, open};
use crate::domain::audit::{EventDocument, Filter, StoredEvent};
use crate::domain::id::Reference;
use crate::domain::refusal::{
    CODE_REDIRECT_URI, REDIRECT_URI_MISMATCH, RefusalRecord, Rule, find_rule, first_difference,
};
use crate::store::{self, Db, StoreError};
use clap::Args;
use serde::Serialize;

/// The most events that are shown of one request.
const MOST_EVENTS: i64 = 50;

/// Say why a request was refused.
///
/// Prints the rule, what was sent, what was expected, their first difference, the section of the specification, and how
/// to mend it. Refusals are kept for 7 days.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The reference that the page or the answer showed, such as 7K2M-9QXT; case and dash do not matter.
    reference: String,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Explanation {
    reference: String,
    rule: String,
    meaning: String,
    error: String,
    section: String,
    endpoint: String,
    time: String,
    client: Option<String>,
    request: String,
    sent: String,
    expected: String,
    first_difference: Option<String>,
    mend: String,
    events: Vec<EventDocument>,
}

impl Explain {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let Some(reference) = parse_reference(&self.reference) else {
            return Err(Failure::Unusable("a reference has 8 digits and letters, such as 7K2M-9QXT".to_owned()));
        };
        let store = open::existing_store(context).await?;
        let wanted = reference.clone();
        let (record, events) = store.read(move |db| find(db, &wanted)).await.map_err(Failure::work)?;
        let Some(record) = record else { return Err(Failure::Work(unknown(&reference, &events))) };
        let explanation =
            Explanation { events: events.into_iter().map(EventDocument::from).collect(), ..explain(record) };
        match self.format {
            Format::Json => output::json(&explanation),
            Format::Table => output::fields(&explanation.fields()),
        }
    }
}

/// The refusal, and what is audited of its request, oldest first.
fn find(db: &mut Db, reference: &Reference) -> Result<(Option<RefusalRecord>, Vec<StoredEvent>), StoreError> {
    let record = store::refusals::find(db, reference)?;
    let mut asked = vec![reference.to_string()];
    asked.extend(record.as_ref().map(|record| record.request_id.clone()));
    let mut events = Vec::new();
    for reference in asked {
        let filter = Filter { reference: Some(reference), ..Filter::default() };
        events.extend(store::audit::list(db, &filter, MOST_EVENTS)?);
    }
    events.sort_by_key(|stored| (stored.event.by.at, stored.id));
    events.dedup_by_key(|stored| stored.id);
    Ok((record, events))
}

/// Events are kept for longer than the refusals that they tell of.
fn unknown(reference: &Reference, events: &[StoredEvent]) -> String {
    let told = events.iter().map(|stored| {
        let event = EventDocument::from(stored.clone());
        format!("\nthe audit has: {}", event_words(&event))
    });
    format!("no refusal {reference} is known; refusals are kept for 7 days{}", told.collect::<String>())
}

/// `2027-06-30T12:00:00Z sign_in_failed by nobody`
fn event_words(event: &EventDocument) -> String {
    let actor = event.actor.as_ref().map(|actor| format!(" {actor}")).unwrap_or_default();
    let detail = super::audit::words(&event.detail);
    format!("{} {} by {}{actor} {detail}", event.time, event.kind, event.actor_kind).trim_end().to_owned()
}

fn explain(record: RefusalRecord) -> Explanation {
    let rule = find_rule(&record.rule);
    let said = |part: fn(&Rule) -> &'static str| rule.map(part).unwrap_or_default().to_owned();
    Explanation {
        reference: record.reference.to_string(),
        meaning: said(|rule| rule.description),
        error: said(|rule| rule.code),
        section: said(|rule| rule.section),
        mend: said(|rule| rule.mend),
        first_difference: difference(&record),
        rule: record.rule,
        endpoint: record.endpoint,
        time: time(record.refused_at),
        client: record.client_id.map(|id| id.to_string()),
        request: record.request_id,
        sent: record.sent,
        expected: record.expected,
        events: Vec::new(),
    }
}

/// The first difference from the nearest of the values that were expected. Only values are compared: what was expected is
/// often said in words.
fn difference(record: &RefusalRecord) -> Option<String> {
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let may_be_several = [REDIRECT_URI_MISMATCH.id, CODE_REDIRECT_URI.id].contains(&record.rule.as_str());
    if !is_word(&record.sent) || !(may_be_several || is_word(&record.expected)) {
        return None;
    }
    let in_common = |text: &&str| text.chars().zip(record.sent.chars()).take_while(|(one, other)| one == other).count();
    let nearest = record.expected.split_whitespace().max_by_key(in_common)?;
    let difference = first_difference(&record.sent, nearest)?;
    Some(if nearest == record.expected { difference } else { format!("{difference}, compared with {nearest}") })
}

impl Explanation {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let events = self.events.iter().map(|event| ("Audit", event_words(event)));
        let fields = [
            ("Reference", self.reference.clone()),
            ("Rule", self.rule.clone()),
            ("Meaning", self.meaning.clone()),
            ("Error code", self.error.clone()),
            ("Section", self.section.clone()),
            ("Endpoint", self.endpoint.clone()),
            ("Time", self.time.clone()),
            ("Client", self.client.clone().unwrap_or_else(|| "not known".to_owned())),
            ("Request id", self.request.clone()),
            ("Sent", self.sent.clone()),
            ("Expected", self.expected.clone()),
            ("First difference", self.first_difference.clone().unwrap_or_default()),
            ("To mend it", self.mend.clone()),
        ];
        fields.into_iter().chain(events).collect()
    }
}

/// A reference as people write it: case, dash and spaces do not matter, and o, i and l are read as the digits that they
/// look like.
pub(super) fn parse_reference(text: &str) -> Option<Reference> {
    let digits: String = text
        .chars()
        .filter(|c| *c != '-' && !c.is_whitespace())
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect();
    let is_reference = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() && byte != b'U');
    is_reference.then(|| Reference::new(format!("{}-{}", &digits[..4], &digits[4..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::CLIENT_UNKNOWN;
    use crate::domain::time::Timestamp;

    #[test]
    fn a_reference_is_read_as_people_write_it() {
        for text in ["7K2M-9QX1", "7k2m9qx1", " 7k2m 9qxl ", "7K2M-9QXI"] {
            assert_eq!(parse_reference(text).unwrap().as_str(), "7K2M-9QX1", "{text}");
        }
        for bad in ["", "7K2M-9QX", "7K2M-9QXTT", "7K2M-9QX!", "7K2M-9QXé", "UUUU-UUUU"] {
            assert_eq!(parse_reference(bad), None, "{bad}");
        }
    }

    fn record(rule: &Rule, sent: &str, expected: &str) -> RefusalRecord {
        RefusalRecord {
            reference: Reference::new("7K2M-9QX1"),
            rule: rule.id.to_owned(),
            client_id: None,
            sent: sent.to_owned(),
            expected: expected.to_owned(),
            request_id: "0123456789abcdef".to_owned(),
            endpoint: "GET /authorize".to_owned(),
            refused_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(1),
        }
    }

    #[test]
    fn an_explanation_names_the_first_difference_and_how_to_mend_it() {
        let rule = &REDIRECT_URI_MISMATCH;
        let explanation = explain(record(rule, "https://a.example/cb/", "https://a.example/cb"));
        assert_eq!(explanation.first_difference.unwrap(), "at character 21: '/' was sent, the end was expected");
        assert_eq!((explanation.section.as_str(), explanation.mend.as_str()), (rule.section, rule.mend));
        let explanation = explain(record(rule, "https://b.example/cb", "https://a.example/cb https://b.example/c"));
        assert_eq!(
            explanation.first_difference.unwrap(),
            "at character 20: 'b' was sent, the end was expected, compared with https://b.example/c"
        );
    }

    #[test]
    fn words_are_not_compared_with_values() {
        let explanation = explain(record(&CLIENT_UNKNOWN, "client_id=nobody", "a registered client"));
        assert_eq!(explanation.first_difference, None);
    }
}
