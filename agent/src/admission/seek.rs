//! Seeks the permit of one instance until it has it. Every try begins from scratch, so that it may be killed at any moment.

use super::{Admission, channel::Channel, repair};
use crate::{
    commit_log::{LocalLog, LogError},
    supervise,
    sync::{LinkError, PairError, RemoteLog},
};
use rocketmq_agent_domain::{
    admission::{Grounds, Member, Pending, SILENCE},
    commit_log::Extent,
    finding,
    health::report::InstanceReport,
    launch::{Cause, Launch, Role, StoreIdentity},
    names::{HostName, InstanceName},
    size::Size,
};
use std::{
    fmt::Display,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tracing::{info, warn};

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What is remembered from one try to the next.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// Since when the other host has not answered.
    silent: Option<Instant>,
    /// The slave was asked to cut itself.
    pub cut: bool,
    /// What was taken back so far: from where on, and how much.
    pub repaired: Option<(u64, u64)>,
    said: Option<Cause>,
}

/// What a try came to.
pub(super) enum Outcome {
    Granted(Grounds),
    Waits(Pending),
}

/// The instance that a permit is sought for.
pub(super) struct Seeker<'l> {
    pub launch: &'l Launch,
    pub store: &'l StoreIdentity,
    pub partner: &'l HostName,
    pub log: LocalLog,
}

impl Seeker<'_> {
    pub fn member(&self) -> Member<'_> {
        Member { instance: &self.launch.instance, role: self.launch.role, partner: self.partner }
    }

    /// How far its own log reaches.
    pub async fn extent(&self) -> Result<Extent, LogError> {
        let role = self.launch.role;
        let read = self.log.with(move |files| Ok((files.min(), files.end()?, files.file_size())));
        let (min, end, file_size) = read.await?;
        Ok(Extent { role, min, end, file_size, running: false, serving: false })
    }

    /// Whether its store was left open.
    async fn is_unclean(&self) -> Result<bool, LogError> {
        let abort = self.store.root.join("abort");
        self.log.with(move |_| Ok(abort.exists())).await
    }
}

impl Admission {
    /// Seeks a permit, however long that takes.
    pub async fn seek_permit(&self, name: &InstanceName) {
        let mut tries = Tries::default();
        loop {
            match self.attempt(name, &mut tries).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    let cause =
                        finding::NOT_COMPARED.of(&[("host", &"of the other member"), ("why", &format!("{error:#}"))]);
                    self.tell(name, &mut tries, Pending { cause, end: None, lacks: false });
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// One try; whether there is a permit now.
    async fn attempt(&self, name: &InstanceName, tries: &mut Tries) -> anyhow::Result<bool> {
        if self.permit(name).is_some() {
            return Ok(true);
        }
        let inventory = self.inventory()?;
        let Some(instance) = inventory.desired.instance(name) else {
            anyhow::bail!("{name} is not in the cluster file of this host");
        };
        let launch = &instance.launch;
        let (Some(partner), Some(store)) = (&launch.partner, &launch.store) else {
            self.grant(name, &inventory.desired.host, Grounds::Clean)?;
            return Ok(true);
        };
        if supervise::occupant_of(launch)?.is_some() {
            self.grant(name, partner, Grounds::Runs)?;
            return Ok(true);
        }
        // Nothing else starts on the store meanwhile.
        let Some(_lock) = supervise::lock(launch)? else { return Ok(false) };
        let log = LocalLog::new(store.commit_log.clone(), self.account);
        let seeker = Seeker { launch, store, partner, log };
        let channel = Channel::open(self, &inventory.cluster.topology, &inventory.desired, partner, &store.broker)?;
        let outcome = self.ask(&seeker, &channel, tries).await?;
        match outcome {
            Outcome::Granted(grounds) => {
                info!(instance = %name, "{name}: may start ({grounds:?})");
                self.grant(name, partner, grounds)?;
                Ok(true)
            }
            Outcome::Waits(pending) => {
                self.tell(name, tries, pending);
                Ok(false)
            }
        }
    }

    /// Says what is waited for: in the journal where it is something else than before.
    pub(super) fn tell(&self, name: &InstanceName, tries: &mut Tries, pending: Pending) {
        let same = tries.said.as_ref().is_some_and(|said| said.id == pending.cause.id);
        if !same {
            warn!(instance = %name, cause = %pending.cause.id, "{name}: not started yet: {}", pending.cause.what);
        }
        tries.said = Some(pending.cause.clone());
        if let Err(error) = self.wait(name, &pending) {
            warn!(instance = %name, "{name}: {:#}", anyhow::Error::from(error));
        }
    }

    async fn ask(&self, seeker: &Seeker<'_>, channel: &Channel, tries: &mut Tries) -> anyhow::Result<Outcome> {
        let own = seeker.extent().await?;
        let Some(log) = &channel.log else {
            let secret = "the same cluster.secret on both hosts (`rocketmq-agent secret new`) lets it take them back";
            return self.by_report(seeker, channel, &own, tries, ("the hosts share no secret", Some(secret))).await;
        };
        let other = match log.extent().await {
            Ok(other) => other,
            Err(LinkError::Older) => {
                let cure = "upgrade the agent there";
                return self.by_report(seeker, channel, &own, tries, ("the agent there is older", Some(cure))).await;
            }
            Err(error) => return self.silence(seeker, &own, &error.in_words(), tries).await,
        };
        tries.silent = None;
        match self.compare(seeker, log, own.clone(), &other, tries).await {
            Ok(outcome) => Ok(outcome),
            Err(PairError::Other(error)) => self.silence(seeker, &own, &error.in_words(), tries).await,
            Err(error) => {
                let why = format!("{:#}", anyhow::Error::from(error));
                let cause = finding::NOT_COMPARED.of(&[("host", &seeker.partner), ("why", &why)]);
                let lacks = self.lacks(seeker);
                Ok(Outcome::Waits(Pending { cause, end: Some(own.end), lacks }))
            }
        }
    }

    async fn compare(
        &self,
        seeker: &Seeker<'_>,
        log: &RemoteLog,
        own: Extent,
        other: &Extent,
        tries: &mut Tries,
    ) -> Result<Outcome, PairError> {
        match seeker.launch.role {
            Role::Slave => repair::slave(self, seeker, log, own, other).await,
            _ => repair::master(self, seeker, log, own, other, tries).await,
        }
    }

    /// Whether the other member is known to have what this one lacks.
    fn lacks(&self, seeker: &Seeker<'_>) -> bool {
        self.pending(&seeker.launch.instance).is_some_and(|pending| pending.lacks)
    }

    /// The other host does not answer.
    async fn silence(
        &self,
        seeker: &Seeker<'_>,
        own: &Extent,
        why: &str,
        tries: &mut Tries,
    ) -> anyhow::Result<Outcome> {
        let since = tries.silent.get_or_insert_with(Instant::now).elapsed();
        let waits = |cause: Cause, lacks: bool| Ok(Outcome::Waits(Pending { cause, end: Some(own.end), lacks }));
        if let Some(pending) = self.pending(&seeker.launch.instance).filter(|pending| pending.lacks) {
            // One is known to have more than the other: no length of silence makes that untrue.
            if seeker.launch.role == Role::Slave {
                return waits(pending.cause, true);
            }
            let ahead = pending.cause.values.get("ahead").or_else(|| pending.cause.values.get("total")).cloned();
            let ahead = ahead.unwrap_or_else(|| "an unknown amount".into());
            let cause = seeker.member().behind(&ahead, &why, None);
            return waits(cause, true);
        }
        if !seeker.is_unclean().await? {
            return Ok(Outcome::Granted(Grounds::Clean));
        }
        if since >= Duration::from_secs(SILENCE) {
            return Ok(Outcome::Granted(Grounds::Alone));
        }
        let values: [(&str, &dyn Display); 4] =
            [("host", &seeker.partner), ("why", &why), ("seconds", &SILENCE), ("instance", &seeker.launch.instance)];
        let finding =
            if seeker.launch.role == Role::Slave { finding::WAITS_FOR_MASTER_HOST } else { finding::WAITS_FOR_SLAVE };
        waits(finding.of(&values), false)
    }

    /// There is no channel: what the other host's agent tells everybody has to do.
    async fn by_report(
        &self,
        seeker: &Seeker<'_>,
        channel: &Channel,
        own: &Extent,
        tries: &mut Tries,
        (why, cure): (&str, Option<&str>),
    ) -> anyhow::Result<Outcome> {
        let name = &seeker.launch.instance;
        let report: InstanceReport = match channel.report(name).await {
            Ok(Some(report)) => report,
            Ok(None) => return Ok(Outcome::Granted(Grounds::Reported)),
            Err(why) => return self.silence(seeker, own, &why, tries).await,
        };
        let is_slave = seeker.launch.role == Role::Slave;
        let Some(end) = report.max_offset else {
            return match is_slave {
                true => Ok(Outcome::Granted(Grounds::Reported)),
                false => self.silence(seeker, own, "its slave does not answer there yet", tries).await,
            };
        };
        tries.silent = None;
        let pending = |cause| Ok(Outcome::Waits(Pending { cause, end: Some(own.end), lacks: !is_slave }));
        match is_slave {
            true if report.answers && own.end > end => pending(seeker.member().longer(&Size(own.end - end))),
            false if end > own.end => pending(seeker.member().behind(
                &Size(end - own.end),
                &why,
                cure.as_ref().map(|cure| cure as &dyn Display),
            )),
            _ => Ok(Outcome::Granted(Grounds::Reported)),
        }
    }
}
