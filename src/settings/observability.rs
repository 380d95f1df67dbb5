//! `observability.*`: logs, metrics and traces.

use super::reader::Reader;
use std::net::SocketAddr;
use url::Url;

/// `observability.*`
#[derive(Debug, Clone)]
pub struct Observability {
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged: directives of `tracing-subscriber`, such as `info,authward::store=debug`.
    pub log_filter: String,
    /// Where metrics are served; `None`: nowhere.
    pub metrics_bind: Option<SocketAddr>,
    /// Where traces are sent (OTLP over HTTP); `None`: nowhere.
    pub otlp_endpoint: Option<Url>,
    /// Of how many requests in a hundred a trace is sent.
    pub traces_percent: i64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Observability {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            log_format: reader.text("observability.log_format", |text| match text {
                "auto" => Ok(LogFormat::Auto),
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("it is none of auto, text, json".to_owned()),
            }),
            log_filter: reader.text("observability.log_filter", check_filter),
            metrics_bind: reader.optional("observability.metrics_bind", |text| {
                text.parse().map_err(|_| "it is not ADDRESS:PORT, such as 127.0.0.1:9090".to_owned())
            }),
            otlp_endpoint: reader.optional("observability.otlp_endpoint", check_endpoint),
            traces_percent: reader.number("observability.traces_percent", 0..=100),
        }
    }
}

fn check_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let plain = url.filter(|url| {
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
    });
    plain.ok_or_else(|| {
        "it is not an http or https URL without credentials and query, such as http://127.0.0.1:4318".to_owned()
    })
}

fn check_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) if !text.is_empty() && text.len() <= 1024 => Ok(text.to_owned()),
        _ => Err("it is not a level (error, warn, info, debug, trace) or a list of MODULE=LEVEL".to_owned()),
    }
}
