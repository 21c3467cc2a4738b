//! What is kept of one address: its connection, and whether the next one is to be tried the other way, over TLS or in plain
//! text. In: what came of a connection. Out: how to make the next.

use super::connection::Connection;
use std::{mem, time::Duration};
use tokio::time::Instant;

/// Where neither way is one, who asks every second hears the same answer nearly every time.
const OTHERWISE_EVERY: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) connection: Option<Connection>,
    otherwise: bool,
    /// Before this the other way is not tried again: it came to nothing.
    again: Option<Instant>,
}

impl Kept {
    /// Whether the connection that is made now is to be made the other way.
    pub(super) fn take_turn(&mut self) -> bool {
        mem::take(&mut self.otherwise)
    }

    /// Takes in that a connection came to nothing.
    pub(super) fn shut_out(&mut self, as_expected: bool) {
        let now = Instant::now();
        self.otherwise = as_expected && self.again.is_none_or(|again| again <= now);
        if !as_expected {
            self.again = Some(now + OTHERWISE_EVERY);
        }
    }
}
