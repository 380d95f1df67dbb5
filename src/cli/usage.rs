//! `authward usage`

use super::output::{self, time};
use super::{Context, Failure, open};
use crate::domain::time::{Lifetime, Timestamp};
use crate::domain::usage::{Dimension, Period, UsageFilter};
use crate::usage::report::{self, Line, Question, Report};
use clap::{Args, ValueEnum};

/// Say who called which API how often, with what outcome.
///
/// Counts what this server answered, and what protected resources reported, over whole hours or days in UTC, beside the
/// range of the same length before. Running servers add what they have counted every few seconds (usage.flush_every).
#[derive(Debug, Args)]
pub(super) struct Usage {
    /// The range that ends now: a number and h, d or w, such as 24h, 7d, 4w.
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "24h", conflicts_with = "since")]
    last: Lifetime,
    /// The start of the range: a day such as 2027-01-15, or a time such as 2027-01-15T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// The end of the range, which is outside; now where it is left out.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Which counts are read; without it hours for up to three days, else days.
    #[arg(long, value_enum)]
    period: Option<Span>,
    /// What is told apart: time, source, client, resource (or api), endpoint, grant, outcome, separated by commas.
    #[arg(
        long, value_name = "LIST", value_parser = parse_dimension, value_delimiter = ',',
        default_value = "client,resource,endpoint"
    )]
    by: Vec<Dimension>,
    /// Only this client.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Only this protected resource, by its identifier.
    #[arg(long, alias = "api", value_name = "URI")]
    resource: Option<String>,
    /// Only this endpoint, such as "POST /token".
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<String>,
    /// Only this grant type.
    #[arg(long, value_name = "TYPE")]
    grant: Option<String>,
    /// Only this outcome, such as ok or invalid_grant.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only what this server counted (server), or what protected resources reported (resource).
    #[arg(long, value_enum)]
    source: Option<Counter>,
    /// At most so many lines, those with the most requests.
    #[arg(long, value_name = "LINES", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: UsageFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Span {
    /// Full hours.
    Hour,
    /// Days, from midnight to midnight in UTC.
    Day,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Counter {
    /// This server, its own endpoints.
    Server,
    /// Protected resources, theirs.
    Resource,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum UsageFormat {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated values with a line of names (RFC 4180).
    Csv,
}

impl Usage {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let question = self.question(context.now())?;
        let store = open::existing_store(context).await?;
        let kept = context.settings.usage.retention.hours;
        let report = report::answer(&store, question, context.now(), kept).await.map_err(Failure::work)?;
        match self.format {
            UsageFormat::Table => output::print(&table(&report)),
            UsageFormat::Json => output::json(&report),
            UsageFormat::Csv => output::print(&report.csv()),
        }
    }

    fn question(&self, now: Timestamp) -> Result<Question, Failure> {
        // The current second is part of what happened until now.
        let until = self.until.unwrap_or(now.plus(Lifetime::seconds(1)));
        let since = self.since.unwrap_or(until.minus(self.last));
        if since >= until {
            return Err(Failure::Unusable("--since must be before --until".to_owned()));
        }
        let source = self.source.map(|source| match source {
            Counter::Server => "server".to_owned(),
            Counter::Resource => "resource".to_owned(),
        });
        Ok(Question {
            since,
            until,
            period: self.period.map(|period| match period {
                Span::Hour => Period::Hour,
                Span::Day => Period::Day,
            }),
            by: self.by.clone(),
            filter: UsageFilter {
                source,
                client: self.client.clone(),
                resource: self.resource.clone(),
                endpoint: self.endpoint.clone(),
                grant: self.grant.clone(),
                outcome: self.outcome.clone(),
            },
            most: self.limit as usize,
        })
    }
}

const FIGURES: [&str; 6] = ["requests", "change", "failed", "mean ms", "p50 ms", "p95 ms"];

fn table(report: &Report) -> String {
    let heads = report.by.iter().map(|dimension| dimension.as_str()).chain(FIGURES);
    let mut rows: Vec<Vec<String>> = report.lines.iter().map(cells).collect();
    let mut last = cells(&report.total);
    let blanks = report.by.len().saturating_sub(1);
    last.splice(
        0..0,
        std::iter::once("all".to_owned()).chain(std::iter::repeat_n("-".to_owned(), blanks)).take(report.by.len()),
    );
    rows.push(last);
    let range = format!("{} to {}, by {}", time(report.since), time(report.until), report.period.as_str());
    let compared = format!("change: against {} to {}", time(report.compared_since), time(report.since));
    let more = if report.is_truncated { "There are more lines: see --limit.\n" } else { "" };
    format!("{range}; {compared}\n\n{}{more}", output::table(&heads.collect::<Vec<_>>(), &rows))
}

fn cells(line: &Line) -> Vec<String> {
    let shown = |value: &String| if value.is_empty() { "-".to_owned() } else { value.clone() };
    let milliseconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    let mut cells: Vec<String> = line.values.iter().map(|(_, value)| shown(value)).collect();
    cells.extend([
        line.tally.requests.to_string(),
        change(line),
        line.failed_share().map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0)),
        milliseconds(line.tally.mean_ms()),
        milliseconds(line.tally.quantile_ms(0.5)),
        milliseconds(line.tally.quantile_ms(0.95)),
    ]);
    cells
}

fn change(line: &Line) -> String {
    match (line.before, line.change()) {
        (_, Some(change)) => format!("{:+.1} %", change * 100.0),
        (Some(0), None) if line.tally.requests > 0 => "new".to_owned(),
        _ => "-".to_owned(),
    }
}

fn parse_dimension(text: &str) -> Result<Dimension, String> {
    Dimension::parse(text.trim()).ok_or_else(|| Dimension::NAMES.to_owned())
}

fn parse_span(text: &str) -> Result<Lifetime, String> {
    Lifetime::parse(text).ok_or_else(|| Lifetime::FORM.to_owned())
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "a time is a day such as 2027-01-15, or RFC 3339 such as 2027-01-15T08:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::usage::Tally;

    fn report() -> Report {
        let at = Timestamp::from_seconds;
        let line = |client: &str, requests, failed, before| Line {
            values: vec![(Dimension::Client, client.to_owned()), (Dimension::Endpoint, "POST /token".to_owned())],
            tally: Tally { requests, ..Tally::default() },
            failed,
            before: Some(before),
        };
        Report {
            since: at(1_799_913_600),
            until: at(1_800_000_000),
            compared_since: at(1_799_827_200),
            period: Period::Hour,
            by: vec![Dimension::Client, Dimension::Endpoint],
            lines: vec![line("a,\"b\"", 30, 3, 20), line("=1+1", 5, 0, 0), line("gone", 0, 0, 7)],
            total: Line { values: Vec::new(), ..line("", 35, 3, 27) },
            is_truncated: true,
        }
    }

    #[test]
    fn a_table_has_the_change_against_the_range_before_and_a_last_line_for_all() {
        assert_eq!(
            table(&report()),
            "2027-01-14T08:00:00Z to 2027-01-15T08:00:00Z, by hour; \
             change: against 2027-01-13T08:00:00Z to 2027-01-14T08:00:00Z\n\n\
             CLIENT  ENDPOINT     REQUESTS  CHANGE    FAILED  MEAN MS  P50 MS  P95 MS\n\
             a,\"b\"   POST /token  30        +50.0 %   10.0 %  -        -       -\n\
             =1+1    POST /token  5         new       0.0 %   -        -       -\n\
             gone    POST /token  0         -100.0 %  -       -        -       -\n\
             all     -            35        +29.6 %   8.6 %   -        -       -\n\
             There are more lines: see --limit.\n"
        );
    }

    #[test]
    fn a_csv_value_is_quoted_and_is_no_formula() {
        assert_eq!(
            report().csv(),
            "client,endpoint,requests,before,change,failed,failed_share,mean_ms,p50_ms,p95_ms\r\n\
             \"a,\"\"b\"\"\",POST /token,30,20,0.5000,3,0.1000,,,\r\n\
             '=1+1,POST /token,5,0,,0,0.0000,,,\r\n\
             gone,POST /token,0,7,-1.0000,0,,,,\r\n"
        );
    }
}
