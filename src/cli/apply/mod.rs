//! x
mod document;
mod tree;
