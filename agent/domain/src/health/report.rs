//! What an agent publishes: one report a host, made by its loop and served as it is. The JSON of `/v1/host` and
//! `/v1/cluster` is these types; their field names are a promise.

use super::verdict::{self, Verdict};
use crate::{
    desired::Instance,
    document::Change,
    finding::{self, Finding},
    launch::{Cause, Role},
    line::Line,
    names::{HostName, InstanceName, Version},
    plan::Blocked,
    releases,
    rollout::Turn,
    topology::Mode,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It serves as it should.
    Ready,
    /// Its process runs and does not answer yet.
    Starting,
    /// It answers or has answered, and something is not as it should be.
    NotReady,
    /// It is stopping.
    Stopping,
    /// It does not run.
    Stopped,
    /// It failed again and again and is tried only once in a while.
    Quarantined,
    /// It could not be found out.
    Unknown,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            State::Ready => "ready",
            State::Starting => "starting",
            State::NotReady => "not ready",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::Quarantined => "quarantined",
            State::Unknown => "unknown",
        })
    }
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// Its name on its host.
    pub instance: InstanceName,
    /// What it is.
    pub role: Role,
    /// brokerId, for a broker; in a group that elects its master, the one that it is registered under now.
    pub broker_id: Option<u64>,
    /// Whether it leads, for a controller.
    #[serde(default)]
    pub leader: Option<bool>,
    /// Where clients reach it.
    pub address: Line,
    /// How it is.
    pub state: State,
    /// Since when, as far as its agent saw, milliseconds since 1970.
    #[serde(default)]
    pub state_since: Option<u64>,
    /// Whether it answers the remoting protocol.
    pub answers: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// When the process started, milliseconds since 1970.
    pub started_at: Option<u64>,
    /// `brokerVersionDesc`.
    pub version: Option<Line>,
    /// Why it is not ready; empty when it is.
    pub reasons: Vec<Cause>,
    /// What is worth knowing though it is ready.
    pub warnings: Vec<Cause>,
    /// Bytes that the slave of its group is behind the master.
    pub lag: Option<u64>,
    /// Seconds for which the master has had what the slave has not; at least so many, where the agent saw no more.
    #[serde(default)]
    pub lag_seconds: Option<u64>,
    /// Seconds until its disk is 90 % full at the speed of the last while; `None` where that is not to be seen.
    #[serde(default)]
    pub disk_full_in: Option<u64>,
    /// How much of its store it has read, in percent, while it reads one that was not closed.
    #[serde(default)]
    pub recovered_percent: Option<u64>,
    /// End of its commit log.
    pub max_offset: Option<u64>,
    /// A slave's oldest message (milliseconds since 1970) where its master has older ones; 0 where it has none yet.
    pub no_history_before: Option<u64>,
    /// Bytes of older messages that only the master has.
    pub missing_history: Option<u64>,
    /// Of a master that may acknowledge sends without its slave: whether it does so now.
    #[serde(default)]
    pub sync_lowered: Option<bool>,
    /// It runs with an older configuration than the one rendered.
    pub restart_pending: bool,
    /// How far its restart for that is.
    #[serde(default)]
    pub rollout: Option<Turn>,
    /// Crashes and failed starts in a row.
    pub failures: u32,
    /// When it is started next, milliseconds since 1970, while it is held back.
    pub next_start_at: Option<u64>,
    /// RocketMQ's own figures, under the names of rocketmq-exporter.
    pub figures: BTreeMap<String, f64>,
}

impl InstanceReport {
    /// A report that says nothing yet.
    pub fn new(instance: &Instance) -> Self {
        let broker = instance.broker.as_ref();
        Self {
            instance: instance.launch.instance.clone(),
            role: instance.launch.role,
            broker_id: broker.filter(|broker| broker.elections.is_none()).map(|broker| broker.broker_id),
            leader: None,
            address: broker.map_or(instance.address, |broker| broker.client_address).to_string().into(),
            state: State::Unknown,
            state_since: None,
            answers: false,
            pid: None,
            started_at: None,
            version: None,
            reasons: Vec::new(),
            warnings: Vec::new(),
            lag: None,
            lag_seconds: None,
            disk_full_in: None,
            recovered_percent: None,
            max_offset: None,
            no_history_before: None,
            missing_history: None,
            sync_lowered: None,
            restart_pending: false,
            rollout: None,
            failures: 0,
            next_start_at: None,
            figures: BTreeMap::new(),
        }
    }

    /// What it is now, in a word or two.
    pub fn role_in_words(&self) -> String {
        let leads = if self.leader == Some(true) { " (leader)" } else { "" };
        format!("{}{leads}", self.role)
    }

    /// Whether it serves as it should.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }
}

/// Where a host's cluster file comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigReport {
    /// The hosts keep one file together; else it is each host's own and no change is accepted over the network.
    pub synced: bool,
    /// The number of the document that this host works from; none without one.
    pub generation: Option<u64>,
    /// Its hash.
    pub hash: Option<Line>,
    /// Who paused rolling out, when and why; none where it is not paused.
    pub paused: Option<Change>,
    /// Until when the document has to be confirmed, milliseconds since 1970; none where it holds.
    pub confirm_until: Option<u64>,
    /// Where the host stands in config sync, in words.
    pub standing: Line,
    /// What a person should know, such as an edit that was not applied.
    pub remarks: Vec<Line>,
    /// Connections and requests of others that were refused, by reason, since the agent began.
    pub refused: BTreeMap<String, u64>,
}

/// One host, as its agent sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// Which host.
    pub host: HostName,
    /// brokerClusterName.
    pub cluster: Line,
    /// The cluster's kind.
    pub mode: Mode,
    /// The RocketMQ release that it should run.
    pub rocketmq: Version,
    /// The agent's own version.
    pub agent: Line,
    /// When this was true, milliseconds since 1970.
    pub at: u64,
    /// A digest of its cluster file: equal on all hosts, or somebody edited one.
    pub cluster_file: Line,
    /// A digest of its placement: equal on all hosts, or two hosts disagree who runs what.
    pub placement: Line,
    /// Everything this host should run is ready and nothing stands in the way.
    pub ready: bool,
    /// What stands in the way.
    pub blocked: Vec<Blocked>,
    /// What it is doing: the steps of its last pass, in words.
    pub steps: Vec<Line>,
    /// Instances that run and are not in the cluster file.
    pub not_in_file: Vec<InstanceName>,
    /// It votes on the cluster file, and is to run nothing.
    #[serde(default)]
    pub witness: bool,
    /// Where its cluster file comes from.
    #[serde(default)]
    pub config: ConfigReport,
    /// Its instances, in the order they start.
    pub instances: Vec<InstanceReport>,
}

impl HostReport {
    /// Why it cannot work together with another host: another file, or brokers in other places.
    pub(crate) fn difference(&self, other: &Self) -> Option<Finding> {
        if self.cluster_file != other.cluster_file {
            return Some(finding::OTHER_FILE);
        }
        (self.placement != other.placement).then_some(finding::OTHER_PLACEMENT)
    }

    /// The same host from the moment on at which the agent stops everything: load balancers must not wait for the
    /// last JVM to be gone.
    pub fn ending(mut self) -> Self {
        self.ready = false;
        for instance in self.instances.iter_mut().filter(|instance| instance.pid.is_some()) {
            instance.state = State::Stopping;
            instance.reasons = vec![finding::AGENT_ENDING.of(&[])];
        }
        self
    }

    /// Everything that keeps the host from being ready, a line each.
    pub fn reasons(&self) -> Vec<String> {
        let instances = self.instances.iter().flat_map(|instance| {
            instance.reasons.iter().map(move |c| format!("{}: {}", instance.instance, in_words(c)))
        });
        self.blocked.iter().map(|blocked| blocked_in_words(&self.host, blocked)).chain(instances).collect()
    }
}

/// What keeps the agent from something, in one line, beginning with what it is about.
pub fn blocked_in_words(host: &HostName, blocked: &Blocked) -> String {
    let about = blocked.instance.as_ref().map_or(host.to_string(), ToString::to_string);
    format!("{about}: {}", in_words(&blocked.cause))
}

/// A cause in one line.
pub fn in_words(cause: &Cause) -> String {
    if cause.fix.is_empty() { cause.what.to_string() } else { format!("{}; {}", cause.what, cause.fix) }
}

/// The id of why a cluster is down.
pub const DOWN: &str = finding::DOWN_MASTERS.id;

/// One of the problems of the whole cluster.
pub(crate) fn problem_in_words(cause: &Cause) -> String {
    if cause.id == DOWN { format!("{DOWN}: {}", cause.what) } else { in_words(cause) }
}

/// What is wrong between the hosts, and why the cluster is down.
fn found(own: Option<&HostReport>, hosts: &[HostView]) -> Vec<Cause> {
    let other = hosts.iter().filter_map(|view| match &view.report {
        Some(report) if view.unknown_since.is_none() => {
            let own = own?;
            let difference = report.difference(own)?;
            let found = difference.of(&[("host", &view.host), ("own", &own.host)]);
            let fix = if difference == finding::OTHER_FILE { Line::default() } else { found.fix.clone() };
            Some(Cause { fix, ..found })
        }
        _ => Some(Cause { fix: Line::default(), ..finding::HOST_UNKNOWN.of(&[("host", &view.host)]) }),
    });
    other.chain(verdict::down(hosts)).collect()
}

/// One host in the view of the whole cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostView {
    /// Which host.
    pub host: HostName,
    /// Where the other hosts reach it.
    pub address: Line,
    /// What its agent last said.
    pub report: Option<HostReport>,
    /// Since when its agent does not answer, milliseconds since 1970; what it said before may be out of date.
    pub unknown_since: Option<u64>,
    /// Why it does not answer.
    pub error: Option<Line>,
}

/// The whole cluster, as one agent sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterReport {
    /// brokerClusterName.
    pub cluster: Line,
    /// Its kind.
    pub mode: Mode,
    /// The RocketMQ release that it should run.
    pub rocketmq: Version,
    /// The host whose agent says this.
    pub seen_from: HostName,
    /// Every host answers and is ready, and all have the same cluster file and placement.
    pub ready: bool,
    /// The same for scripts, and whether clients can still work.
    #[serde(default)]
    pub verdict: Verdict,
    /// What is wrong between the hosts, and why the cluster is down.
    pub problems: Vec<Line>,
    /// Vulnerabilities that are known of that release.
    #[serde(default)]
    pub vulnerabilities: Vec<Line>,
    /// Every host of the file.
    pub hosts: Vec<HostView>,
}

impl ClusterReport {
    /// What its problems were made of, as far as this agent would say the same.
    pub(crate) fn found(&self) -> Vec<Cause> {
        let own = self.hosts.iter().find(|view| view.host == self.seen_from).and_then(|view| view.report.as_ref());
        found(own, &self.hosts)
    }

    /// Puts the hosts' views together.
    pub fn of(own: &HostReport, hosts: Vec<HostView>) -> Self {
        let found = found(Some(own), &hosts);
        let is_down = found.iter().any(|cause| cause.id == DOWN);
        let problems: Vec<Line> = found.iter().map(|cause| problem_in_words(cause).into()).collect();
        let all_ready = hosts.iter().all(|view| view.report.as_ref().is_some_and(|report| report.ready));
        let ready = all_ready && problems.is_empty();
        Self {
            cluster: own.cluster.clone(),
            mode: own.mode,
            rocketmq: own.rocketmq,
            seen_from: own.host.clone(),
            ready,
            verdict: match (is_down, ready) {
                (true, _) => Verdict::Down,
                (false, true) => Verdict::Ok,
                (false, false) => Verdict::Degraded,
            },
            problems,
            vulnerabilities: releases::vulnerabilities(own.rocketmq)
                .map(|hole| hole.in_words(own.rocketmq).into())
                .collect(),
            hosts,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CLUSTER: &str = include_str!("../../../../tests/fixtures/status/cluster.json");
    const HOSTILE: &str = "\x1b[2J\u{9b}1m\u{202e}x\r\ny\u{2028}";

    /// Makes every text hostile that a report may hold in place of it: all that are read as such.
    fn poison(value: &mut serde_json::Value, read: &impl Fn(&serde_json::Value) -> bool, path: &str) {
        let paths: Vec<String> = match value.pointer(path).unwrap() {
            serde_json::Value::Object(fields) => fields.keys().map(|key| format!("{path}/{key}")).collect(),
            serde_json::Value::Array(items) => (0..items.len()).map(|index| format!("{path}/{index}")).collect(),
            serde_json::Value::String(_) | serde_json::Value::Null => {
                let before = std::mem::replace(value.pointer_mut(path).unwrap(), HOSTILE.into());
                if !read(value) {
                    *value.pointer_mut(path).unwrap() = before;
                }
                return;
            }
            _ => return,
        };
        paths.iter().for_each(|path| poison(value, read, path));
    }

    #[test]
    fn nothing_that_another_host_reports_can_reach_a_terminal_as_a_command() {
        let mut value: serde_json::Value = serde_json::from_str(CLUSTER).unwrap();
        let read = |value: &serde_json::Value| serde_json::from_value::<ClusterReport>(value.clone()).is_ok();
        poison(&mut value, &read, "");
        let poisoned = value.to_string().matches("\\u001b[2J").count();
        assert!(poisoned > 20, "only {poisoned} texts of the fixture can be anything");
        let report: ClusterReport = serde_json::from_value(value).unwrap();
        let shown = format!("{:#?}", serde_json::to_value(&report).unwrap());
        // Who paused a roll-out and why are part of the document's hash, and made safe where they are shown.
        assert!(!serde_json::to_string(&report).unwrap().contains(['\u{9b}', '\u{202e}']), "{shown}");
        assert!(!serde_json::to_string(&report).unwrap().contains("\\u001b"), "{shown}");
    }
}
