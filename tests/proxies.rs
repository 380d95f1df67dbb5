//! authward behind the proxies that people use, with the files of `examples/deploy` and nothing changed in them but ports
//! and paths: a sign-in through each, with the https issuer everywhere, and a wrong password counted against the client's own address.

mod support;

use authward::domain::secret::TokenHash;
use authward::store::{Store, StoreOptions, throttles};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::programs::{Program, tests_folder};
use support::server::free_port;
use tempfile::TempDir;

const ISSUER: &str = "https://id.example.com";
/// Where the person sits: an address of this machine that is not the proxy's.
const CLIENT: &str = "127.0.0.2";
/// What the person claims about it.
const CLAIMED: &str = "203.0.113.9";
const SETUP: &str = r#"
users: [{ username: alice, email: alice@example.com, password: seven maples at a stop }]
clients:
  - client_id: app
    token_endpoint_auth_method: none
    redirect_uris: ["https://app.example.com/callback"]
    skip_consent: true
"#;

/// A server behind a proxy, both ended when this is dropped.
struct Behind {
    home: TempDir,
    port: u16,
    children: Vec<Child>,
}

impl Behind {
    /// Serves with the settings that the files of `examples/deploy` name, and makes a certificate.
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut behind = Self { home, port: free_port(), children: Vec::new() };
        fs::write(behind.path("setup.yaml"), SETUP).expect("the document");
        let applied = behind.authward().args(["apply", "setup.yaml"]).output().expect("the binary starts");
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        let log = fs::File::create(behind.path("serve.log")).expect("the log");
        let server =
            behind.authward().arg("serve").stdout(Stdio::null()).stderr(log).spawn().expect("the binary starts");
        behind.children.push(server);
        let made = Program::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=id.example.com", "-addext", "subjectAltName=DNS:id.example.com"])
            .args(["-keyout", &behind.path("private_key.pem"), "-out", &behind.path("certificate.pem")]);
        made.run().expect("a certificate");
        behind.wait_for(behind.port);
        behind
    }

    fn authward(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_authward"));
        command.current_dir(self.home.path()).stdin(Stdio::null());
        command.env("AUTHWARD__SERVER__BIND", format!("127.0.0.1:{}", self.port));
        command.env("AUTHWARD__SERVER__ISSUER", ISSUER).env("AUTHWARD__SERVER__TRUSTED_PROXIES", "127.0.0.1");
        command.env("AUTHWARD__OBSERVABILITY__LOG_FORMAT", "json");
        command
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// A file of `examples/deploy` with this machine's ports and paths, written to the folder.
    fn adapt(&self, name: &str, changes: &[(&str, String)]) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deploy").join(name);
        let mut text = fs::read_to_string(file).expect("the example");
        for (from, to) in changes {
            assert!(text.contains(from), "{name} has no {from}");
            text = text.replace(from, to);
        }
        fs::write(self.path(name), text).expect("the adapted file");
        self.path(name)
    }

    fn proxy(&mut self, executable: &str, arguments: &[&str], port: u16) {
        let log = fs::File::create(self.path("proxy.log")).expect("the log");
        let errors = log.try_clone().expect("the log");
        let mut command = Command::new(executable);
        command.args(arguments).stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{executable}: {error}: `tests/run` installs it"));
        self.children.push(child);
        self.wait_for(port);
    }

    fn wait_for(&self, port: u16) {
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        panic!("nothing listens on {port}\n{}\n{}", log("serve.log"), log("proxy.log"));
    }

    /// Signs in through the proxy, and looks at what each side saw.
    fn check(&self, port: u16) {
        let program = Program::new("python3").arg(tests_folder().join("proxies/sign_in.py"));
        let seen = program.args([&port.to_string(), &self.path("certificate.pem"), CLIENT]).run();
        let log = fs::read_to_string(self.path("serve.log")).unwrap_or_default();
        let seen = seen.unwrap_or_else(|failure| panic!("{failure}\n--- the server's log\n{log}"));
        let seen: Value = serde_json::from_str(&seen).expect("JSON");
        let email = "alice@example.com";
        let expected = json!({
            "discovery": ISSUER, "callback": ISSUER, "access_token": ISSUER, "id_token": ISSUER, "email": email,
        });
        assert_eq!(seen, expected);
        assert_eq!(self.sources(), [CLIENT], "the wrong name is counted against the client's own address");
        let proxy_log = fs::read_to_string(self.path("proxy.log")).unwrap_or_default();
        assert!(proxy_log.contains("/authorize") && !proxy_log.contains("code_challenge"), "{proxy_log}");
    }
}

impl Behind {
    /// The addresses against which a failed sign-in was counted, of those that could be meant.
    fn sources(&self) -> Vec<&'static str> {
        let url = format!("sqlite://{}", self.path("data/authward.db"));
        let store = Store::open(StoreOptions::new(url)).expect("the store");
        let is_counted = |address: &&&str| {
            let subject = TokenHash::of(&format!("login from {address}"));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let found = runtime.block_on(store.read(move |db| throttles::find(db, &[subject]))).expect("the throttles");
            !found.is_empty()
        };
        ["127.0.0.1", CLIENT, CLAIMED].iter().filter(is_counted).copied().collect()
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_sign_in_goes_through_nginx() {
    let mut behind = Behind::start();
    let port = free_port();
    behind.adapt(
        "nginx.conf",
        &[
            ("listen 443 ssl http2", format!("listen 127.0.0.1:{port} ssl http2")),
            ("    listen [::]:443 ssl http2;\n", String::new()),
            ("127.0.0.1:8080;", format!("127.0.0.1:{};", behind.port)),
            ("/etc/ssl/authward", behind.home.path().display().to_string()),
            ("/var/log/nginx/authward.log", "/dev/stdout".to_owned()),
        ],
    );
    let folder = behind.home.path().display().to_string();
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};"))
        .join(" ");
    let main = format!("daemon off; pid {folder}/pid; events {{}} http {{ {folders} include {folder}/nginx.conf; }}");
    fs::write(behind.path("main.conf"), main).expect("the main file");
    let main = behind.path("main.conf");
    behind.proxy(&executable("nginx"), &["-c", &main, "-e", "stderr", "-g", "master_process off;"], port);
    behind.check(port);
}

#[test]
fn a_sign_in_goes_through_haproxy() {
    let mut behind = Behind::start();
    let port = free_port();
    let [chain, key] =
        ["certificate.pem", "private_key.pem"].map(|name| fs::read_to_string(behind.path(name)).unwrap());
    fs::write(behind.path("authward.pem"), chain + &key).expect("chain and key");
    let file = behind.adapt(
        "haproxy.cfg",
        &[
            ("bind :443", format!("bind 127.0.0.1:{port}")),
            ("node1 127.0.0.1:8080", format!("node1 127.0.0.1:{}", behind.port)),
            ("/etc/haproxy/authward.pem", behind.path("authward.pem")),
        ],
    );
    behind.proxy(&executable("haproxy"), &["-db", "-f", &file], port);
    behind.check(port);
}

/// Debian keeps both where only root's path leads.
fn executable(name: &str) -> String {
    let beside = Path::new("/usr/sbin").join(name);
    if beside.exists() { beside.display().to_string() } else { name.to_owned() }
}
