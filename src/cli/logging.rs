//! Where log lines go and how they look: standard error, as text on a terminal and JSON otherwise.

use crate::settings::{LogFormat, Observability};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging as the settings say. Does nothing when something else in this process has started it before.
pub fn start(settings: &Observability) {
    let is_terminal = std::io::stderr().is_terminal();
    let filter = EnvFilter::builder().parse_lossy(&settings.log_filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let is_text = match settings.log_format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    // An error means that a subscriber is set already, which is then the one to keep.
    let _ = if is_text {
        lines.with_ansi(is_terminal).with_target(false).try_init()
    } else {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
}
