//! `observability.*`: logs and metrics.

use super::reader::Reader;
use std::net::SocketAddr;

/// `observability.*`
#[derive(Debug, Clone)]
pub struct Observability {
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged: directives of `tracing-subscriber`, such as `info,authward::store=debug`.
    pub log_filter: String,
    /// Where metrics are served; `None`: nowhere.
    pub metrics_bind: Option<SocketAddr>,
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
        }
    }
}

fn check_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) if !text.is_empty() && text.len() <= 1024 => Ok(text.to_owned()),
        _ => Err("it is not a level (error, warn, info, debug, trace) or a list of MODULE=LEVEL".to_owned()),
    }
}
