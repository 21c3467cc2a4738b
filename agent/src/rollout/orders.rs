//! What people order of single instances of this host. In: orders of the control socket. Out: what the roll-out task is to
//! do about them, and words for who waits at a terminal. Whether an instance may move is decided in the domain.

use rocketmq_agent_domain::{
    health::report::{HostReport, State},
    launch::{Cause, cause},
    names::InstanceName,
    rollout::{Phase, Record, Stop, Turn, Turns, Verb, Wish},
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// What a person may order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByHand {
    /// Stop it and start it again.
    Restart,
    /// Stop it, until it is started by a person or the host is booted.
    Stop,
    /// Start what was stopped, or failed too often to be tried soon.
    Start,
}

impl ByHand {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            ByHand::Restart => "restart",
            ByHand::Stop => "stop",
            ByHand::Start => "start",
        }
    }

    fn done(self) -> &'static str {
        match self {
            ByHand::Restart => "is restarted",
            ByHand::Stop => "is stopped",
            ByHand::Start => "runs",
        }
    }
}

/// An order for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Which.
    pub instance: InstanceName,
    /// What.
    pub verb: ByHand,
    /// Through no gate.
    pub now: bool,
    /// Wait for a gate that is closed, rather than be refused.
    pub wait: bool,
}

/// What became of an order so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// How far it is.
    Says(String),
    /// The same, and why it is no further.
    Waits(String, Cause),
    /// It is done.
    Done(String),
    /// It is not done.
    Refused(Cause),
}

/// An order, and who is told of it. Who has gone away by the time that it would begin has ordered nothing.
#[derive(Debug)]
pub struct Order {
    /// What is wanted.
    pub wanted: Wanted,
    /// Its terminal.
    pub told: mpsc::UnboundedSender<Progress>,
}

impl Order {
    fn tell(&self, progress: Progress) {
        // Who has gone does not want to know.
        let _ = self.told.send(progress);
    }

    fn done(&self) {
        self.tell(Progress::Done(format!("{} {}", self.wanted.instance, self.wanted.verb.done())));
    }

    fn refuse(&self, id: &str, what: String, fix: String) {
        self.tell(Progress::Refused(cause(id, what, fix)));
    }
}

/// One that goes through no gate.
struct AtOnce {
    order: Order,
    /// The process at the time; none where there was none.
    pid: Option<u32>,
    /// Reports that were published since: after two the loop has seen the order.
    reports: u8,
    last_report: u64,
}

/// The orders that are being followed.
#[derive(Default)]
pub(super) struct Orders {
    gated: Option<Order>,
    at_once: Vec<AtOnce>,
    said: String,
}

impl Orders {
    pub fn is_empty(&self) -> bool {
        self.gated.is_none() && self.at_once.is_empty()
    }

    /// What is to go through the gate.
    pub fn wish(&self) -> Option<Wish> {
        let wanted = &self.gated.as_ref()?.wanted;
        let verb = if wanted.verb == ByHand::Stop { Verb::Stop } else { Verb::Restart };
        Some(Wish { instance: wanted.instance.clone(), verb })
    }

    /// Takes an order, or refuses it.
    pub fn begin(&mut self, order: Order, own: &HostReport) {
        let Wanted { instance: name, verb, now, .. } = order.wanted.clone();
        let Some(instance) = own.instances.iter().find(|it| it.instance == name) else {
            let names: Vec<&str> = own.instances.iter().map(|it| it.instance.as_str()).collect();
            let what = format!("{} has no instance {name}; it has {}", own.host, names.join(", "));
            return order.refuse("no-such-instance", what, "give the order on the host that has it".to_owned());
        };
        match (verb, instance.pid) {
            (ByHand::Restart, None) => {
                let what = format!("{name} does not run");
                return order.refuse("not-running", what, format!("`rocketmq-agent start {name}` starts it"));
            }
            (ByHand::Restart | ByHand::Stop, Some(_)) if !now => {
                if let Some(other) = &self.gated {
                    let (verb, other) = (other.wanted.verb.word(), &other.wanted.instance);
                    let what = format!("somebody has ordered to {verb} {other}, and that is not over");
                    return order.refuse("busy", what, String::new());
                }
                self.said.clear();
                self.gated = Some(order);
                return;
            }
            _ => {}
        }
        // The last order for an instance counts.
        self.at_once.retain(|it| it.order.wanted.instance != name);
        self.at_once.push(AtOnce { order, pid: instance.pid, reports: 0, last_report: own.at });
    }

    /// Puts what goes through no gate into what the loop is told.
    pub fn add_to(&self, turns: &mut Turns) {
        for AtOnce { order, pid, reports, .. } in &self.at_once {
            let name = order.wanted.instance.clone();
            let stays = order.wanted.verb == ByHand::Stop;
            match order.wanted.verb {
                ByHand::Start if *reports < 2 => drop(turns.start.insert(name)),
                ByHand::Start => {}
                ByHand::Restart | ByHand::Stop => drop(turns.stop.insert(name, Stop { pid: *pid, stays })),
            }
        }
    }

    /// Tells the terminals how far it is; forgets what is over.
    pub fn look_at(&mut self, own: &HostReport) {
        self.at_once.retain_mut(|it| {
            if it.last_report != own.at {
                (it.last_report, it.reports) = (own.at, it.reports.saturating_add(1));
            }
            let name = &it.order.wanted.instance;
            let Some(seen) = own.instances.iter().find(|seen| seen.instance == *name) else { return false };
            let is_over = match it.order.wanted.verb {
                ByHand::Stop => seen.pid.is_none() && seen.reasons.iter().any(|cause| cause.id == "stopped-by-hand"),
                // Its partner may be why it was done without regard for the gate.
                ByHand::Restart => seen.pid.is_some() && seen.pid != it.pid && seen.answers,
                ByHand::Start => it.reports >= 2 && seen.answers,
            };
            if is_over {
                it.order.done();
            } else {
                let why = seen.reasons.first().filter(|_| !matches!(seen.state, State::Ready | State::Stopping));
                say(&it.order, &mut self.said, format!("is {}", seen.state), why.cloned());
            }
            // Until the loop has seen it, it is an order, whoever waits for it.
            !is_over && (it.reports < 2 || !it.order.told.is_closed())
        });
    }

    /// What a step of the roll-out means for the order that goes through the gate.
    pub fn stepped(&mut self, before: Option<&Record>, after: Option<&Record>, turn: Option<&Turn>) {
        let Some(order) = &mut self.gated else { return };
        let name = order.wanted.instance.clone();
        let own = |record: Option<&Record>| {
            let record = record.filter(|it| matches!(it.verb, Verb::Restart | Verb::Stop) && it.instance == name);
            record.map(|record| record.phase).filter(|phase| phase.is_in_flight())
        };
        let waits = turn.and_then(|turn| turn.waits.clone());
        let is_over = match (own(before), own(after)) {
            (Some(Phase::Starting | Phase::Stopping), None) => {
                order.done();
                true
            }
            // The gate closed during the drain. What has begun waits until it opens again.
            (Some(_), None) => {
                order.wanted.wait = true;
                order.told.is_closed()
            }
            (_, Some(_)) => false,
            (None, None) => match &waits {
                _ if order.told.is_closed() => true,
                // Whoever moves now is through in a while, and then what it moved has to settle.
                Some(cause) if cause.id == "in-flight" => {
                    order.wanted.wait = true;
                    false
                }
                Some(cause) if !order.wanted.wait => {
                    order.tell(Progress::Refused(cause.clone()));
                    true
                }
                _ => false,
            },
        };
        if !is_over && let Some(turn) = turn {
            say(order, &mut self.said, turn.in_words(), waits);
        }
        if is_over {
            self.gated = None;
        }
    }
}

/// Says how far it is, where that is something new.
fn say(order: &Order, said: &mut String, words: String, why: Option<Cause>) {
    let words = format!("{} {words}", order.wanted.instance);
    let all = format!("{words}: {}", why.as_ref().map_or("", |cause| cause.what.as_str()));
    if *said != all {
        *said = all;
        order.tell(match why {
            Some(cause) => Progress::Waits(words, cause),
            None => Progress::Says(words),
        });
    }
}
