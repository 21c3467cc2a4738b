//! Compares an instance's commit log with the other member's, and makes them agree where one of them lost something. In:
//! both, and how far they reach. Out: that the instance may start, or what it waits for.

use super::{
    Admission,
    seek::{Outcome, Seeker, Tries},
};
use crate::{
    clock,
    commit_log::{Comparison, Filled, PIECE, Pair, Side, compare, fill},
    sync::{PairError, RemoteLog},
    untrusted,
};
use rocketmq_agent_domain::{
    admission::{Grounds, Lengths, Pending, enough},
    commit_log::{Extent, Verdict},
    finding,
    launch::Role,
    size::Size,
};
use rustix::fs::OFlags;
use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

/// A broker of 5.5.0 builds its queues over the last 10 GiB of a log that was not closed, and over no more (`conf::broker`):
/// what lies before would be there, and read by nobody.
const MOST: u64 = 8 << 30;
/// So often at most is it said how far a repair is.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Before a master starts: what only its slave has is taken back.
pub(super) async fn master(
    admission: &Admission,
    seeker: &Seeker<'_>,
    log: &RemoteLog,
    own: Extent,
    other: &Extent,
    tries: &mut Tries,
) -> Result<Outcome, PairError> {
    let member = seeker.member();
    let range = match member.lengths(&own, other) {
        Lengths::Nothing => return Ok(Outcome::Granted(Grounds::Compared)),
        Lengths::Refused(cause) => {
            let lacks = cause.id == finding::MASTER_EMPTY.id;
            return Ok(Outcome::Waits(Pending { cause, end: Some(own.end), lacks }));
        }
        Lengths::Compare(range) => range,
    };
    let pair = Pair { local: &seeker.log, side: Side::Master, remote: log };
    loop {
        let verdict = match compare(&pair, range.clone(), enough(Role::Master)).await? {
            Comparison::Equal => break,
            Comparison::Differs(verdict) => verdict,
        };
        let from = match verdict {
            Verdict::MasterLacks { from } => from,
            // What the slave has there is no message, or a torn one: it is restarted for it, below.
            Verdict::SlaveEnds { .. } | Verdict::SlaveTorn { .. } | Verdict::Same { .. } => break,
            Verdict::Diverged { .. } => return Ok(diverged(seeker, verdict, &own, other)),
        };
        // A file that was made the moment before has no length yet.
        let size = own.file_size.max(other.file_size);
        if range.end - from >= MOST {
            let ahead = Size(range.end - from);
            let cause = member.behind(&ahead, &format!("they are {} or more", Size(MOST)), None);
            return Ok(Outcome::Waits(Pending { cause, end: Some(own.end), lacks: true }));
        }
        let mut progress = Progress { admission, seeker, from, end: range.end, began: Instant::now(), told: None };
        progress.tell(from);
        leave_open(seeker).await?;
        match fill(&seeker.log, log, from..range.end, size, |reached| progress.tell(reached)).await? {
            Filled::To(reached) => {
                let (first, bytes) = tries.repaired.unwrap_or((from, 0));
                tries.repaired = Some((first.min(from), bytes + (reached - from)));
                // Without progress the slave has no whole message there after all.
                if reached == from {
                    break;
                }
            }
            Filled::Diverged { at, own: master, other: slave } => {
                return Ok(diverged(seeker, Verdict::Diverged { at, master, slave }, &own, other));
            }
        }
    }
    let end = seeker.extent().await?.end;
    if let Some(outcome) = cut(seeker, log, end, other, tries).await? {
        return Ok(outcome);
    }
    Ok(granted(tries.repaired))
}

/// A slave that ends in what is no whole message would acknowledge it: it is restarted before the master is there to take
/// that for an acknowledgement. What it waits for, while it is not done.
async fn cut(
    seeker: &Seeker<'_>,
    log: &RemoteLog,
    end: u64,
    other: &Extent,
    tries: &mut Tries,
) -> Result<Option<Outcome>, PairError> {
    let beyond = other.end.saturating_sub(end);
    let ends_well = !other.running || (other.serving && beyond == 0);
    if ends_well || (beyond == 0 && !tries.cut) {
        return Ok(None);
    }
    if other.serving {
        log.cut(end).await?;
        tries.cut = true;
    }
    let cause = finding::SLAVE_CUT.of(&[("host", &seeker.partner), ("size", &Size(beyond))]);
    Ok(Some(Outcome::Waits(Pending { cause, end: Some(end), lacks: false })))
}

/// Before a slave starts: it is a prefix of its master, but for what its own recovery cuts off.
pub(super) async fn slave(
    admission: &Admission,
    seeker: &Seeker<'_>,
    log: &RemoteLog,
    own: Extent,
    other: &Extent,
) -> Result<Outcome, PairError> {
    let member = seeker.member();
    let own = cut_off(admission, seeker, own).await?;
    let own = begin(seeker, log, own, other).await?;
    let waits = |cause| Ok(Outcome::Waits(Pending { cause, end: Some(own.end), lacks: false }));
    let range = match member.lengths(&own, other) {
        Lengths::Nothing => return Ok(Outcome::Granted(Grounds::Compared)),
        Lengths::Refused(cause) => return waits(cause),
        Lengths::Compare(range) => range,
    };
    if other.serving && own.end > other.end {
        return waits(member.longer(&Size(own.end - other.end)));
    }
    let pair = Pair { local: &seeker.log, side: Side::Slave, remote: log };
    let mut repaired: Option<(u64, u64)> = None;
    loop {
        let verdict = match compare(&pair, range.clone(), enough(Role::Slave)).await? {
            Comparison::Equal => break,
            Comparison::Differs(verdict) => verdict,
        };
        match verdict {
            Verdict::SlaveEnds { .. } | Verdict::Same { .. } => break,
            // A master that does not run takes back what it lacks before it starts.
            Verdict::MasterLacks { .. } if !other.running => break,
            Verdict::MasterLacks { from } => return waits(member.longer(&Size(own.end.saturating_sub(from)))),
            Verdict::Diverged { .. } => return Ok(diverged(seeker, verdict, &own, other)),
            Verdict::SlaveTorn { at } => {
                let mut progress =
                    Progress { admission, seeker, from: at, end: range.end, began: Instant::now(), told: None };
                leave_open(seeker).await?;
                let size = own.file_size.max(other.file_size);
                match fill(&seeker.log, log, at..range.end, size, |reached| progress.tell(reached)).await? {
                    Filled::To(reached) if reached > at => {
                        let (first, bytes) = repaired.unwrap_or((at, 0));
                        repaired = Some((first, bytes + (reached - at)));
                    }
                    Filled::To(_) => break,
                    Filled::Diverged { at, own: slave, other: master } => {
                        return Ok(diverged(seeker, Verdict::Diverged { at, master, slave }, &own, other));
                    }
                }
            }
        }
    }
    Ok(granted(repaired))
}

/// Cuts a slave's log where its master's host asked for that. How far it reaches then.
async fn cut_off(admission: &Admission, seeker: &Seeker<'_>, own: Extent) -> Result<Extent, PairError> {
    let Some(at) = admission.cut_of(&seeker.launch.instance) else { return Ok(own) };
    if at < own.end {
        tracing::info!(instance = %seeker.launch.instance, "{}: its log is cut at {at}", seeker.launch.instance);
    }
    leave_open(seeker).await?;
    seeker.log.with(move |files| files.blank(at)).await?;
    admission.cut_is_done(&seeker.launch.instance);
    Ok(seeker.extent().await?)
}

/// A slave with files and no message in them reports offset 0, and its master sends from the beginning of its own last file: RocketMQ
/// would write that into the first one (seen on 5.5.0). The first messages of the master let it go on from there.
async fn begin(seeker: &Seeker<'_>, log: &RemoteLog, own: Extent, other: &Extent) -> Result<Extent, PairError> {
    let (Some(min), true, false) = (own.min, own.is_empty(), other.is_empty()) else { return Ok(own) };
    if own.file_size > 0 && own.file_size != other.file_size {
        return Ok(own);
    }
    if other.min == Some(min) {
        leave_open(seeker).await?;
        fill(&seeker.log, log, min..other.end.min(min + PIECE), other.file_size, |_| {}).await?;
    } else {
        seeker.log.with(|files| files.remove_blank()).await?;
    }
    Ok(seeker.extent().await?)
}

/// It may start; what was taken back, if anything: from where on, and how many bytes.
fn granted(repaired: Option<(u64, u64)>) -> Outcome {
    Outcome::Granted(repaired.map_or(Grounds::Compared, |(from, bytes)| Grounds::Repaired { from, bytes }))
}

fn diverged(seeker: &Seeker<'_>, verdict: Verdict, own: &Extent, other: &Extent) -> Outcome {
    let cause = seeker.member().diverged(verdict, own, other, clock::in_words);
    let cause = cause.unwrap_or_else(|| finding::COMPARING.of(&[("host", &seeker.partner)]));
    let lacks = seeker.launch.role != Role::Slave;
    Outcome::Waits(Pending { cause, end: Some(own.end), lacks })
}

/// RocketMQ builds its queues and index over what was taken back only where the store was not closed cleanly
/// (`DefaultMessageStore.isTempFileExist`, 4.5-5.5.0). Before the first byte is written: whoever goes on after this was killed finds
/// both logs equal, and nothing to say that they were not.
async fn leave_open(seeker: &Seeker<'_>) -> Result<(), PairError> {
    let abort = seeker.store.root.join("abort");
    let made = seeker
        .log
        .with(move |_| make(&abort).map_err(|source| crate::commit_log::LogError::Write { path: abort, source }));
    Ok(made.await?)
}

/// A link or a FIFO there is the broker's: this neither follows nor waits.
fn make(path: &Path) -> io::Result<()> {
    untrusted::open_or_make(path, OFlags::WRONLY, 0o640)?.sync_all()
}

/// How far a repair is, said now and then.
struct Progress<'a> {
    admission: &'a Admission,
    seeker: &'a Seeker<'a>,
    from: u64,
    end: u64,
    began: Instant,
    told: Option<Instant>,
}

impl Progress<'_> {
    fn tell(&mut self, reached: u64) {
        if self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let (done, total) = (reached - self.from, self.end - self.from);
        let left = self.began.elapsed().as_millis() as u64 * (total - done) / done.max(1) / 1000;
        let cause = self.seeker.member().repairing(done, total, (done > 0).then_some(left));
        let pending = Pending { cause, end: Some(self.from), lacks: self.seeker.launch.role != Role::Slave };
        // A repair that cannot say how far it is goes on all the same.
        if let Err(error) = self.admission.wait(&self.seeker.launch.instance, &pending) {
            tracing::warn!("{:#}", anyhow::Error::from(error));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn a_link_or_a_fifo_in_the_place_of_abort_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let [abort, target] = ["abort", "target"].map(|name| dir.path().join(name));
        make(&abort).unwrap();
        make(&abort).unwrap();
        fs::remove_file(&abort).unwrap();
        symlink(&target, &abort).unwrap();
        assert!(make(&abort).is_err() && !target.exists());
        fs::remove_file(&abort).unwrap();
        mknodat(CWD, &abort, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(make(&abort).is_err());
    }
}
