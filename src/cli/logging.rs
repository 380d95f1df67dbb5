//! Where log lines go and how they look: standard error, as text on a terminal and JSON otherwise. Beside them the
//! spans with the target `trace`, which no log shows, go to an OpenTelemetry collector where one is set.

use crate::settings::{LogFormat, Observability};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanLimits};
use std::io::IsTerminal as _;
use std::time::Duration;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// The target of spans that are for traces alone.
const TRACE: &str = "trace";
/// The target of errors about bytes that are no HTTP: anybody can send them, and whoever does is answered 400.
const CONNECTIONS: &str = "actix_http::h1::dispatcher";
/// How long the last spans may take to be sent when the server stops.
const LONGEST_FAREWELL: Duration = Duration::from_secs(5);
/// The most attributes of a span, and the most events.
const MOST_DETAILS: u32 = 32;

/// Sends what is left when it is dropped or [`Traces::finish`]ed.
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends the spans that have not been sent yet, for some seconds at most.
    pub fn finish(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown_with_timeout(LONGEST_FAREWELL)
        {
            tracing::warn!(cause = %error, "the last traces were not sent");
        }
    }
}

/// Starts logging and tracing as the settings say. Does nothing when something else in this process has started it
/// before.
///
/// # Errors
/// Why traces cannot be sent at all: the exporter cannot be set up.
pub fn start(settings: &Observability) -> Result<Traces, String> {
    let is_terminal = std::io::stderr().is_terminal();
    let is_text = match settings.log_format {
        LogFormat::Auto => is_terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let filter = EnvFilter::builder().parse_lossy(&settings.log_filter);
    let filter = filter.and(filter_fn(|metadata| ![TRACE, CONNECTIONS].contains(&metadata.target())));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if is_text {
        lines.with_ansi(is_terminal).with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    };
    let provider = settings.otlp_endpoint.as_ref().map(|_| provider(settings)).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        global::set_text_map_propagator(TraceContextPropagator::new());
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("authward"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| metadata.target() == TRACE && metadata.is_span()))
    });
    // An error means that a subscriber is set already, which is then the one to keep.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces).try_init();
    Ok(Traces(provider))
}

fn provider(settings: &Observability) -> Result<SdkTracerProvider, String> {
    let endpoint = settings.otlp_endpoint.as_ref().map_or("", |url| url.as_str()).trim_end_matches('/');
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .build()
        .map_err(|error| format!("observability.otlp_endpoint: {error}"))?;
    let resource = Resource::builder()
        .with_service_name("authward")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let limits = SpanLimits { max_attributes_per_span: MOST_DETAILS, max_events_per_span: 0, ..SpanLimits::default() };
    #[allow(clippy::cast_precision_loss, reason = "a percentage")]
    let share = settings.traces_percent as f64 / 100.0;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .with_span_limits(limits)
        // Not the caller's word: whoever sends a request could have everything traced.
        .with_sampler(Sampler::TraceIdRatioBased(share))
        .build())
}
