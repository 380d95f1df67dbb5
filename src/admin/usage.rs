//! Who calls what how often, as a page: a plot over time, a table beside it, the change against the range before.
//!
//! Everything is in the tables of the page; the plot is drawn from them by a script and shows nothing more. The report is
//! the one of the command line (`usage::report`).

use super::{AdminError, finish_page};
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::usage::{Dimension, OTHER, Period, UNKNOWN, UsageFilter};
use crate::ui::Page;
use crate::usage::report::{self, Line, Question, Report};
use crate::web::answer::page;
use crate::web::extract::{Edge, Query, refuse_repeated};
use crate::web::forms::StrictForm;
use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::HashMap;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use url::form_urlencoded::Serializer;

/// The most lines of the table; a file has all of them.
const MOST_LINES: usize = 200;
/// The lines that have a part of their own in the plot.
const MOST_SERIES: usize = 6;
/// The longest range, in days.
const LONGEST_RANGE_DAYS: i64 = 366;
/// The longest value that is asked for.
const LONGEST_VALUE: usize = 512;

/// The ranges to choose from: their names, and how many hours or days they are.
const RANGES: [(&str, Period, i64); 4] =
    [("24h", Period::Hour, 24), ("7d", Period::Day, 7), ("30d", Period::Day, 30), ("90d", Period::Day, 90)];

/// What can be told apart: the names in the address.
const VIEWS: [(&str, &[Dimension]); 6] = [
    ("client", &[Dimension::Client]),
    ("api", &[Dimension::Resource]),
    ("client-api", &[Dimension::Client, Dimension::Resource]),
    ("endpoint", &[Dimension::Endpoint]),
    ("grant", &[Dimension::Grant]),
    ("outcome", &[Dimension::Outcome]),
];

/// What may be held fast: the names in the address.
const FILTERS: [(&str, Dimension); 6] = [
    ("source", Dimension::Source),
    ("client", Dimension::Client),
    ("api", Dimension::Resource),
    ("endpoint", Dimension::Endpoint),
    ("grant", Dimension::Grant),
    ("outcome", Dimension::Outcome),
];

#[derive(Serialize)]
struct UsagePage {
    ranges: Vec<Choice>,
    views: Vec<Choice>,
    filters: Vec<Filter>,
    /// Hidden fields of the form that asks for another range.
    kept: Vec<(&'static str, String)>,
    from: String,
    to: String,
    latest: String,
    /// First and last moment of the range, in words for every language: `2027-01-15 08:00`.
    since: String,
    until: String,
    compared_since: String,
    period: &'static str,
    total: Figures,
    heads: Vec<&'static str>,
    lines: Vec<Row>,
    series: Series,
    is_truncated: bool,
    most: usize,
    table_href: String,
    series_href: String,
    is_range_wrong: bool,
}

impl Page for UsagePage {
    const TEMPLATE: &'static str = "pages/usage.html";
}

/// A link to another view of the same.
#[derive(Serialize)]
struct Choice {
    name: &'static str,
    href: String,
    is_current: bool,
}

/// Something that is held fast, and the way to let go of it.
#[derive(Serialize)]
struct Filter {
    name: &'static str,
    value: Value,
    href: String,
}

/// The value of a dimension in words.
#[derive(Clone, Serialize)]
struct Value {
    text: String,
    /// The key of its words, where it is none of the values that come from outside.
    key: Option<&'static str>,
    /// The identifier, where the text is a name.
    id: Option<String>,
}

/// Figures, written out.
#[derive(Serialize)]
struct Figures {
    requests: String,
    before: String,
    /// `up`, `down`, `same`, `new` or `none`.
    trend: &'static str,
    change: String,
    failed: String,
    failed_share: String,
    mean: String,
    p95: String,
}

/// A line of the table.
#[derive(Serialize)]
struct Row {
    cells: Vec<Cell>,
    /// The share of the largest line, 0 to 100.
    bar: u64,
    figures: Figures,
}

#[derive(Serialize)]
struct Cell {
    value: Value,
    /// The same page with this value held fast.
    href: Option<String>,
}

/// The requests over time, by line.
#[derive(Serialize)]
struct Series {
    heads: Vec<Value>,
    rows: Vec<Step>,
}

/// An hour or a day.
#[derive(Serialize)]
struct Step {
    label: String,
    short: String,
    iso: String,
    requests: Vec<u64>,
    written: Vec<String>,
}

/// What is asked, as the address says it.
#[derive(Debug, Clone)]
struct Ask {
    range: Range,
    /// The name of one of [`VIEWS`].
    view: &'static str,
    /// Names of [`FILTERS`] with what is held fast.
    held: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    /// The name of one of [`RANGES`].
    Last(&'static str),
    /// Whole days, both included.
    Days(Date, Date),
}

/// `GET /admin/usage`
pub async fn get(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        refuse_repeated(&form)?;
        show(&edge, &form).await
    };
    finish_page(&edge, result.await)
}

/// `GET /admin/usage.csv`: the table as a file, or with `series=1` the requests over time.
pub async fn csv(edge: Edge, query: Query) -> HttpResponse {
    let result = async {
        let form = query.0?;
        refuse_repeated(&form)?;
        let (ask, _) = Ask::read(&form, edge.context.now);
        let mut question = ask.question(edge.context.now);
        question.most = report::MOST_LINES;
        if form.find("series").is_some() {
            question.by.insert(0, Dimension::Time);
        }
        let report = edge.usage.report(question).await?;
        Ok(HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
            .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"usage.csv\""))
            .body(report.csv()))
    };
    finish_page(&edge, result.await)
}

async fn show(edge: &Edge, form: &StrictForm) -> Result<HttpResponse, AdminError> {
    let now = edge.context.now;
    let (ask, is_range_wrong) = Ask::read(form, now);
    let report = edge.usage.report(ask.question(now)).await?;
    let names = Names::find(edge, &ask, &report).await?;
    let (here, file) = (edge.path("/admin/usage"), edge.path("/admin/usage.csv"));
    let (from, to) = ask.range.days(now);
    let page = UsagePage {
        ranges: RANGES.map(|(name, ..)| ask.choice(&here, name, Range::Last(name) == ask.range)).into(),
        views: VIEWS.map(|(name, _)| ask.with_view(name).choice(&here, name, name == ask.view)).into(),
        filters: ask.held.iter().map(|(name, value)| ask.filter(&here, name, value, &names)).collect(),
        kept: ask.kept(),
        from: written_day(from),
        to: written_day(to),
        latest: written_day(day_of(now)),
        since: written_minute(report.since),
        until: written_minute(report.until.min(now)),
        compared_since: written_minute(report.compared_since),
        period: report.period.as_str(),
        total: Figures::of(&report.total),
        heads: report.by.iter().map(|dimension| name_of(*dimension)).collect(),
        lines: rows(&ask, &here, &report, &names),
        series: series(edge, &ask, &report, &names).await?,
        is_truncated: report.is_truncated,
        most: MOST_LINES,
        table_href: ask.address(&file, &[]),
        series_href: ask.address(&file, &[("series", "1")]),
        is_range_wrong,
    };
    Ok(page::show(edge, &page))
}

impl Ask {
    /// Reads an address. What is not understood is as if it were not there; only a range that cannot be is told of.
    fn read(form: &StrictForm, now: Timestamp) -> (Self, bool) {
        let named = form.find("range");
        let asks_for_days = named == Some("days") || named.is_none() && form.find("from").is_some();
        let days = asks_for_days.then(|| Range::between(form.find("from"), form.find("to"), now));
        let last = RANGES.into_iter().map(|(name, ..)| name).find(|name| Some(*name) == named);
        let range = days.flatten().unwrap_or_else(|| Range::Last(last.unwrap_or(RANGES[0].0)));
        let view = VIEWS.into_iter().map(|(name, _)| name).find(|name| form.find("by") == Some(name));
        let held = |(name, _): (&'static str, Dimension)| {
            let value = form.find(name).filter(|value| value.len() <= LONGEST_VALUE)?;
            Some((name, value.to_owned()))
        };
        let held = FILTERS.into_iter().filter_map(held).collect();
        (Self { range, view: view.unwrap_or(VIEWS[0].0), held }, days == Some(None))
    }

    fn question(&self, now: Timestamp) -> Question {
        let (since, until, period) = self.range.ends(now);
        let by = VIEWS.into_iter().find(|(name, _)| *name == self.view).map_or(VIEWS[0].1, |(_, by)| by);
        let mut filter = UsageFilter::default();
        for (name, value) in &self.held {
            hold(&mut filter, dimension(name), value);
        }
        Question { since, until, period, by: by.to_vec(), filter, most: MOST_LINES }
    }

    /// The address of this with further parameters.
    fn address(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        match self.range {
            Range::Last(name) => query.append_pair("range", name),
            Range::Days(from, to) => query
                .append_pair("range", "days")
                .append_pair("from", &written_day(from))
                .append_pair("to", &written_day(to)),
        };
        query.append_pair("by", self.view);
        query.extend_pairs(self.held.iter().map(|(name, value)| (*name, value.as_str())));
        query.extend_pairs(more);
        format!("{path}?{}", query.finish())
    }

    fn with_view(&self, view: &'static str) -> Self {
        Self { view, ..self.clone() }
    }

    /// The choice of a range or of a view.
    fn choice(&self, here: &str, name: &'static str, is_current: bool) -> Choice {
        let chosen = if RANGES.iter().any(|(range, ..)| *range == name) {
            Self { range: Range::Last(name), ..self.clone() }
        } else {
            self.clone()
        };
        Choice { name, href: chosen.address(here, &[]), is_current }
    }

    fn filter(&self, here: &str, name: &'static str, value: &str, names: &Names) -> Filter {
        let mut without = self.clone();
        without.held.retain(|(held, _)| *held != name);
        Filter { name, value: names.words(dimension(name), value), href: without.address(here, &[]) }
    }

    /// The same with this value held fast; `None` where it is already, or cannot be.
    fn holding(&self, here: &str, dimension: Dimension, value: &str) -> Option<String> {
        let name = name_of(dimension);
        let is_held = self.held.iter().any(|(held, _)| *held == name);
        if is_held || value.is_empty() {
            return None;
        }
        let mut with = self.clone();
        with.held.push((name, value.to_owned()));
        Some(with.address(here, &[]))
    }

    fn kept(&self) -> Vec<(&'static str, String)> {
        [("range", "days".to_owned()), ("by", self.view.to_owned())].into_iter().chain(self.held.clone()).collect()
    }
}

impl Range {
    /// Whole days, as a form names them. `None` for what is no day, ends before it begins, begins in the future or is
    /// longer than a year.
    fn between(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Option<Self> {
        let day = |text: &str| Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
        let from = day(from?)?;
        let to = to.map_or_else(|| Some(day_of(now)), day)?;
        let is_sound =
            from <= to && from <= day_of(now) && (to - from).whole_days() < LONGEST_RANGE_DAYS && from.year() >= 2000;
        is_sound.then_some(Self::Days(from, to))
    }

    /// From, to before, and in which periods; `None`: as fits the length.
    fn ends(self, now: Timestamp) -> (Timestamp, Timestamp, Option<Period>) {
        match self {
            Self::Last(name) => {
                let (_, period, count) = RANGES.into_iter().find(|(range, ..)| *range == name).unwrap_or(RANGES[0]);
                let before = Lifetime::seconds(period.length().as_seconds() * (count - 1));
                (period.start_of(now).minus(before), period.start_of(now).plus(period.length()), Some(period))
            }
            Self::Days(from, to) => {
                let midnight = |day: Date| Timestamp::from_seconds(day.midnight().assume_utc().unix_timestamp());
                (midnight(from), midnight(to).plus(Lifetime::days(1)), None)
            }
        }
    }

    /// The first and the last day of it.
    fn days(self, now: Timestamp) -> (Date, Date) {
        match self {
            Self::Days(from, to) => (from, to),
            Self::Last(_) => (day_of(self.ends(now).0), day_of(now)),
        }
    }
}

/// The names of clients, which usage knows by their identifiers.
struct Names(HashMap<String, String>);

impl Names {
    async fn find(edge: &Edge, ask: &Ask, report: &Report) -> Result<Self, AdminError> {
        let of_lines = report.lines.iter().flat_map(|line| &line.values);
        let shown = of_lines.filter(|(dimension, _)| *dimension == Dimension::Client).map(|(_, id)| id);
        let held = ask.held.iter().filter(|(name, _)| *name == "client").map(|(_, id)| id);
        let mut names = HashMap::new();
        for id in shown.chain(held) {
            if names.contains_key(id) {
                continue;
            }
            if let Some(client) = edge.clients.find(id).await? {
                names.insert(id.clone(), client.display_name().to_owned());
            }
        }
        Ok(Self(names))
    }

    fn words(&self, dimension: Dimension, value: &str) -> Value {
        let key = match (dimension, value) {
            (Dimension::Source, "server") => Some("usage-source-server"),
            (Dimension::Source, "resource") => Some("usage-source-resource"),
            (_, UNKNOWN) => Some("usage-unknown"),
            (_, OTHER) => Some("usage-other"),
            (Dimension::Grant, "") => Some("usage-no-grant"),
            (_, "") => Some("usage-no-api"),
            _ => None,
        };
        let name = self.0.get(value).filter(|name| dimension == Dimension::Client && *name != value);
        match name {
            Some(name) => Value { text: name.clone(), key: None, id: Some(value.to_owned()) },
            None => Value { text: value.to_owned(), key, id: None },
        }
    }
}

fn rows(ask: &Ask, here: &str, report: &Report, names: &Names) -> Vec<Row> {
    let largest = report.lines.iter().map(|line| line.tally.requests).max().unwrap_or(0).max(1);
    let cell = |(dimension, value): &(Dimension, String)| Cell {
        value: names.words(*dimension, value),
        href: ask.holding(here, *dimension, value),
    };
    let row = |line: &Line| Row {
        cells: line.values.iter().map(cell).collect(),
        bar: line.tally.requests.saturating_mul(100) / largest,
        figures: Figures::of(line),
    };
    report.lines.iter().map(row).collect()
}

impl Figures {
    fn of(line: &Line) -> Self {
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        let milliseconds = |value: Option<f64>| match value {
            None => "–".to_owned(),
            Some(value) if value < 10.0 => format!("{value:.1}"),
            Some(value) => format!("{value:.0}"),
        };
        let requests = line.tally.requests;
        let (trend, change) = match (line.before, line.change()) {
            (Some(before), Some(change)) => {
                let trend = match requests.cmp(&before) {
                    Ordering::Less => "down",
                    Ordering::Equal => "same",
                    Ordering::Greater => "up",
                };
                (trend, format!("{:+.1}%", change * 100.0).replace('-', "−"))
            }
            (Some(0), None) if requests > 0 => ("new", String::new()),
            _ => ("none", "–".to_owned()),
        };
        Self {
            requests: grouped(requests),
            before: line.before.map_or_else(|| "–".to_owned(), grouped),
            trend,
            change,
            failed: grouped(line.failed),
            failed_share: line.failed_share().map_or_else(|| "–".to_owned(), percent),
            mean: milliseconds(line.tally.mean_ms()),
            p95: milliseconds(line.tally.quantile_ms(0.95)),
        }
    }
}

/// The requests of the largest lines over time, and of all others together.
async fn series(edge: &Edge, ask: &Ask, report: &Report, names: &Names) -> Result<Series, AdminError> {
    let now = edge.context.now;
    let shown: Vec<&Line> = report.lines.iter().filter(|line| line.tally.requests > 0).take(MOST_SERIES).collect();
    let over_time = |filter: UsageFilter| {
        let question = Question {
            by: vec![Dimension::Time],
            filter,
            most: report::MOST_LINES,
            period: Some(report.period),
            ..ask.question(now)
        };
        edge.usage.report(question)
    };
    let starts = starts(report);
    let whole = by_start(&over_time(ask.question(now).filter).await?);
    let mut columns = Vec::with_capacity(shown.len());
    let mut heads = Vec::with_capacity(shown.len() + 1);
    for line in shown {
        let mut filter = ask.question(now).filter;
        for (dimension, value) in &line.values {
            hold(&mut filter, *dimension, value);
        }
        columns.push(by_start(&over_time(filter).await?));
        heads.push(joined(line, names));
    }
    let has_others = report.lines.iter().filter(|line| line.tally.requests > 0).count() > columns.len();
    if has_others {
        heads.push(Value { text: String::new(), key: Some("usage-others"), id: None });
    }
    let step = |at: &Timestamp| {
        let iso = moment(*at).format(&Rfc3339).unwrap_or_default();
        let count = |column: &HashMap<String, u64>| column.get(&iso).copied().unwrap_or(0);
        let mut requests: Vec<u64> = columns.iter().map(count).collect();
        if has_others {
            requests.push(count(&whole).saturating_sub(requests.iter().sum()));
        }
        Step {
            label: if report.period == Period::Hour { written_minute(*at) } else { written_day(day_of(*at)) },
            short: short(*at, report.period),
            written: requests.iter().map(|count| grouped(*count)).collect(),
            requests,
            iso,
        }
    };
    Ok(Series { rows: starts.iter().map(step).collect(), heads })
}

/// Every start of a period in the range, also of those in which nothing was.
fn starts(report: &Report) -> Vec<Timestamp> {
    let mut starts = Vec::new();
    let mut at = report.since;
    while at < report.until && starts.len() < report::MOST_LINES {
        starts.push(at);
        at = at.plus(report.period.length());
    }
    starts
}

fn by_start(report: &Report) -> HashMap<String, u64> {
    let of = |line: &Line| Some((line.values.first()?.1.clone(), line.tally.requests));
    report.lines.iter().filter_map(of).collect()
}

/// The values of a line as one name.
fn joined(line: &Line, names: &Names) -> Value {
    let mut values = line.values.iter().map(|(dimension, value)| names.words(*dimension, value));
    match (values.next(), values.next()) {
        (Some(one), None) => Value { id: None, ..one },
        (Some(one), Some(two)) if one.key.is_none() && two.key.is_none() => {
            Value { text: format!("{} → {}", one.text, two.text), key: None, id: None }
        }
        (Some(one), _) => Value { id: None, ..one },
        (None, _) => Value { text: String::new(), key: None, id: None },
    }
}

fn hold(filter: &mut UsageFilter, dimension: Dimension, value: &str) {
    let place = match dimension {
        Dimension::Time => return,
        Dimension::Source => &mut filter.source,
        Dimension::Client => &mut filter.client,
        Dimension::Resource => &mut filter.resource,
        Dimension::Endpoint => &mut filter.endpoint,
        Dimension::Grant => &mut filter.grant,
        Dimension::Outcome => &mut filter.outcome,
    };
    *place = Some(value.to_owned());
}

fn dimension(name: &str) -> Dimension {
    FILTERS.into_iter().find(|(known, _)| *known == name).map_or(Dimension::Client, |(_, dimension)| dimension)
}

fn name_of(dimension: Dimension) -> &'static str {
    FILTERS.into_iter().find(|(_, known)| *known == dimension).map_or("time", |(name, _)| name)
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn day_of(at: Timestamp) -> Date {
    moment(at).date()
}

fn written_day(day: Date) -> String {
    day.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

fn written_minute(at: Timestamp) -> String {
    moment(at).format(format_description!("[year]-[month]-[day] [hour]:[minute]")).unwrap_or_default()
}

/// What stands below a bar.
fn short(at: Timestamp, period: Period) -> String {
    let written = match period {
        Period::Hour => moment(at).format(format_description!("[hour]:[minute]")),
        Period::Day => moment(at).format(format_description!("[month]-[day]")),
    };
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 15 January 2027, 08:30:00 UTC.
    const NOW: Timestamp = Timestamp::from_seconds(1_800_001_800);

    fn ask(query: &str) -> (Ask, bool) {
        Ask::read(&StrictForm::parse(query.as_bytes()).unwrap(), NOW)
    }

    #[test]
    fn a_range_is_of_whole_hours_or_days_and_ends_with_the_current_one() {
        let ends = |query: &str| {
            let (since, until, period) = ask(query).0.range.ends(NOW);
            (written_minute(since), written_minute(until), period)
        };
        let of = |since: &str, until: &str, period| (since.to_owned(), until.to_owned(), period);
        assert_eq!(ends(""), of("2027-01-14 09:00", "2027-01-15 09:00", Some(Period::Hour)));
        assert_eq!(ends("range=7d"), of("2027-01-09 00:00", "2027-01-16 00:00", Some(Period::Day)));
        assert_eq!(ends("range=90d"), of("2026-10-18 00:00", "2027-01-16 00:00", Some(Period::Day)));
        assert_eq!(ends("from=2027-01-10&to=2027-01-12"), of("2027-01-10 00:00", "2027-01-13 00:00", None));
        assert_eq!(ends("range=days&from=2027-01-10"), of("2027-01-10 00:00", "2027-01-16 00:00", None));
    }

    #[test]
    fn a_range_that_cannot_be_is_told_of_and_the_usual_one_shown() {
        for bad in [
            "from=yesterday",
            "from=2027-01-12&to=2027-01-10",
            "from=2027-01-16",
            "from=2025-01-01&to=2027-01-10",
            "from=2027-02-30",
            "from=1970-01-01&to=1970-01-02",
            "from=-9999-01-01",
            "range=days",
        ] {
            let (ask, is_wrong) = ask(bad);
            assert!(is_wrong && ask.range == Range::Last("24h"), "{bad}: {ask:?}");
        }
        assert!(!ask("range=rubbish&by=rubbish").1);
    }

    #[test]
    fn an_address_says_again_what_was_asked() {
        for address in [
            "/u?range=24h&by=client",
            "/u?range=days&from=2027-01-10&to=2027-01-12&by=client-api&client=a%26b&endpoint=POST+%2Ftoken",
        ] {
            let (ask, _) = ask(address.split_once('?').unwrap().1);
            assert_eq!(ask.address("/u", &[]), address);
            assert_eq!(ask.address("/u", &[("series", "1")]), format!("{address}&series=1"));
        }
        let (ask, _) = ask("by=api&client=x");
        assert_eq!(
            ask.holding("/u", Dimension::Resource, "https://a"),
            Some("/u?range=24h&by=api&client=x&api=https%3A%2F%2Fa".to_owned())
        );
        assert_eq!(
            (ask.holding("/u", Dimension::Client, "y"), ask.holding("/u", Dimension::Resource, "")),
            (None, None)
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
