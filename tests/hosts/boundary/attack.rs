//! A process of RocketMQ's account, what of root's it may not touch, and what is seen of the agent meanwhile.

use crate::{
    lab::Lab,
    real::{LONG, poll},
    vm::{self, Vm},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A file of root's, and a folder of root's with one in it. What stands in them is seen nowhere else.
pub(super) const CANARIES: &str = "umask 077; mkdir -p /root/canary; echo canary-of-roots > /root/canary/file; \
                        echo canary-of-roots > /etc/canary";
pub(super) const LOOK: &str = "for path in /root/canary /root/canary/file /etc/canary /etc/shadow /usr/bin/rocketmq-agent; do \
                    stat -c '%n %u:%g %a %F' $path; done; cat /root/canary/* /etc/canary; ls -a /root/canary";
/// What the agent may take to answer.
const LIVE: Duration = Duration::from_secs(2);

/// Runs a script as RocketMQ's account, without any rights; what it printed.
pub(super) fn attack(vm: &Vm, script: &str) -> String {
    let arguments =
        ["setpriv", "--reuid=3000", "--regid=3000", "--clear-groups", "--no-new-privs", "bash", "-c", script];
    vm::text(&vm.exec(&arguments))
}

/// Ends the asking also where a claim fails.
pub(super) struct Over<'o>(pub &'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does something while the agent is asked again and again whether it lives.
pub(super) fn while_alive<T>(lab: &Lab, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let (status, said) = lab.get("vm1", "/livez").unwrap();
                assert_eq!(status, 200, "{said}");
                slowest = slowest.max(asked.elapsed());
                thread::park_timeout(Duration::from_millis(100));
            }
            slowest
        });
        let ending = Over(&over);
        let done = work();
        drop(ending);
        let slowest = asking.join().unwrap();
        assert!(slowest < LIVE, "/livez took {slowest:?}");
        done
    })
}

/// Starts the broker by hand where the agent holds it back for what it met before, and waits until it serves.
pub(super) fn until_broker_serves(vm: &Vm) {
    vm.ok(&["systemctl", "start", "--no-block", "rocketmq-broker-a"]);
    crate::bring_up::until_active(vm, "rocketmq-broker-a");
}

/// Ends the broker, so that all of its files are looked at, and waits until the agent has something to say of it.
pub(super) fn broker_ends(lab: &Lab, vm: &Vm) {
    let pid = vm.property("rocketmq-broker-a", "MainPID");
    attack(vm, &format!("kill -9 {pid}"));
    poll(LONG, "the end of the broker is seen", || {
        let state = vm.property("rocketmq-broker-a", "MainPID");
        if state != pid { Ok(()) } else { Err(state) }
    });
    two_passes(lab);
}

/// Two passes of the loop have looked at what lies there.
pub(super) fn two_passes(lab: &Lab) {
    for _ in 0..2 {
        let before = lab.report("vm1").unwrap().at;
        poll(LONG, "another pass", || match lab.report("vm1")?.at {
            at if at > before => Ok(()),
            at => Err(at.to_string()),
        });
    }
}
