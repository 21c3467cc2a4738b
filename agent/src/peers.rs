//! Asks the agents of the other hosts.
