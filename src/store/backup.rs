//! A consistent copy of an embedded database while it is in use.
//!
//! `VACUUM INTO` reads one state of the database: everything that was committed before it began, nothing of what is
//! committed later; who writes meanwhile does not wait. It does not sync what it wrote, so that is done here, and the
//! copy gets its name only when it is whole.

use super::connection::{Access, Place, open_file};
use super::{Store, StoreError, dialect};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the growing copy is looked at for the sake of a progress bar.
const GLANCE: Duration = Duration::from_millis(100);
/// How long the copy may wait for a lock.
const WAIT: Duration = Duration::from_secs(60);

/// Why there is no copy. What was begun is removed again.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is a server's.
    #[error("only an embedded database is copied by this program")]
    NotEmbedded,
    /// There is a file of that name.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies an embedded database to `target`, readable by its owner only; an existing file is replaced only with `replaces`.
/// `progress` is told, now and then, how many bytes of about how many are there. Blocks until the copy is on the disk, and
/// returns its size in bytes.
///
/// # Errors
/// [`BackupError`].
pub fn run(store: &Store, target: &Path, replaces: bool, progress: &dyn Fn(u64, u64)) -> Result<u64, BackupError> {
    let Place::File(source) = &store.0.place else { return Err(BackupError::NotEmbedded) };
    if !replaces && target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let temporary = Temporary::create(folder, target)?;
    copy(source, &temporary.0, progress)?;
    let size = temporary.settle(target, replaces)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| io_error(folder, error))?;
    Ok(size)
}

/// A file beside the target, removed when it did not get the target's name.
struct Temporary(PathBuf);

impl Temporary {
    /// The name is this process's own, so that two copies at a time do not meet.
    fn create(folder: &Path, target: &Path) -> Result<Self, BackupError> {
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let path = folder.join(format!(".{name}.{}.part", std::process::id()));
        // One that an ended process of the same number has left.
        let _ = fs::remove_file(&path);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.map(|_| Self(path.clone())).map_err(|error| io_error(&path, error))
    }

    /// Syncs the copy and gives it its name. Without `replaces`, by a link, which fails where somebody was faster.
    fn settle(&self, target: &Path, replaces: bool) -> Result<u64, BackupError> {
        let io = |error| io_error(target, error);
        let file = File::open(&self.0).map_err(io)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(io)?;
        file.sync_all().map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        if replaces {
            fs::rename(&self.0, target).map_err(io)?;
            return Ok(size);
        }
        match fs::hard_link(&self.0, target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Exists(target.to_owned())),
            // Some file systems know no links.
            Err(_) => fs::rename(&self.0, target).map(|()| size).map_err(io),
            Ok(()) => Ok(size),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone where it was renamed.
        let _ = fs::remove_file(&self.0);
    }
}

fn copy(source: &Path, copy: &Path, progress: &dyn Fn(u64, u64)) -> Result<(), BackupError> {
    let mut db = open_file(source, Access::Write, WAIT)?;
    let total = dialect::embedded_size(&mut db)?;
    std::thread::scope(|scope| {
        let work = scope.spawn(|| dialect::vacuum_into(&mut db, copy));
        while !work.is_finished() {
            progress(fs::metadata(copy).map_or(0, |copy| copy.len()), total);
            std::thread::sleep(GLANCE);
        }
        work.join().unwrap_or_else(|_| Err(StoreError::Failed("the copy panicked".to_owned())))
    })?;
    Ok(())
}

fn io_error(path: &Path, error: io::Error) -> BackupError {
    BackupError::Io { path: path.to_owned(), error }
}
