//! Takes back what nobody confirmed. In: what is held. Out: the document before it, put forward again. Every config host
//! does it by its own clock and from what is on its disk, so that none of them has to live for it; the register makes
//! one change of it.

use crate::{
    audit::{Audit, Line, Who},
    clock,
    sync::{Ended, Handle, proposal},
};
use rocketmq_agent_domain::{
    document::{Change, Document, Trial},
    register::{Entry, Outcome},
};
use std::time::Duration;
use tokio::time::sleep;
use tracing::{info, warn};

/// A clock may be set while it is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Config hosts after the first one let it try for so long.
const APART: Duration = Duration::from_secs(3);
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(5);

/// Watches over what is held, for as long as the agent lives.
pub(super) async fn watch(handle: Handle, audit: Audit) {
    let mut view = handle.view.clone();
    loop {
        let held = view.borrow_and_update().held.clone();
        let rest = held.as_ref().and_then(|entry| rest(entry, &handle));
        match (held, rest) {
            (Some(held), Some(Duration::ZERO)) => {
                revert(&handle, &held, &audit).await;
                sleep(PAUSE).await;
            }
            (_, rest) => {
                let over = rest.map_or(LONGEST_WAIT, |rest| rest.min(LONGEST_WAIT));
                // Both are cancel-safe.
                tokio::select! {
                    changed = view.changed() => if changed.is_err() { return },
                    () = sleep(over) => {}
                }
            }
        }
    }
}

/// How long this host has to wait yet; none where it has nothing to do with it.
fn rest(held: &Entry, handle: &Handle) -> Option<Duration> {
    let Trial { until, .. } = held.document().trial()?;
    let place = held.document().config_hosts().iter().position(|host| host == handle.book.me())?;
    let turn = Duration::from_millis(until) + APART * u32::try_from(place).ok()?;
    Some(turn.saturating_sub(Duration::from_millis(clock::now())))
}

async fn revert(handle: &Handle, held: &Entry, audit: &Audit) {
    let number = held.mark().generation;
    let document = match document(handle, held) {
        Ok(document) => document,
        Err(why) => return warn!("generation {number} was not confirmed, and cannot be taken back here: {why}"),
    };
    let who = Who::of(rustix::process::geteuid().as_raw());
    let what = format!("generation {number}");
    let line = Line::asked(who, "rocketmq-agent", "take back", what, "nobody confirmed it");
    match handle.propose(document.clone()).await {
        Ended::Decided(Outcome::Committed { .. }) => {
            let outcome = format!("committed as generation {}", document.generation());
            audit.note(Line { outcome, ..line });
        }
        // Another host may have done it, or somebody has confirmed; what is held in the end tells.
        other => info!("generation {number} is not taken back by this host: {other:?}"),
    }
}

fn document(handle: &Handle, held: &Entry) -> Result<Document, String> {
    let words = |error: anyhow::Error| format!("{error:#}");
    let trial = held.document().trial().ok_or("it holds")?;
    let history = handle.history().map_err(|error| words(error.into()))?;
    let before = history.iter().find(|entry| entry.mark().hash == trial.back_to);
    let before = before.ok_or("this host never held the document before it")?.document();
    let change = Change {
        author: "rocketmq-agent".to_owned(),
        host: handle.book.me().clone(),
        time: clock::now(),
        message: format!("nobody confirmed generation {}", held.mark().generation),
    };
    proposal::reverting(held, before, change).map_err(|error| words(error.into()))
}
