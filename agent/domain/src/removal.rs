//! Taking a host's instances away for good: in which order they stop, what speaks against it, and which files in their
//! folders are the agent's. In: what the host has and what the other hosts say. Out: words and waves; nothing is removed
//! here.

use crate::{
    desired::{Desired, Instance},
    health::report::{HostReport, State},
    launch::Role,
    names::{HostName, InstanceName},
    observed::Fact,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the other hosts of the cluster say, each by its agent.
pub type Others = BTreeMap<HostName, Fact<HostReport>>;

/// The order to stop in: what stands before the brokers, slaves, then masters, then the controller, then the NameServer, when the brokers have
/// unregistered from it.
pub fn waves<'i>(instances: impl Iterator<Item = (&'i InstanceName, Role)>) -> Vec<Vec<InstanceName>> {
    let all: Vec<(&InstanceName, Role)> = instances.collect();
    let of = |role: Role| -> Vec<InstanceName> {
        all.iter().filter(|(_, its)| *its == role).map(|(name, _)| (*name).clone()).collect()
    };
    let brokers = [of(Role::Slave), of(Role::Master).into_iter().chain(of(Role::Member)).collect()];
    let services = [Role::Proxy, Role::Dashboard, Role::Exporter].into_iter().flat_map(of).collect();
    let all = [services].into_iter().chain(brokers).chain([of(Role::Controller), of(Role::Namesrv)]);
    all.filter(|wave| !wave.is_empty()).collect()
}

/// Why this host should not go now, a sentence each; empty where nobody misses it. What does not run is missed by
/// nobody, unless its data go too.
pub fn objections(
    desired: &Desired,
    running: &BTreeSet<InstanceName>,
    others: &Others,
    deletes_data: bool,
) -> Vec<String> {
    let mut objections = Vec::new();
    for instance in &desired.instances {
        let name = &instance.launch.instance;
        if !running.contains(name) && !deletes_data {
            continue;
        }
        if instance.launch.role == Role::Namesrv {
            if desired.namesrvs.len() == 1 && !others.is_empty() && running.contains(name) {
                objections.push(
                    "this host has the only NameServer: without it no client of the cluster finds a broker".to_owned(),
                );
            }
        } else if instance.launch.role == Role::Proxy {
            objections.extend(only_proxy(name, running, others));
        } else if instance.launch.role == Role::Member {
            objections.extend(other_members(instance, others));
        } else {
            objections.extend(other_member(instance, others, deletes_data));
        }
    }
    objections
}

/// gRPC clients need one that is ready.
fn only_proxy(name: &InstanceName, running: &BTreeSet<InstanceName>, others: &Others) -> Option<String> {
    let reports = others.values().filter_map(Fact::known);
    let has = |report: &HostReport| report.instances.iter().any(|it| it.role == Role::Proxy && it.is_ready());
    let alone = running.contains(name) && !others.is_empty() && !reports.into_iter().any(has);
    alone.then(|| "no other host is known to have a proxy that is ready: gRPC clients find no other".to_owned())
}

/// What is wrong with the other member of a broker's group, where it has one: it must be able to do alone what both do.
fn other_member(instance: &Instance, others: &Others, deletes_data: bool) -> Option<String> {
    let broker = instance.broker.as_ref()?;
    let partner = broker.partner.as_ref()?;
    let own = instance.launch.role;
    let its = if own == Role::Master { "slave" } else { "master" };
    let (group, host) = (&broker.group, &partner.host);
    let without = format!("without the {own} of {group} here only its {its} on {host} is left, and ");
    let report = match others.get(host) {
        Some(Fact::Known(report)) => report,
        Some(Fact::Unknown(why)) => return Some(format!("{without}how that one is cannot be told: {why}")),
        None => return Some(format!("{without}nobody was asked how that one is")),
    };
    let Some(other) = report.instances.iter().find(|it| it.instance == instance.launch.instance) else {
        return Some(format!("{without}the agent there does not know it"));
    };
    if other.state != State::Ready {
        let why = other.reasons.first().map(|cause| format!(": {}", cause.what)).unwrap_or_default();
        return Some(format!("{without}that one is {}{why}", other.state));
    }
    if !deletes_data || own != Role::Master {
        return None;
    }
    // What only this store has would be gone for good.
    Some(match (other.lag, other.missing_history) {
        (Some(0), None | Some(0)) => return None,
        (Some(0), Some(bytes)) => format!("{without}it lacks {bytes} bytes of older messages"),
        (Some(bytes), _) => format!("{without}it is {bytes} bytes behind"),
        (None, _) => format!("{without}how far it is behind cannot be told"),
    })
}

/// What is wrong with the others of a group that elects its master: enough of them must be in sync to go on without
/// this one, and then they have what was acknowledged.
fn other_members(instance: &Instance, others: &Others) -> Option<String> {
    let broker = instance.broker.as_ref()?;
    let elections = broker.elections.as_ref()?;
    let is_ready = |host: &HostName| {
        let report = others.get(host).and_then(Fact::known);
        let its = report.and_then(|report| report.instances.iter().find(|it| it.instance == instance.launch.instance));
        its.is_some_and(|it| it.state == State::Ready)
    };
    let ready = elections.others.iter().filter(|other| is_ready(&other.host)).count();
    let (group, least, all) = (&broker.group, elections.least, elections.others.len());
    (ready < least).then(|| {
        format!(
            "without the member of {group} here {ready} of its other {all} are known to be ready, and it needs {least}"
        )
    })
}

/// Whose an entry of an instance's folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The agent's, or written by what it runs: it goes.
    Own,
    /// A folder of which some entries are the agent's.
    Folder,
    /// What users stored: it stays unless it is asked for by name.
    Data,
    /// Nobody knows: it stays and is named.
    Foreign,
}

/// Of an entry of the instance's own folder.
pub fn in_home(name: &str) -> Part {
    match name {
        "supervisor.lock" | "tmp" | "config-copies" | "offsets-carried.json" => Part::Own,
        "conf" | "logs" => Part::Folder,
        // `namesrv` holds kvConfig.json, which NamesrvController keeps below user.home (4.7.0-5.5.0 NamesrvConfig).
        "store" | "store-owner.json" | "namesrv" => Part::Data,
        other if is_half_written(other) || other.starts_with("console.log") => Part::Own,
        _ => Part::Foreign,
    }
}

/// Of an entry of its `conf`; `rendered` are the names that the agent writes there.
pub fn in_conf(name: &str, rendered: &[&str]) -> Part {
    // RocketMQ keeps the text before its own change (`MixAll.string2File`, 4.7.0-5.5.0).
    let plain = name.strip_suffix(".bak").or_else(|| name.strip_suffix(".tmp")).unwrap_or(name);
    if rendered.contains(&plain) || is_half_written(name) { Part::Own } else { Part::Foreign }
}

/// Of an entry of its `logs`.
pub fn in_logs(name: &str) -> Part {
    let begins = ["console.log", "gc.log", "hs_err_"].iter().any(|prefix| name.starts_with(prefix));
    if begins || ["rocketmqlogs", "dashboardlogs", "exporterlogs"].contains(&name) { Part::Own } else { Part::Foreign }
}

/// A jar in the dist folder that the agent fetched.
pub fn is_jar(name: &str) -> bool {
    let roles = [Role::Dashboard, Role::Exporter];
    let sum = roles.iter().find_map(|role| name.strip_prefix(role.word())?.strip_prefix('-')?.strip_suffix(".jar"));
    sum.is_some_and(|sum| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A file that the agent was writing when it was killed.
fn is_half_written(name: &str) -> bool {
    name.starts_with(".rocketmq-agent-")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        desired::{HostFacts, Java, desired},
        placement::place,
        size::Size,
        topology::read,
    };

    const FILE: &str = "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"5.5.0\"\n\
        [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n";

    fn host(name: &str) -> Desired {
        let topology = read(FILE).unwrap();
        let facts = HostFacts { memory: Size::mib(16384), java: Java { program: "/j".into(), release: 17 } };
        desired(&topology, &place(&topology, None).unwrap(), &name.parse().unwrap(), &facts).unwrap()
    }

    fn others(change: impl Fn(&mut crate::health::report::InstanceReport)) -> Others {
        let vm2 = host("vm2");
        let instances = vm2.instances.iter().map(|instance| {
            let mut report = crate::health::report::InstanceReport::new(instance);
            report.state = State::Ready;
            report.lag = Some(0);
            change(&mut report);
            report
        });
        let report = HostReport {
            host: vm2.host.clone(),
            cluster: "DefaultCluster".into(),
            mode: crate::topology::Mode::SyncSlaves,
            rocketmq: vm2.version,
            agent: "".into(),
            at: 0,
            cluster_file: "".into(),
            placement: "".into(),
            ready: true,
            blocked: Vec::new(),
            steps: Vec::new(),
            not_in_file: Vec::new(),
            witness: false,
            config: Default::default(),
            instances: instances.collect(),
        };
        [(vm2.host, Fact::Known(report))].into()
    }

    fn all(desired: &Desired) -> BTreeSet<InstanceName> {
        desired.instances.iter().map(|instance| instance.launch.instance.clone()).collect()
    }

    #[test]
    fn brokers_stop_before_the_namesrv_and_slaves_before_masters() {
        let vm1 = host("vm1");
        let waves = waves(vm1.instances.iter().map(|it| (&it.launch.instance, it.launch.role)));
        let names: Vec<Vec<&str>> = waves.iter().map(|w| w.iter().map(InstanceName::as_str).collect()).collect();
        assert_eq!(names, [["broker-b"], ["broker-a"], ["namesrv"]]);
    }

    #[test]
    fn what_clients_come_by_stops_before_the_brokers() {
        let names = ["namesrv", "broker-a", "proxy", "exporter"].map(|name| name.parse().unwrap());
        let roles = [Role::Namesrv, Role::Master, Role::Proxy, Role::Exporter];
        let waves = waves(names.iter().zip(roles));
        let names: Vec<Vec<&str>> = waves.iter().map(|w| w.iter().map(InstanceName::as_str).collect()).collect();
        assert_eq!(names, [vec!["proxy", "exporter"], vec!["broker-a"], vec!["namesrv"]]);
    }

    #[test]
    fn a_jar_is_the_agents_where_its_name_is_one_that_it_gives() {
        assert!(is_jar(&format!("exporter-{}.jar", "0".repeat(64))));
        assert!(!is_jar("exporter-0.0.2.jar") && !is_jar(&format!("mine-{}.jar", "0".repeat(64))));
    }

    #[test]
    fn a_host_whose_groups_are_whole_elsewhere_may_go() {
        let vm1 = host("vm1");
        assert_eq!(objections(&vm1, &all(&vm1), &others(|_| {}), false), [""; 0]);
        assert_eq!(objections(&vm1, &all(&vm1), &others(|_| {}), true), [""; 0]);
    }

    #[test]
    fn a_member_whose_other_one_is_not_ready_is_not_taken_away() {
        let vm1 = host("vm1");
        let lame = others(|report| {
            if report.instance.as_str() == "broker-a" {
                report.state = State::NotReady;
            }
        });
        let said = objections(&vm1, &all(&vm1), &lame, false);
        assert_eq!(
            said,
            ["without the master of broker-a here only its slave on vm2 is left, and that one is not ready"]
        );
        let silent: Others = [("vm2".parse().unwrap(), Fact::Unknown("no answer".to_owned()))].into();
        assert_eq!(objections(&vm1, &all(&vm1), &silent, false).len(), 2);
        assert_eq!(objections(&vm1, &BTreeSet::new(), &silent, false), [""; 0], "what does not run is not missed");
        assert_eq!(objections(&vm1, &BTreeSet::new(), &silent, true).len(), 2, "its data are");
    }

    #[test]
    fn data_that_only_this_host_has_are_not_deleted() {
        let vm1 = host("vm1");
        let behind = others(|report| report.lag = Some(7));
        assert_eq!(objections(&vm1, &all(&vm1), &behind, false), [""; 0]);
        let said = objections(&vm1, &all(&vm1), &behind, true);
        assert!(said.len() == 1 && said[0].contains("7 bytes behind"), "{said:?}");
        let short = others(|report| report.missing_history = Some(9));
        assert!(objections(&vm1, &all(&vm1), &short, true)[0].contains("lacks 9 bytes"));
    }

    #[test]
    fn only_what_the_agent_made_is_its_own() {
        assert_eq!(in_home("store"), Part::Data);
        assert_eq!(in_home("supervisor.lock"), Part::Own);
        assert_eq!(in_home("notes.txt"), Part::Foreign);
        assert_eq!(in_conf("broker.conf.bak", &["broker.conf"]), Part::Own);
        assert_eq!(in_conf("broker.conf.before-rocketmq-agent", &["broker.conf"]), Part::Foreign);
        assert_eq!(in_logs("gc.log.3"), Part::Own);
        assert_eq!(in_logs("audit.csv"), Part::Foreign);
    }
}
