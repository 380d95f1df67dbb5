//! What the integration tests share: a fresh database each, the real binary on a port of its own, and programs that
//! are run against it. Every test binary uses a part of this.
#![allow(dead_code, reason = "each test binary uses a part of the shared support")]

pub mod databases;
pub mod own_server;
pub mod programs;
pub mod server;
