//! Asks one config host for something newer than what is held, over and over: a long poll that is answered when there
//! is. In: what is held. Out: what the config host holds, for the register to judge.

use super::{AddressBook, client::Link, handle::Command, pause, state::View};
use rocketmq_agent_domain::{names::HostName, register::Entry};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

pub(super) async fn pull(
    host: HostName,
    book: Arc<AddressBook>,
    view: watch::Receiver<Arc<View>>,
    commands: mpsc::Sender<Command>,
) {
    let mut link = Link::new(host.clone(), book);
    let mut failures = 0;
    loop {
        let held = view.borrow().held.as_ref().map(Entry::mark);
        match link.poll(held).await {
            Ok(None) => failures = 0,
            Ok(Some(message)) => {
                let (answer, answered) = oneshot::channel();
                let receive = Command::Receive { from: host.clone(), message, answer: Some(answer) };
                if commands.send(receive).await.is_err() || answered.await.is_err() {
                    return;
                }
                // What the register does not take will be offered again.
                if view.borrow().held.as_ref().map(Entry::mark) == held {
                    tokio::time::sleep(pause(failures)).await;
                    failures += 1;
                } else {
                    failures = 0;
                }
            }
            Err(_) => {
                tokio::time::sleep(pause(failures)).await;
                failures += 1;
            }
        }
    }
}
