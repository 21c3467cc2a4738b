//! The loop: observe, plan, apply, publish, wait. Every pass starts from scratch, so a crash at any point needs no
//! path of its own. Nothing here waits for a JVM: what RocketMQ says comes from the probe beside the loop.

mod apply;
mod hangs;
mod install;
mod journal;
mod members;
mod observe;

pub use hangs::Hangs;
pub use install::Installer;
pub use journal::Journal;
pub use observe::{Processes, observe, processes};

use crate::{
    accounts::Account,
    admission::Admission,
    clock,
    cluster::Cluster,
    offsets,
    probe::{Pids, Services},
    room::with_sends_held,
    stores,
    supervise::{Supervisor, SupervisorError},
    sync::Cuts,
};
use journal::Line;
use rocketmq_agent_domain::{
    desired::Desired,
    finding::{self, BEFORE},
    health::{
        self, recovery,
        report::{ConfigReport, HostReport, InstanceReport, State},
    },
    launch::{Cause, ProcessState},
    names::InstanceName,
    observed::{Fact, Observed},
    plan::{Blocked, Plan, Step, plan},
    rollout::{self, Stop, Turns},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time};
use tracing::{info, warn};

/// A pass at least this often, whether anything woke the loop or not.
const TICK: Duration = Duration::from_secs(5);
/// After steps were taken, their effect is looked at this soon.
const AFTER_STEPS: Duration = Duration::from_millis(100);

/// What the loop works towards; replaced as a whole when the cluster file changes.
#[derive(Debug)]
pub struct Goal {
    /// The cluster.
    pub cluster: Cluster,
    /// This host's part of it.
    pub desired: Desired,
    /// What is wrong with the cluster file as it lies there now, while an earlier one is kept to.
    pub file_problem: Option<Cause>,
    /// Why nothing is to be done on this host yet; what runs is looked at and left alone.
    pub waits: Option<Cause>,
    /// Why the account that RocketMQ runs as cannot be used: nothing is done until it can.
    pub account_problem: Option<Cause>,
    /// Which of the agent's own ports cannot be listened on, and why; the instances do not depend on them.
    pub port_problems: Vec<Cause>,
    /// Where the cluster file comes from.
    pub config: ConfigReport,
}

/// The loop's ends: what it reads and what it publishes.
pub struct Channels {
    /// What RocketMQ says.
    pub services: watch::Receiver<Services>,
    /// Whether a NameServer has a master of the cluster.
    pub has_master: watch::Receiver<Fact<bool>>,
    /// Which processes run.
    pub pids: watch::Sender<Pids>,
    /// The report of the last pass.
    pub report: watch::Sender<Option<Arc<HostReport>>>,
    /// Whose turn it is in a roll-out.
    pub rollout: watch::Receiver<Turns>,
    /// Members that differ from the other one of their group, and how.
    pub agreement: watch::Receiver<BTreeMap<InstanceName, Cause>>,
    /// Slaves that are to be restarted so that they cut their logs.
    pub cuts: Arc<Cuts>,
    /// Called whenever the loop has got on, also within a pass: each of its pieces ends soon, all of them together need
    /// not.
    pub alive: Box<dyn Fn()>,
}

/// The loop and what it works with.
pub struct Reconciler<S> {
    /// Who runs the JVMs.
    pub supervisor: S,
    /// Who brings the release.
    pub installer: Installer,
    /// Whose the instances are.
    pub account: Option<Account>,
    /// Its ends.
    pub channels: Channels,
    /// Who says which members may start.
    pub admission: Arc<Admission>,
    /// What was logged of the instances.
    pub journal: Journal,
    /// States that were reported, and since when (milliseconds since 1970).
    pub since: BTreeMap<InstanceName, (health::report::State, u64)>,
    /// Why instances ended that have not been ready since.
    pub ends: BTreeMap<InstanceName, Cause>,
    /// What was said to be in the way, in which words.
    pub logged_blocked: BTreeMap<(Option<InstanceName>, String), String>,
    /// What hangs, and hung.
    pub hangs: Hangs,
}

impl<S: Supervisor> Reconciler<S> {
    /// One pass; whether it took steps.
    pub async fn pass(&mut self, goal: &Goal) -> bool {
        for instance in &goal.desired.instances {
            self.supervisor.wants(&instance.launch);
        }
        let processes = match processes(&goal.desired, &self.supervisor, &self.channels.alive).await {
            Ok(processes) => processes,
            Err(error) => {
                // Nothing is known of any process then, and so nothing is done about one.
                warn!("cannot list the processes: {:#}", anyhow::Error::from(error));
                Processes::new()
            }
        };
        let has_master = self.channels.has_master.borrow_and_update().clone();
        let desired = with_sends_held(&goal.desired);
        let observed = observe(&desired, processes, has_master, &self.installer, self.account).await;
        let mut plan = plan(&desired, &observed);
        for cause in goal.waits.iter().chain(&goal.account_problem) {
            plan.steps.clear();
            plan.blocked.push(Blocked { instance: None, cause: cause.clone() });
        }
        self.log_blocked(goal, &plan);
        self.publish_pids(&observed);
        let (mut report, hung) = self.report(goal, &observed, &plan);
        for (name, cause) in hung {
            if let Err(error) = self.supervisor.end(&name, &cause).await {
                warn!(instance = %name, "{name} hangs and cannot be ended: {:#}", anyhow::Error::from(error));
            }
        }
        self.keep_apart(goal, &observed, &report).await;
        self.follow_orders(goal, &observed).await;
        self.limit(goal).await;
        for instance in report.instances.iter().filter(|instance| instance.is_ready()) {
            self.supervisor.settled(&instance.instance);
        }
        let mut failed: Vec<&Step> = Vec::new();
        for step in &plan.steps {
            if failed.iter().any(|failed| failed.is_needed_for(step, &desired)) {
                continue;
            }
            (self.channels.alive)();
            let done = apply::apply(step, &desired, &self.supervisor, &self.installer, self.account).await;
            if let Err(error) = done {
                let why = format!("{:#}", anyhow::Error::from(error));
                let cause = finding::STEP_FAILED.of(&[("step", step), ("why", &why)]);
                warn!("{}", cause.what);
                plan.blocked.push(Blocked { instance: None, cause });
                report.blocked.clone_from(&plan.blocked);
                report.ready = false;
                failed.push(step);
            }
        }
        if plan.blocked.is_empty() {
            self.keep(goal, &observed).await;
        }
        self.log_changes(&report);
        self.channels.report.send_replace(Some(Arc::new(report)));
        !plan.steps.is_empty()
    }

    /// Says that everything is being stopped now.
    pub fn publish_ending(&self) {
        self.channels.report.send_modify(|report| {
            *report = report.take().map(|report| Arc::new(Arc::unwrap_or_clone(report).ending()));
        });
    }

    /// Stops the instance whose turn it is, and what a person wants stopped; a later pass starts what is to come back,
    /// with what was rendered.
    async fn follow_orders(&mut self, goal: &Goal, observed: &Observed) {
        let Turns { stop, start, .. } = self.channels.rollout.borrow_and_update().clone();
        for (name, stop) in stop {
            if let Err(error) = self.stop(goal, observed, &name, stop).await {
                warn!(instance = %name, "{name} cannot be stopped: {:#}", anyhow::Error::from(error));
            }
        }
        for name in start {
            if let Err(error) = self.supervisor.release(&name) {
                warn!(instance = %name, "{name} cannot be started: {:#}", anyhow::Error::from(error));
            }
        }
    }

    async fn stop(
        &self,
        goal: &Goal,
        observed: &Observed,
        name: &InstanceName,
        stop: Stop,
    ) -> Result<(), SupervisorError> {
        let its = observed.processes.get(name).and_then(pid_of);
        if its != stop.pid {
            return Ok(());
        }
        // First, so that an agent that dies over it does not start it again.
        if stop.stays
            && let Some(instance) = goal.desired.instance(name)
        {
            self.supervisor.hold(&instance.launch).await?;
        }
        self.supervisor.stop(name).await
    }

    /// Limits what the instances take, before one of them starts.
    async fn limit(&self, goal: &Goal) {
        if let Err(error) = self.supervisor.limit(&goal.desired.limits).await {
            warn!("cannot limit what the instances take: {:#}", anyhow::Error::from(error));
        }
    }

    /// What runs is started anew by others too, with what was rendered for it by now; what is not wanted any more is not.
    async fn keep(&self, goal: &Goal, observed: &Observed) {
        for instance in &goal.desired.instances {
            (self.channels.alive)();
            let name = &instance.launch.instance;
            if let Some(Fact::Known(ProcessState::Running { .. })) = observed.processes.get(name)
                && let Err(error) = self.supervisor.keep(&instance.launch).await
            {
                warn!(instance = %name, "{name}: {:#}", anyhow::Error::from(error));
            }
        }
        for name in observed.processes.keys().filter(|name| goal.desired.instance(name).is_none()) {
            if let Err(error) = self.supervisor.retire(name).await {
                warn!(instance = %name, "{name}: {:#}", anyhow::Error::from(error));
            }
        }
    }

    fn publish_pids(&self, observed: &Observed) {
        let running = observed.processes.iter().filter_map(|(name, process)| match process {
            Fact::Known(ProcessState::Running { pid, .. }) => Some((name.clone(), *pid)),
            _ => None,
        });
        let pids: Pids = running.collect();
        self.channels.pids.send_if_modified(|current| {
            let differs = *current != pids;
            *current = pids;
            differs
        });
    }

    /// The report, and what is to be ended because it hangs.
    fn report(&mut self, goal: &Goal, observed: &Observed, plan: &Plan) -> (HostReport, Vec<(InstanceName, Cause)>) {
        let mut hung = Vec::new();
        let services = self.channels.services.borrow_and_update();
        let turns = self.channels.rollout.borrow().clone();
        let instances: Vec<_> = goal
            .desired
            .instances
            .iter()
            .map(|instance| {
                let name = &instance.launch.instance;
                let unknown = Fact::Unknown("it was not looked at".to_owned());
                let process = observed.processes.get(name).unwrap_or(&unknown);
                // What was asked of an earlier process says nothing about this one.
                let service = services.get(name).filter(|service| pid_of(process) == Some(service.pid));
                let mut report = health::judge(instance, process, service.map(|service| &service.facts));
                if report.state == State::Starting
                    && let Some(found) = stores::recovery(&instance.launch, self.account)
                {
                    recovery::tell(found, clock::now(), &mut report);
                }
                let ends = self.hangs.take_in(goal.cluster.topology.hangs, instance, service, &mut report);
                hung.extend(ends.map(|cause| (name.clone(), cause)));
                report.warnings.extend(self.supervisor.warnings(name));
                report.warnings.extend(offsets::warning(&instance.launch, self.account));
                members::tell(&self.admission, &self.channels.agreement.borrow(), &mut report);
                report.restart_pending = plan.restart_pending.contains(name);
                report.rollout = turns.turns.get(name).cloned();
                rollout::forgive(&mut report);
                remember_end(&mut self.ends, name, process, &mut report);
                let since = self.since.get(name).filter(|(state, _)| *state == report.state);
                let since = since.map_or_else(clock::now, |(_, at)| *at);
                self.since.insert(name.clone(), (report.state, since));
                report.state_since = Some(since);
                report
            })
            .collect();
        let mut blocked = plan.blocked.clone();
        let beside = goal.file_problem.iter().chain(&goal.port_problems);
        blocked.extend(beside.map(|cause| Blocked { instance: None, cause: cause.clone() }));
        let cluster = &goal.cluster;
        let witness = cluster.topology.is_witness(&goal.desired.host);
        if witness && goal.waits.is_none() {
            let obstacle = health::witness::obstacle(&goal.config);
            blocked.extend(obstacle.map(|cause| Blocked { instance: None, cause }));
        }
        let report = HostReport {
            host: goal.desired.host.clone(),
            cluster: cluster.topology.name.to_string().into(),
            mode: cluster.topology.mode,
            rocketmq: goal.desired.version,
            agent: env!("CARGO_PKG_VERSION").into(),
            at: clock::now(),
            cluster_file: cluster.file_digest().into(),
            placement: cluster.placement_digest().into(),
            ready: blocked.is_empty() && instances.iter().all(|instance| instance.is_ready()),
            blocked,
            steps: plan.steps.iter().map(|step| step.to_string().into()).collect(),
            not_in_file: plan.not_in_file.clone(),
            witness,
            config: goal.config.clone(),
            instances,
        };
        (report, hung)
    }

    fn log_changes(&mut self, report: &HostReport) {
        for line in self.journal.read(report) {
            match line {
                Line::State(instance, role, words) => info!(%instance, %role, "{words}"),
                Line::Found(instance, words) => warn!(%instance, "{words}"),
                Line::Over(instance, words) => info!(%instance, "{words}"),
            }
        }
    }

    /// Says what is in the way, once however its words go on changing, and when it is no more. What failed in a pass is
    /// said where it fails.
    fn log_blocked(&mut self, goal: &Goal, plan: &Plan) {
        let host = &goal.desired.host;
        let key = |it: &Blocked| (it.instance.clone(), it.cause.id.to_string());
        let blocked: BTreeMap<_, _> =
            plan.blocked.iter().map(|it| (key(it), health::report::blocked_in_words(host, it))).collect();
        for (_, words) in blocked.iter().filter(|(key, _)| !self.logged_blocked.contains_key(*key)) {
            warn!("{words}");
        }
        for (_, words) in self.logged_blocked.iter().filter(|(key, _)| !blocked.contains_key(*key)) {
            info!("no longer: {words}");
        }
        self.logged_blocked = blocked;
    }

    /// Waits for a reason to look again.
    pub async fn wait(&mut self, after_steps: bool) {
        let pause = if after_steps { AFTER_STEPS } else { TICK };
        // All arms are cancel-safe: a notification that is lost with its future is made up for by the next tick, and
        // every pass looks at everything anyway.
        tokio::select! {
            () = self.supervisor.changed() => {}
            () = self.installer.changed() => {}
            _ = self.channels.services.changed() => {}
            _ = self.channels.has_master.changed() => {}
            () = self.channels.cuts.changed() => {}
            Ok(()) = self.channels.agreement.changed() => {}
            Ok(()) = self.channels.rollout.changed() => {}
            () = time::sleep(pause) => {}
        }
    }
}

/// What fails again and again runs for a moment in between: why it ended before is still what a person must know.
fn remember_end(
    ends: &mut BTreeMap<InstanceName, Cause>,
    name: &InstanceName,
    process: &Fact<ProcessState>,
    report: &mut InstanceReport,
) {
    match process {
        Fact::Known(ProcessState::Stopped { cause: Some(cause), failures: 1.., .. }) => {
            ends.insert(name.clone(), cause.clone());
        }
        _ if report.is_ready() => {
            ends.remove(name);
        }
        _ => {}
    }
    if let Some(cause) = ends.get(name).filter(|_| report.state == State::Starting) {
        let what = format!("{BEFORE}{}", cause.what).into();
        report.warnings.push(Cause { what, ..cause.clone() });
    }
}

fn pid_of(process: &Fact<ProcessState>) -> Option<u32> {
    match process {
        Fact::Known(ProcessState::Running { pid, .. }) => Some(*pid),
        _ => None,
    }
}
