//! A PostgreSQL or MariaDB of one test, which the test may stop and start: made in a temporary folder, on a port of its
//! own, and gone when dropped. Root may not run a database, so root's servers run as the users their packages made.
#![allow(dead_code, reason = "each test binary uses a part of the shared support")]

use super::databases::DatabaseKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// A server, installed; it runs when it was told to.
pub struct OwnServer {
    pub kind: DatabaseKind,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As an administrator does who is in a hurry: connections are cut, everything is written.
    Fast,
    /// Without ceremony, as by a loss of power.
    Hard,
}

impl OwnServer {
    /// Makes a server that does not run yet.
    ///
    /// # Panics
    /// When its programs are missing: `tests/run` installs them.
    pub fn install(kind: DatabaseKind) -> Self {
        let folder = tempfile::Builder::new().prefix("authward-server-").tempdir().expect("a temporary folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("our own folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let server = Self { kind, folder, port: port.expect("a free port").port(), process: None };
        let data = server.path("data");
        match kind {
            DatabaseKind::Postgres => succeed(postgresql("initdb").args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                &data,
            ])),
            _ => succeed(Command::new("mariadb-install-db").args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                &format!("--datadir={data}"),
                &format!("--user={}", if is_root() { "mysql" } else { "" }),
            ])),
        }
        server
    }

    /// For `database.url`.
    pub fn url(&self) -> String {
        match self.kind {
            DatabaseKind::Postgres => format!("postgres://postgres@127.0.0.1:{}/postgres", self.port),
            _ => format!("mysql://root@127.0.0.1:{}/test", self.port),
        }
    }

    /// Starts it and returns when it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&mut self) {
        let (data, port) = (self.path("data"), self.port);
        if self.kind == DatabaseKind::Postgres {
            let options = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off");
            let arguments = ["-D", &data, "--wait", "--silent", "--log=/dev/null", "--options", &options, "start"];
            return succeed(postgresql("pg_ctl").args(arguments));
        }
        let mut server = Command::new("mariadbd");
        server.args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=16M",
        ]);
        server.args([format!("--datadir={data}"), format!("--port={port}"), format!("--socket={}", self.path("s"))]);
        server.args(is_root().then_some("--user=mysql")).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(server.spawn().expect("MariaDB starts"));
        succeed(Command::new("mariadb-admin").args([
            "--no-defaults",
            "--wait=20",
            "--protocol=tcp",
            "--host=127.0.0.1",
            "--user=root",
            &format!("--port={port}"),
            "ping",
        ]));
    }

    /// Ends it and returns when it is gone; does nothing where it does not run.
    pub fn stop(&mut self, how: Stop) {
        if self.kind == DatabaseKind::Postgres {
            let data = self.path("data");
            if std::path::Path::new(&data).join("postmaster.pid").exists() {
                let mode = if how == Stop::Fast { "--mode=fast" } else { "--mode=immediate" };
                succeed(postgresql("pg_ctl").args(["-D", &data, "--wait", "--silent", mode, "stop"]));
            }
        } else if let Some(mut process) = self.process.take() {
            let signal = if how == Stop::Fast { "-TERM" } else { "-KILL" };
            succeed(Command::new("kill").args([signal, &process.id().to_string()]));
            process.wait().expect("our own child");
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.stop(Stop::Hard);
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A program of PostgreSQL. It refuses to run as root, so root becomes the user that the package made for it.
fn postgresql(program: &str) -> Command {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let found = installed.map(|version| version.path().join("bin").join(program)).find(|path| path.exists());
    let program = found.unwrap_or_else(|| PathBuf::from(program));
    let mut command = if is_root() { Command::new("runuser") } else { Command::new(&program) };
    if is_root() {
        command.args(["-u", "postgres", "--"]).arg(&program);
    }
    command.current_dir("/");
    command
}

#[track_caller]
fn succeed(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(ExitStatus::success), "{command:?}: {status:?}");
}
