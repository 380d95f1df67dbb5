//! Requests whose bytes mean two things: refused, and the connection closed (RFC 9112 §3.2, §6.1, §6.3).

use crate::support::TestApp;
use crate::support::raw;
use futures_util::future::join_all;
use std::time::Duration;

/// Sends a head with these lines and what follows, and expects a refusal and the end of the connection.
async fn assert_refused(app: &TestApp, bytes: &str) {
    let answer = raw::send(app, bytes.as_bytes()).await;
    assert!((400..500).contains(&answer.status), "{bytes:?}: {answer:?}");
    assert_eq!(answer.count(), 1, "{bytes:?}: {answer:?}");
}

/// RFC 9112 §3.2
#[tokio::test]
async fn a_request_has_one_host() {
    let app = TestApp::start().await;
    let host = format!("127.0.0.1:{}", app.port);
    assert_refused(&app, &format!("GET /login HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n")).await;
    assert_refused(&app, &format!("GET /login HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n")).await;
    assert_refused(&app, "GET /login HTTP/1.1\r\nAccept: */*\r\n\r\n").await;
}

/// RFC 9112 §6.1, RFC 9112 §6.3: request smuggling.
#[tokio::test]
async fn a_body_has_one_length() {
    let app = TestApp::start().await;
    let form = "grant_type=refresh_token&refresh_token=x&client_id=spa";
    let head = format!(
        "POST /token HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        app.port
    );
    let smuggled = "GET /account HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    let length = form.len();
    for framing in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{form}{smuggled}"),
        format!("Content-Length: {length}\r\nContent-Length: {length}\r\n\r\n{form}"),
        format!("Content-Length: {length}, {length}\r\n\r\n{form}"),
        format!("Content-Length: +{length}\r\n\r\n{form}"),
        format!("Content-Length: -1\r\n\r\n{form}"),
        format!("Content-Length: 0x10\r\n\r\n{form}"),
        format!("Content-Length: 99999999999999999999\r\n\r\n{form}"),
        format!("Transfer-Encoding: identity\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{smuggled}"),
        "Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n".to_owned(),
    ] {
        assert_refused(&app, &format!("{head}{framing}")).await;
    }
}

/// RFC 9112 §2.2, RFC 9112 §3, RFC 9112 §5
#[tokio::test]
async fn what_is_no_http_is_refused() {
    let app = TestApp::start().await;
    for bytes in [
        "GARBAGE\r\n\r\n",
        "GET\r\n\r\n",
        "GET /login\r\n\r\n",
        "GET /login HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /log in HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /login HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        "GET /login HTTP/1.1\r\nHost: x\r\nNo-Colon\r\n\r\n",
        "GET /login HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
        "GET /login HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
        "GET /login HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let answer = raw::send(&app, bytes.as_bytes()).await;
        assert!(answer.status == 0 || (400..500).contains(&answer.status), "{bytes:?}: {answer:?}");
        assert!(answer.count() <= 1, "{bytes:?}: {answer:?}");
    }
    // TLS on a plain port.
    let hello = [0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03, b'\r', b'\n', b'\r', b'\n'];
    let answer = raw::send(&app, &hello).await;
    assert!(answer.status == 0 || answer.status == 400, "{answer:?}");
    app.get("/health/ready").await.assert_status(200);
}

/// Short, and longer than the half second by which the framework's clock may lag.
const HEAD_TIMEOUT: Duration = Duration::from_millis(700);

/// RFC 9112 §9.5, RFC 9110 §15.5.9: who begins a request and does not end it is not waited for.
#[tokio::test]
async fn a_head_has_its_time_also_on_a_connection_that_was_used_before() {
    let app = TestApp::with(|settings| settings.limits.head_timeout = HEAD_TIMEOUT).await;
    let head = format!("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", app.port);
    let check = async |before: &str, begun: &str, status: u16| {
        let answer = raw::send(&app, format!("{before}{begun}").as_bytes()).await;
        assert_eq!((answer.status, answer.count()), (status, 1), "{begun:?}: {answer:?}");
    };
    let whole = format!("{head}\r\n");
    let begun = ["", "GET", head.as_str()];
    join_all(begun.iter().flat_map(|begun| [check("", begun, 408), check(&whole, begun, 200)])).await;
}

/// RFC 9112 §9.5: the same for a body that is read, and for one that is not.
#[tokio::test]
async fn a_body_has_its_time_whoever_reads_it() {
    let app = TestApp::with(|settings| {
        settings.limits.head_timeout = HEAD_TIMEOUT;
        settings.limits.body_timeout = Duration::from_millis(300);
    })
    .await;
    let check = async |line: &str, framing: &str, status: u16| {
        let host = format!("Host: 127.0.0.1:{}", app.port);
        let form = "Content-Type: application/x-www-form-urlencoded";
        let answer = raw::send(&app, format!("{line} HTTP/1.1\r\n{host}\r\n{form}\r\n{framing}").as_bytes()).await;
        assert_eq!((answer.status, answer.count()), (status, 1), "{line} {framing:?}: {answer:?}");
    };
    let requests = [("POST /token", 400), ("POST /login", 400), ("GET /health/live", 200), ("POST /nothing", 404)];
    join_all(requests.iter().flat_map(|(line, status)| {
        let framings = ["Content-Length: 100\r\n\r\ngrant", "Transfer-Encoding: chunked\r\n\r\n5\r\ngrant"];
        framings.map(|framing| check(line, framing, *status))
    }))
    .await;
}

/// RFC 9112 §9.5: only who is silent is cut off, not who is being answered.
#[tokio::test]
async fn a_body_may_take_longer_than_a_head() {
    let app = TestApp::with(|settings| settings.limits.head_timeout = HEAD_TIMEOUT).await;
    let head = format!("POST /token HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n", app.port);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 20\r\n\r\ngrant_type";
    let pause = HEAD_TIMEOUT + Duration::from_millis(500);
    let answer = raw::send_in_two(&app, format!("{head}{form}").as_bytes(), pause, b"=implicit&").await;
    assert_eq!((answer.status, answer.count()), (401, 1), "{answer:?}");
    assert!(answer.text.contains("\"invalid_client\""), "{answer:?}");
}

/// RFC 9112 §5.4: a head has a bound, and it is a small one.
#[tokio::test]
async fn an_endless_head_is_cut_off() {
    let app = TestApp::start().await;
    let head = format!("GET /login HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", app.port);
    let many: String = (0..400).map(|n| format!("X-{n}: y\r\n")).collect();
    // The framework's parser ends here, before anything of ours: an empty answer, and the end of the connection.
    let answer = raw::send(&app, format!("{head}{many}\r\n").as_bytes()).await;
    assert_eq!((answer.status, answer.count()), (431, 1), "{answer:?}");
    let long = format!("{head}X: {}\r\n\r\n", "y".repeat(300_000));
    let answer = raw::send(&app, long.as_bytes()).await;
    assert!(answer.status == 0 || (400..500).contains(&answer.status), "{answer:?}");
}

/// RFC 9112 §9.3: an honest keep-alive connection carries several requests.
#[tokio::test]
async fn a_well_formed_pipeline_is_answered_in_order() {
    let app = TestApp::start().await;
    let one = format!("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", app.port);
    let last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answer = raw::send(&app, format!("{one}{one}{last}").as_bytes()).await;
    assert_eq!((answer.status, answer.count()), (200, 3), "{answer:?}");
    let chunked = "POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                   Transfer-Encoding: chunked\r\n\r\n9\r\nclient_id\r\n4\r\n=spa\r\n0\r\n\r\n";
    let answer = raw::send(&app, chunked.as_bytes()).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text.contains("a required parameter is missing"), "{answer:?}");
}
