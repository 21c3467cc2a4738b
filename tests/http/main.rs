//! The HTTP side over real sockets: every path and method, the text of the metrics, clients that mean harm, and the
//! agents of other hosts that answer, refuse, hang or talk too much.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

mod agent_check;
mod endpoints;
mod hostile;
mod openmetrics;
mod peers;
mod world;
