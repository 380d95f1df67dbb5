//! `authward serve`

use super::{Context, Failure, logging};
use crate::app::{self, AppError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside connections: of the database, of logs, of what is being accepted.
const OTHER_FILES: u64 = 512;

pub(super) async fn run(context: Context) -> Result<(), Failure> {
    let traces = logging::start(&context.settings.observability).map_err(Failure::Unusable)?;
    allow_open_files(context.settings.limits.max_connections);
    let outcome = app::run(context.settings).await;
    traces.finish();
    outcome.map_err(|error| match error {
        AppError::MasterKey(_) | AppError::Outbound(_) | AppError::Tls(_) | AppError::Ui(_) => {
            Failure::Unusable(error.to_string())
        }
        AppError::Store(_) | AppError::OldSchema(_) | AppError::System { .. } => Failure::work(error),
    })
}

/// A process may have few files open at first (often 1024), and each connection takes two. The limit is raised as far as
/// `limits.max_connections` needs and the system allows.
fn allow_open_files(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum: limit.maximum });
    if raised.is_err() || allowed < wanted {
        tracing::warn!(allowed, wanted, "too few open files (ulimit -n) for limits.max_connections");
    }
}
