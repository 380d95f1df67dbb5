//! The built binary as an operator runs it: a process on a free loopback port, with a folder of its own.
#![allow(dead_code, reason = "each test binary uses a part of the shared support")]

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Ports for servers lie below the range from which systems take the ports of outgoing connections, so that no
/// browser or client of a test running beside this one can take a port between our look and the server's bind.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;

/// How often readiness is asked for, and the pause between two questions: 30 seconds in all.
const READINESS_QUESTIONS: u32 = 600;
const READINESS_PAUSE: Duration = Duration::from_millis(50);

/// `authward serve` in a folder of its own; stopped and removed when dropped.
pub struct Server {
    pub issuer: String,
    pub port: u16,
    home: TempDir,
    settings: Vec<(String, String)>,
    child: Child,
}

impl Server {
    /// Serves with nothing configured but the address, in an empty folder.
    pub fn unconfigured() -> Self {
        Self::in_folder(folder(), free_port(), &[])
    }

    /// Applies a set-up document (users, clients) and serves it.
    pub fn with(document: &Value) -> Self {
        Self::with_settings(document, &[])
    }

    /// The same with settings beside the address, as environment variables `AUTHWARD__SECTION__KEY`.
    pub fn with_settings(document: &Value, settings: &[(&str, &str)]) -> Self {
        let (home, port) = (folder(), free_port());
        let file = home.path().join("setup.json");
        fs::write(&file, serde_json::to_vec_pretty(document).expect("a JSON value")).expect("the set-up file");
        let mut apply = command(home.path(), port);
        output_of(apply.envs(settings.iter().copied()).arg("apply").arg(&file));
        Self::in_folder(home, port, settings)
    }

    fn in_folder(home: TempDir, port: u16, settings: &[(&str, &str)]) -> Self {
        let log = File::create(home.path().join("serve.log")).expect("the log file");
        let errors = log.try_clone().expect("a second handle on the log file");
        let child = command(home.path(), port)
            .envs(settings.iter().copied())
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("the binary starts");
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut server = Self { issuer: issuer(port), port, home, settings, child };
        server.wait_until_ready();
        server
    }

    /// What another command prints that is run beside the server.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = command(self.home.path(), self.port);
        output_of(command.envs(self.settings.iter().map(|(name, value)| (name, value))).args(arguments))
    }

    fn wait_until_ready(&mut self) {
        for _ in 0..READINESS_QUESTIONS {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                panic!("`authward serve` ended with {status}\n{}", self.log());
            }
            if is_ready(self.port) {
                return;
            }
            thread::sleep(READINESS_PAUSE);
        }
        panic!("`authward serve` is not ready after 30 seconds\n{}", self.log());
    }

    /// Runs another command of the installation that is served; its status and what it printed.
    pub fn attempt(&self, arguments: &[&str]) -> (i32, String) {
        let output = command(self.home.path(), self.port).args(arguments).stdin(Stdio::null()).output();
        let output = output.expect("the binary starts");
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Ends it in order (SIGTERM), and waits until it has.
    pub fn terminate(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("its id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("our own child");
        let status = self.child.wait().expect("our own child");
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Where the installation is.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// What the server has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("serve.log")).unwrap_or_default()
    }

    /// Asserts that a program succeeded against this server, and shows both sides where it did not.
    #[track_caller]
    pub fn assert_done(&self, outcome: Result<String, String>) -> String {
        outcome.unwrap_or_else(|failure| panic!("{failure}\n--- the server's log\n{}", self.log()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback port that nothing listens on, another one at every call.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (process::id() % u32::from(PORTS)) as u16;
    for _ in 0..PORTS {
        let offset = (u32::from(start) + 7 * u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(PORTS);
        let port = FIRST_PORT + offset as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free loopback port between {FIRST_PORT} and {}", FIRST_PORT + PORTS);
}

fn issuer(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("authward-test-").tempdir().expect("a temporary folder")
}

/// The binary, in its folder, with no setting but its address.
fn command(home: &Path, port: u16) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(home);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AUTHWARD_")) {
        command.env_remove(name);
    }
    command.env("AUTHWARD__SERVER__BIND", format!("127.0.0.1:{port}"));
    command.env("AUTHWARD__SERVER__ISSUER", issuer(port));
    command
}

/// Runs a command that has to succeed.
#[track_caller]
fn output_of(command: &mut Command) -> String {
    let output = command.output().expect("the binary starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}\n{printed}{errors}", output.status);
    printed
}

/// The binary of this build, or the one that `AUTHWARD_TEST_BINARY` names (a release build, say).
fn binary() -> PathBuf {
    env::var_os("AUTHWARD_TEST_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_authward")), PathBuf::from)
}

fn is_ready(port: u16) -> bool {
    get(port, "/health/ready").is_some_and(|(status, _)| status == 200)
}

/// Asks a server on loopback for something of a known length: status and body, `None` where there is no answer.
pub fn get(port: u16, target: &str) -> Option<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let head = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
