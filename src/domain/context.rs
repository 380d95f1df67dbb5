//! What a request brings along besides its parameters: a plain value, so that services need not know HTTP.

use super::time::Timestamp;
use std::net::IpAddr;

/// The context of one request.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The time of the request: the edge reads the clock once.
    pub now: Timestamp,
    /// The id of the request in logs, 16 hexadecimal digits.
    pub request_id: String,
    /// The source address, after trusted proxies.
    pub source: Option<IpAddr>,
}
