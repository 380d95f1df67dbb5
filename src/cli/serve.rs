//! `authward serve`

use super::{Context, Failure, logging};
use crate::app::{self, AppError};

pub(super) async fn run(context: Context) -> Result<(), Failure> {
    logging::start(&context.settings.observability);
    app::run(context.settings).await.map_err(|error| match error {
        AppError::MasterKey(_) | AppError::Tls(_) | AppError::Ui(_) => Failure::Unusable(error.to_string()),
        AppError::Store(_) | AppError::OldSchema(_) | AppError::System { .. } => Failure::work(error),
    })
}
