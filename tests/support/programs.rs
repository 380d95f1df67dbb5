//! Programs that are run against a server: client software of other ecosystems and the browser's scripts.
//!
//! What they need is prepared by `tests/run`; a missing thing is a failure that names it, never a test left out.
#![allow(dead_code, reason = "each test binary uses a part of the shared support")]

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// Longest time one program may take where nothing else is said, in seconds.
const PATIENCE_SECONDS: u32 = 300;

/// Variables that would send requests for loopback through somebody's proxy.
const PROXIES: [&str; 6] = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// A program with its arguments and environment, to be run to its end.
pub struct Program {
    command: Command,
    name: String,
}

impl Program {
    /// A program that is stopped when it takes longer than five minutes.
    pub fn new(executable: impl AsRef<Path>) -> Self {
        Self::patient(executable, PATIENCE_SECONDS)
    }

    /// A program that is stopped when it takes longer than so many seconds.
    pub fn patient(executable: impl AsRef<Path>, seconds: u32) -> Self {
        let executable = executable.as_ref();
        let mut command = Command::new("timeout");
        command.arg("--kill-after=5").arg(seconds.to_string()).arg(executable);
        for proxy in PROXIES {
            command.env_remove(proxy);
        }
        Self { command, name: executable.display().to_string() }
    }

    /// A script below `tests`, run by node, with the packages of `tests/package.json`.
    ///
    /// # Panics
    /// When `npm ci` was not run there.
    pub fn node(script: &str) -> Self {
        assert!(
            tests_folder().join("node_modules/.package-lock.json").exists(),
            "tests/node_modules is missing: run the tests through `tests/run`, which prepares it"
        );
        let mut program = Self::new("node").arg(tests_folder().join(script));
        program.name = script.to_owned();
        program
    }

    pub fn arg(mut self, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(value);
        self
    }

    pub fn args<A: AsRef<std::ffi::OsStr>>(mut self, values: impl IntoIterator<Item = A>) -> Self {
        self.command.args(values);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end and returns its standard output.
    ///
    /// # Errors
    /// The whole output, when it does not start or ends with another status than 0.
    pub fn run(mut self) -> Result<String, String> {
        let output = self.command.output().map_err(|error| format!("{} did not start: {error}", self.name))?;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(stdout.into_owned());
        }
        Err(format!("{} ended with {}\n--- its output\n{stdout}\n--- its errors\n{stderr}", self.name, output.status))
    }
}

/// How often a service's port is tried, and the pause between two tries: a minute in all.
const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// A program that serves on a loopback port until this is dropped.
pub struct Service {
    child: Child,
    home: TempDir,
}

impl Service {
    /// Starts it and waits until its port takes connections.
    ///
    /// # Panics
    /// With what it printed, when it does not start, ends, or does not listen within a minute.
    pub fn start(mut command: Command, port: u16) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(home.path().join("log")).expect("the log file");
        let errors = log.try_clone().expect("a second handle on the log file");
        for proxy in PROXIES {
            command.env_remove(proxy);
        }
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
        let mut service = Self { child, home };
        for _ in 0..TRIES {
            if let Some(status) = service.child.try_wait().expect("our own child") {
                panic!("{command:?} ended with {status}\n{}", service.log());
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return service;
            }
            thread::sleep(PAUSE);
        }
        panic!("{command:?} does not listen on {port} after a minute\n{}", service.log());
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that `tests/run` prepared, by the variable that names it.
///
/// # Panics
/// When the variable is not set.
pub fn prepared(variable: &str) -> PathBuf {
    let value = env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run the tests through `tests/run`, which prepares it"));
    PathBuf::from(value)
}

/// The folder `tests` of this package.
pub fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A folder below the build's target folder, made when it is not there.
pub fn target_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(name);
    std::fs::create_dir_all(&folder).expect("a folder in the target folder");
    folder
}

/// Builds the Rust clients, which are a crate of their own, and says where one of its programs is.
pub fn rust_client(name: &str) -> PathBuf {
    let target = target_folder("clients-rust");
    let built = Program::new(env::var_os("CARGO").expect("cargo sets CARGO for tests"))
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(tests_folder().join("clients/rust/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .folder(tests_folder())
        .run();
    if let Err(failure) = built {
        panic!("{failure}");
    }
    target.join("debug").join(name)
}
