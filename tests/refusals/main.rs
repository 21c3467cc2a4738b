//! What the program refuses, in which words, with which exit status, and that nothing was touched on the way. The real
//! binary on folders of its own; no JVM runs, as the Java that it is given only notes that it was called.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

mod agent;
mod at_start;
mod commands;
mod edits;
mod notify;
mod running;
mod world;
