//! Connections without end that prove nothing, while the hosts agree on a change.

use super::attack::{Over, while_alive};
use crate::{
    lab::Lab,
    one_file::{apply, generation, text, until_works_from},
    real::{LONG, until},
    refusals::{ALL, SYNC_PORT},
};
use std::{
    collections::VecDeque,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// So many are open at a time.
const HELD: usize = 1100;

/// Opens one after another, and lets the oldest go.
fn flood(target: SocketAddr, opened: &AtomicUsize, over: &AtomicBool) {
    let mut held = VecDeque::new();
    while !over.load(Ordering::Relaxed) {
        // Where the other end is busy, this one waits a little, and goes on.
        let Ok(connection) = TcpStream::connect_timeout(&target, Duration::from_secs(1)) else { continue };
        held.push_back(connection);
        opened.fetch_add(1, Ordering::Relaxed);
        if held.len() > HELD {
            held.pop_front();
        }
    }
}

pub fn boundary_floods_of_connections_keep_no_change_out(lab: &mut Lab) {
    let pids = lab.pids();
    let (opened, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let target = SocketAddr::new(lab.vms[0].address.into(), SYNC_PORT);
    thread::scope(|scope| {
        scope.spawn(|| flood(target, &opened, &over));
        let _ending = Over(&over);
        until(LONG, "there is a flood", || opened.load(Ordering::Relaxed) > HELD);
        while_alive(lab, || {
            for (hours, from) in [(400, 1), (401, 0), (402, 1)] {
                let (before, began) = (generation(lab, "vm1"), opened.load(Ordering::Relaxed));
                apply(&lab.vms[from], &text(lab, hours));
                until_works_from(lab, &ALL, before + 1);
                println!("  {} connections came meanwhile", opened.load(Ordering::Relaxed) - began);
            }
        });
    });
    lab.until_ready();
    assert_eq!(lab.pids(), pids);
}
