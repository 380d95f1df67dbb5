//! Checks of a request's head that need no route: what is ambiguous is refused and the connection closed
//! (RFC 9112 §3.2, §6.1).

use crate::domain::refusal::{self, Refusal};
use actix_web::dev::ServiceRequest;
use actix_web::http::{Version, header};

const LONGEST_TARGET: usize = 32 * 1024;
const MOST_HEADERS: usize = 90;

pub(super) fn check(request: &ServiceRequest) -> Result<(), Refusal> {
    let headers = request.headers();
    let count = |name| headers.get_all(name).count();
    let malformed = |sent: &str, expected: &str| Err(Refusal::by(&refusal::REQUEST_MALFORMED).because(sent, expected));
    if count(header::HOST) > 1 || (count(header::HOST) == 0 && request.version() == Version::HTTP_11) {
        return malformed("no Host header or several", "one Host header");
    }
    if count(header::CONTENT_LENGTH) > 1 || (count(header::CONTENT_LENGTH) > 0 && count(header::TRANSFER_ENCODING) > 0)
    {
        return malformed("a body with ambiguous length", "Content-Length or Transfer-Encoding, once");
    }
    if headers.len() > MOST_HEADERS {
        return malformed("too many header fields", "fewer header fields");
    }
    if request.uri().to_string().len() > LONGEST_TARGET {
        return malformed("a request target that is too long", "at most 32 KiB; send the parameters by POST");
    }
    Ok(())
}
