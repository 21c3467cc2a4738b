//! Whether an instance hangs, and whether it may be ended for it. In: how long it has been silent, what is seen of its
//! process, how the others are, and what the cluster file wants. Out: a verdict, and words. Pure: all times come in.
//!
//! An instance that has neither answered since its process started nor taken a connection is not here at all: it is
//! starting. A broker checks its store for as long as that takes, and opens its port after it (4.7.0-5.5.0
//! `BrokerController.start`).

use crate::{
    finding::{self, Finding},
    launch::Cause,
    observed::Fact,
};
use std::{fmt::Display, str::FromStr, time::Duration};

/// What is done about an instance that hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHang {
    /// It is named.
    Report,
    /// It is named, and ended where nothing speaks against it; it is started again as after a crash.
    Restart,
}

/// A word that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"report\" or \"restart\"")]
pub struct OnHangError;

impl FromStr for OnHang {
    type Err = OnHangError;
    fn from_str(text: &str) -> Result<Self, OnHangError> {
        match text {
            "report" => Ok(Self::Report),
            "restart" => Ok(Self::Restart),
            _ => Err(OnHangError),
        }
    }
}

/// What the cluster file says about hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What is done.
    pub on_hang: OnHang,
    /// From how long a silence on it is a hang.
    pub after: Duration,
}

/// An instance is ended for a hang at most once in this time: one that hangs again soon is not helped by it.
pub const AGAIN_AFTER: Duration = Duration::from_secs(30 * 60);

/// What the kernel says that a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// It runs, or waits for something ordinary.
    Runs,
    /// SIGSTOP.
    Stopped,
    /// A debugger holds it, or a tool that takes a dump of it.
    Traced,
    /// A thread of it waits for a disk and takes no signal.
    WaitsForDisk,
}

/// The others that could do an instance's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Others {
    /// There are none: a group of one, a single NameServer.
    Nobody,
    /// At least one of them answers.
    Answer,
    /// None is known to answer, for this reason.
    Unknown(String),
}

/// An instance that serves, as far as can be seen, and does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// For how long it was asked in vain.
    pub quiet_for: Duration,
    /// It has answered this agent before. One that has not may hang since before the agent was there.
    pub has_answered: bool,
    /// Its port takes connections. One that was told to stop closes its port first and flushes its store then.
    pub accepts: bool,
    /// What its process does.
    pub activity: Fact<Activity>,
    /// The other member of its group, or the other NameServers.
    pub others: Others,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is no hang, or not yet.
    Patience,
    /// It hangs, and is named.
    Named,
    /// It hangs and would be ended, but for this.
    NotNow(String),
    /// It is to be ended.
    End,
}

/// Judges a silence. `last_end`: how long ago the instance was ended for a hang, where it was.
pub fn judge(policy: Policy, silence: &Silence, last_end: Option<Duration>) -> Verdict {
    if !silence.accepts || silence.quiet_for < policy.after {
        return Verdict::Patience;
    }
    if policy.on_hang == OnHang::Report {
        return Verdict::Named;
    }
    match &silence.activity {
        Fact::Known(Activity::Runs | Activity::Stopped) => {}
        Fact::Known(Activity::Traced) => return Verdict::NotNow("a debugger or a dump has it".to_owned()),
        Fact::Known(Activity::WaitsForDisk) => {
            return Verdict::NotNow("it waits for its disk, and so would its successor".to_owned());
        }
        Fact::Unknown(why) => return Verdict::NotNow(format!("what its process does cannot be told: {why}")),
    }
    match (&silence.others, last_end) {
        (Others::Unknown(why), _) => Verdict::NotNow(why.clone()),
        (_, Some(ago)) if ago < AGAIN_AFTER => {
            Verdict::NotNow(format!("it was restarted for a hang {} min ago", ago.as_secs() / 60))
        }
        _ => Verdict::End,
    }
}

/// A hang in words.
pub fn cause(verdict: &Verdict, silence: &Silence, port: u16, pid: u32) -> Cause {
    let is_ended = *verdict == Verdict::End;
    let look = match silence.activity {
        Fact::Known(Activity::Stopped) => ("stopped", &pid as &dyn Display),
        Fact::Known(Activity::WaitsForDisk) => ("disk", &"dmesg" as _),
        _ => ("jvm", &pid as _),
    };
    let why = if let Verdict::NotNow(why) = verdict { Some(why as &dyn Display) } else { None };
    let end = is_ended.then_some(&"it is ended and started again" as &dyn Display);
    let fix = [("end", end), ("why", why), (look.0, Some(look.1).filter(|_| !is_ended))];
    told(finding::HANGS, silence, port, pid, &fix)
}

/// Why an instance that was ended for it does not run.
pub fn ended(silence: &Silence, port: u16, pid: u32) -> Cause {
    told(finding::HUNG, silence, port, pid, &[])
}

type Value<'v> = (&'static str, Option<&'v dyn Display>);

fn told(finding: Finding, silence: &Silence, port: u16, pid: u32, fix: &[Value<'_>]) -> Cause {
    let never = (!silence.has_answered).then_some(&"nor ever since this agent runs" as &dyn Display);
    let activity: Option<&dyn Display> = match silence.activity {
        Fact::Known(Activity::Stopped) => Some(&"is stopped (SIGSTOP)"),
        Fact::Known(Activity::Traced) => Some(&"is held by a debugger or a dump"),
        Fact::Known(Activity::WaitsForDisk) => Some(&"waits for its disk"),
        Fact::Known(Activity::Runs) | Fact::Unknown(_) => None,
    };
    let seconds = silence.quiet_for.as_secs();
    let seen: [Value<'_>; 5] = [
        ("port", Some(&port)),
        ("seconds", Some(&seconds)),
        ("never", never),
        ("pid", Some(&pid)),
        ("activity", activity),
    ];
    finding.of_known(&[&seen, fix].concat())
}

#[cfg(test)]
mod tests;
