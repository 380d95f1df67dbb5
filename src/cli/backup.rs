//! `authward backup FILE`

use super::output;
use super::progress::Progress;
use super::{Context, Failure, open};
use crate::settings::DatabaseKind;
use crate::store::backup::{self, BackupError};
use clap::Args;
use std::path::PathBuf;

/// Make a consistent copy of an embedded database while it serves.
///
/// Everything that was answered before it began is in the copy. Nobody waits for it. The copy is on the disk, whole, when
/// this command ends well; it is readable by its owner only. To restore, stop the server and put the copy in the place
/// of the database, without the files that end in -wal and -shm.
///
/// The master key is not in it: keep a copy of that elsewhere. PostgreSQL and MySQL/MariaDB have tools of their own, which
/// this command names.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Where the copy goes.
    file: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        match context.settings.database.kind() {
            DatabaseKind::Sqlite => self.copy(context).await,
            DatabaseKind::Postgres => Err(elsewhere("pg_dump --format=custom --file=FILE DATABASE-URL")),
            DatabaseKind::Mysql => Err(elsewhere(
                "mariadb-dump --single-transaction --result-file=FILE DATABASE, or mysqldump with the same arguments",
            )),
        }
    }

    async fn copy(&self, context: &Context) -> Result<(), Failure> {
        let store = open::present_store(context)?;
        let progress = Progress::on_terminal();
        progress.begin("Copying the database", u64::MAX);
        let outcome = backup::run(&store, &self.file, self.force, &|done, total| progress.reach(done, total));
        progress.end();
        let size = outcome.map_err(|error| match error {
            BackupError::Exists(_) => Failure::Unusable(format!("{error}; --force replaces it")),
            BackupError::NotEmbedded | BackupError::Io { .. } | BackupError::Store(_) => Failure::work(error),
        })?;
        output::print(&format!(
            "{} holds everything up to now ({size} bytes). The master key is not in it: keep a copy of that elsewhere.\n",
            self.file.display()
        ))
    }
}

fn elsewhere(tool: &str) -> Failure {
    Failure::Unusable(format!(
        "only an embedded database is copied by this command; this one has a tool of its own, which also works while it \
         serves:\n  {tool}"
    ))
}
