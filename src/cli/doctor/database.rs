//! The database: whether it is reached, its schema, its clock, and for an embedded one its files.

use super::{Finding, Level};
use crate::cli::{Context, open};
use crate::domain::time::Timestamp;
use crate::store::{Store, StoreError, inspect, migrate};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const AREA: &str = "database";
/// Where the clocks of two machines differ more than this, in seconds, it is worth a look; beyond the second, tokens are
/// refused that were just issued.
const CLOCKS_DIFFER: i64 = 5;
const CLOCKS_DISAGREE: i64 = 60;
/// Free bytes of a disk: below the first it is worth a look, below the second writes will soon fail.
const LITTLE_SPACE: u64 = 1024 * 1024 * 1024;
const NO_SPACE: u64 = 64 * 1024 * 1024;
/// SQLite cuts its write-ahead log down to 64 MiB after a checkpoint; one that is much larger is not checkpointed.
const LARGE_WAL: u64 = 256 * 1024 * 1024;
/// The first second of 2026: this program was not there before.
const EARLIEST: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// What was found, and the store where it can be used for further looks.
pub(super) struct Looked {
    pub(super) findings: Vec<Finding>,
    pub(super) store: Option<Store>,
}

/// Looks at the database and the clock.
pub(super) async fn look(context: &Context) -> Looked {
    let mut findings = Vec::from_iter(early_clock(context.now()));
    if let Some(path) = context.settings.database.embedded_path() {
        if !path.exists() {
            let what = format!("there is no database at {} yet", path.display());
            let why = "Users, clients and keys are kept in it.";
            let mend =
                "\"authward serve\" and \"authward apply\" make it; if it should be there, see the working directory.";
            findings.push(Finding::warn(AREA, what, why, mend));
            return Looked { findings, store: None };
        }
        findings.extend(files(&path));
    }
    match reach(context).await {
        Ok((store, version)) => {
            findings.push(Finding::ok(AREA, version));
            let schema = schema(&store).await;
            let is_usable = schema.level != Level::Fail;
            findings.push(schema);
            findings.extend(clock(context, &store).await);
            Looked { findings, store: is_usable.then_some(store) }
        }
        Err(error) => {
            let why = "Every request that needs it is answered 503.";
            let mend = "See that it runs, and that database.url names the right host, database, user and password.";
            findings.push(Finding::fail(AREA, error, why, mend));
            Looked { findings, store: None }
        }
    }
}

async fn reach(context: &Context) -> Result<(Store, String), String> {
    let store = open::hasty_store(context).map_err(|error| error.to_string())?;
    let version = store.read(inspect::version).await.map_err(|error| error.to_string())?;
    Ok((store, format!("it is reached: {version}")))
}

async fn schema(store: &Store) -> Finding {
    let why = "The server refuses to start, or answers 503, until it is current.";
    match migrate::pending(store).await {
        Ok(pending) if pending.is_empty() => Finding::ok(AREA, "the schema is current"),
        Ok(pending) => {
            let what = format!("the schema lacks {} migrations: {}", pending.len(), pending.join(", "));
            Finding::fail(AREA, what, why, "Run \"authward migrate\".")
        }
        Err(error) => Finding::fail(AREA, error.to_string(), why, "Run \"authward migrate\"."),
    }
}

fn early_clock(now: Timestamp) -> Option<Finding> {
    let why = "Tokens would be dated in the past, and every certificate would seem to be of the future.";
    let what = format!("this machine's clock stands at {}", crate::cli::output::time(now));
    (now < EARLIEST).then(|| Finding::fail("clock", what, why, "Set the clock; let NTP keep it."))
}

async fn clock(context: &Context, store: &Store) -> Option<Finding> {
    let theirs = match store.read(inspect::clock).await {
        Ok(theirs) => theirs?,
        Err(error) => return Some(unreadable_clock(&error)),
    };
    Some(compare(context.now(), theirs))
}

fn unreadable_clock(error: &StoreError) -> Finding {
    Finding::warn("clock", format!("the database's clock cannot be read: {error}"), "", "")
}

fn compare(ours: Timestamp, theirs: Timestamp) -> Finding {
    let difference = ours.since(theirs);
    let what = match difference {
        0 => "this machine and the database agree on the time".to_owned(),
        ahead if ahead > 0 => format!("this machine is {ahead} s ahead of the database"),
        behind => format!("this machine is {} s behind the database", -behind),
    };
    let why = "Nodes judge by their own clocks what has expired; where they differ, they judge differently.";
    let mend = "Let NTP keep the clocks of every node.";
    match difference.abs() {
        0..=CLOCKS_DIFFER => Finding::ok("clock", what),
        ..=CLOCKS_DISAGREE => Finding::warn("clock", what, why, mend),
        _ => Finding::fail("clock", what, why, mend),
    }
}

/// The files of an embedded database.
fn files(path: &Path) -> Vec<Finding> {
    [exposed(path), large_wal(path), space(path)].into_iter().flatten().collect()
}

fn exposed(path: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(path).ok()?.mode() & 0o777;
    let why = "Addresses, password hashes and sealed keys are in it.";
    let what = format!("{} can be read or written by others (mode {mode:o})", path.display());
    let mend = format!("chmod 600 {} and what stands beside it.", path.display());
    (mode & 0o077 != 0).then(|| Finding::warn("files", what, why, mend))
}

fn large_wal(path: &Path) -> Option<Finding> {
    let wal = path.with_file_name(format!("{}-wal", path.file_name()?.to_string_lossy()));
    let size = std::fs::metadata(&wal).ok()?.len();
    let why = "It is not written back into the database: something holds an old state open, or the disk is slow.";
    let what = format!("{} has {} MiB", wal.display(), size / 1024 / 1024);
    let mend = "End other programs that have the database open (a copy, an sqlite3 shell).";
    (size > LARGE_WAL).then(|| Finding::warn("files", what, why, mend))
}

fn space(path: &Path) -> Option<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(judge_space(disk.f_bavail.saturating_mul(disk.f_frsize), folder))
}

fn judge_space(free: u64, folder: &Path) -> Finding {
    let what = format!("{} MiB are free where {} is", free / 1024 / 1024, folder.display());
    let why = "On a full disk nobody can sign in: what cannot be stored is not answered.";
    let mend = "Make room, or move the database to a larger disk.";
    match free {
        free if free < NO_SPACE => Finding::fail("files", what, why, mend),
        free if free < LITTLE_SPACE => Finding::warn("files", what, why, mend),
        _ => Finding::ok("files", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_judged_by_how_far_they_are_apart() {
        let at = Timestamp::from_seconds;
        for (ours, level, what) in [
            (1000, Level::Ok, "this machine and the database agree on the time"),
            (1005, Level::Ok, "this machine is 5 s ahead of the database"),
            (994, Level::Warn, "this machine is 6 s behind the database"),
            (1061, Level::Fail, "this machine is 61 s ahead of the database"),
        ] {
            let finding = compare(at(ours), at(1000));
            assert_eq!((finding.level, finding.what.as_str()), (level, what));
        }
        assert_eq!(early_clock(at(0)).unwrap().level, Level::Fail);
        assert_eq!(early_clock(EARLIEST), None);
    }

    #[test]
    fn space_is_judged_before_it_is_gone() {
        for (free, level) in [(0, Level::Fail), (NO_SPACE, Level::Warn), (LITTLE_SPACE, Level::Ok)] {
            assert_eq!(judge_space(free, Path::new("data")).level, level, "{free}");
        }
    }

    #[test]
    fn a_database_that_others_can_read_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        for (mode, is_exposed) in [(0o600, false), (0o640, true), (0o602, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(exposed(&path).is_some(), is_exposed, "{mode:o}");
        }
    }
}
