//! Whether the members of a group that run have the same commit log, beside the loop. In: each round of the probe. Out: which
//! members differ from the other one, and from where on.
//!
//! Neither lengths nor acknowledgements tell: a slave that was longer than its master once has other messages at the same
//! offsets, and RocketMQ calls it in sync. What is compared is cheap: the last bytes that both must have, and of the files
//! before them a piece at a time, each once.

use crate::{
    accounts::Account,
    clock,
    commit_log::{Comparison, LocalLog, Log, Pair, Side, compare},
    probe::{Service, Services},
    sync::{AddressBook, PairError, RemoteLog},
};
use rocketmq_agent_domain::{
    admission::{Member, enough},
    commit_log::{Extent, Verdict, WINDOW},
    desired::{Desired, Instance},
    health::facts::{BrokerFacts, ServiceFacts},
    launch::{Cause, Role},
    names::InstanceName,
    size::Size,
};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tracing::{info, warn};

/// Between two comparisons of one member.
const EVERY: Duration = Duration::from_secs(20);
/// Of the end of both logs so much is compared.
const TAIL: u64 = 64 << 10;

/// Which members differ, and how.
pub type Differ = BTreeMap<InstanceName, Cause>;

/// What is known of the members of one host.
struct Task {
    book: Option<Arc<AddressBook>>,
    account: Option<Account>,
    known: BTreeMap<InstanceName, Known>,
    differ: watch::Sender<Differ>,
}

/// What is remembered of one process.
struct Known {
    pid: u32,
    log: RemoteLog,
    /// When it was last compared.
    at: Option<Instant>,
    /// Where both logs reached then: what lies before is written by now, whatever buffer it was in.
    settled: Option<u64>,
    /// Up to here the tails were compared.
    tail: u64,
    /// Up to here everything was compared, where that has begun.
    whole: Option<u64>,
}

/// Begins; `book` is where the other hosts are, where there is a secret or certificates.
pub fn spawn(
    desired: watch::Receiver<Arc<Desired>>,
    services: watch::Receiver<Services>,
    rounds: watch::Receiver<()>,
    book: Option<Arc<AddressBook>>,
    account: Option<Account>,
) -> watch::Receiver<Differ> {
    let (differ, seen) = watch::channel(Differ::new());
    let task = Task { book: book.filter(|book| book.has_trust()), account, known: BTreeMap::new(), differ };
    tokio::spawn(task.run(desired, services, rounds));
    seen
}

impl Task {
    async fn run(
        mut self,
        desired: watch::Receiver<Arc<Desired>>,
        services: watch::Receiver<Services>,
        mut rounds: watch::Receiver<()>,
    ) {
        while rounds.changed().await.is_ok() {
            let (desired, services) = (Arc::clone(&desired.borrow()), services.borrow().clone());
            let runs = |name: &InstanceName, pid| services.get(name).is_some_and(|service| service.pid == pid);
            self.known.retain(|name, known| runs(name, known.pid));
            let known = &self.known;
            self.differ.send_if_modified(|differ| {
                let before = differ.len();
                differ.retain(|name, _| known.contains_key(name));
                differ.len() != before
            });
            for instance in &desired.instances {
                if let Some(Service { pid, facts: ServiceFacts::Broker(facts), .. }) =
                    services.get(&instance.launch.instance)
                {
                    self.look(instance, *pid, facts).await;
                }
            }
        }
    }

    async fn look(&mut self, instance: &Instance, pid: u32, facts: &BrokerFacts) {
        let name = &instance.launch.instance;
        let (Some(book), Some(partner), Some(store)) = (&self.book, &instance.launch.partner, &instance.launch.store)
        else {
            return;
        };
        let known = self.known.entry(name.clone()).or_insert_with(|| {
            let log = RemoteLog::new(partner.clone(), Arc::clone(book), store.broker.clone());
            Known { pid, log, at: None, settled: None, tail: 0, whole: None }
        });
        let Some(both) = both(facts) else {
            known.settled = None;
            let (member, own) = (Member { instance: name, role: instance.launch.role, partner }, facts.runtime.known());
            if let (Role::Master, Some(own)) = (member.role, own)
                && known.at.is_none_or(|at| at.elapsed() >= EVERY)
            {
                known.at = Some(Instant::now());
                let log = LocalLog::new(store.commit_log.clone(), self.account);
                if let Some(ahead) = known.slave_ahead(&log, own.max_offset).await {
                    let cause = member.slave_ahead(Size(ahead));
                    self.differ.send_modify(|differ| drop(differ.insert(name.clone(), cause)));
                }
            }
            return;
        };
        if known.at.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        known.at = Some(Instant::now());
        let settled = known.settled.replace(both.end);
        let Some(end) = settled.map(|settled| settled.min(both.end)).filter(|end| *end > both.start) else { return };
        let own = LocalLog::new(store.commit_log.clone(), self.account);
        let member = Member { instance: name, role: instance.launch.role, partner };
        match known.compare(&own, both.start..end, member.role).await {
            Ok(None) => {
                self.differ.send_if_modified(|differ| {
                    let over = differ.remove(name).is_some();
                    if over {
                        info!(instance = %name, "{name}: its commit log is the other member's again");
                    }
                    over
                });
            }
            Ok(Some(verdict)) => self.tell(member, verdict, facts),
            // What cannot be compared is not known to differ, nor to agree.
            Err(error) => tracing::debug!(instance = %name, "{name}: {:#}", anyhow::Error::from(error)),
        }
    }

    fn tell(&self, member: Member<'_>, verdict: Verdict, facts: &BrokerFacts) {
        let name = member.instance;
        let max = |end: Option<u64>| Extent {
            role: member.role,
            min: None,
            end: end.unwrap_or_default(),
            file_size: 0,
            running: true,
            serving: true,
        };
        let own = max(facts.runtime.known().map(|runtime| runtime.max_offset));
        let other = max(facts.partner.as_ref().and_then(|it| it.known()).map(|partner| partner.max_offset));
        let Some(cause) = member.diverged(differs(verdict), &own, &other, clock::in_words) else { return };
        self.differ.send_if_modified(|differ| {
            let is_new = differ.get(name).is_none_or(|known| known.values.get("offset") != cause.values.get("offset"));
            if is_new {
                warn!(instance = %name, cause = %cause.id, "{name}: {}", cause.what);
                differ.insert(name.clone(), cause);
            }
            is_new
        });
    }
}

/// Below both ends every difference is one, whoever lacks what.
fn differs(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::MasterLacks { from: at } | Verdict::SlaveTorn { at } | Verdict::SlaveEnds { at } => {
            Verdict::Diverged { at, master: 0, slave: 0 }
        }
        verdict => verdict,
    }
}

/// What both members should have.
fn both(facts: &BrokerFacts) -> Option<Range<u64>> {
    let (own, other) = (facts.runtime.known()?, facts.partner.as_ref()?.known()?);
    Some(own.min_offset?.max(other.min_offset?)..own.max_offset.min(other.max_offset))
}

impl Known {
    /// By how many bytes a slave that does not run is ahead of its master, which was last seen to end at `end`. Such a slave
    /// does not answer: its host knows what is on its disk.
    async fn slave_ahead(&self, master: &LocalLog, end: u64) -> Option<u64> {
        let slave = self.log.extent().await.ok().filter(|it| !it.running && it.end > end)?;
        // `end` is older than the slave's, and a slave stops in the middle of sends. The master's own files have by now
        // what it ever sent.
        let end = master.with(|files| files.end()).await.ok()?;
        slave.end.checked_sub(end).filter(|ahead| *ahead > 0)
    }

    /// Compares what is new at the end, or else a piece of what lies before. How the slave's log stands to the master's where
    /// they differ.
    async fn compare(&mut self, own: &LocalLog, both: Range<u64>, role: Role) -> Result<Option<Verdict>, PairError> {
        let piece = if self.tail < both.end {
            both.start.max(both.end.saturating_sub(TAIL))..both.end
        } else {
            // From the beginning of the newest file on: what an earlier agent has compared need not be read again.
            let begins = self.whole.unwrap_or(both.end.saturating_sub(WINDOW)).max(both.start);
            begins..both.end.min((begins / WINDOW + 1) * WINDOW)
        };
        if piece.is_empty() || self.whole == Some(both.end) {
            return Ok(None);
        }
        let is_tail = self.tail < both.end;
        if own.hashes(piece.clone()).await? == self.log.hashes(piece.clone()).await? {
            match is_tail {
                true => self.tail = both.end,
                false => self.whole = Some(piece.end),
            }
            return Ok(None);
        }
        let side = if role == Role::Slave { Side::Slave } else { Side::Master };
        let pair = Pair { local: own, side, remote: &self.log };
        match compare(&pair, both.start..piece.end, enough(Role::Master)).await? {
            Comparison::Equal => Ok(None),
            Comparison::Differs(verdict) => Ok(Some(verdict)),
        }
    }
}
