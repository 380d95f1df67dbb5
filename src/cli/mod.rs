//! The command line.
pub mod apply;
