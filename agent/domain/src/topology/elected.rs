//! The rules for the modes in which a group elects its master: how many members and controllers there must be so that one
//! of them may be lost, and what only such a mode can have.

use super::{Host, Layout, Mode, hosts::is_in_namesrv};
use crate::{
    cluster_file::{At, ClusterFile, JvmFile, NamesrvFile},
    names::{HostName, Version},
    problem::Problems,
};

/// Members of a group where the file does not say.
const MEMBERS: usize = 3;

/// The members of a group; what is wrong has been reported.
pub(super) fn judge(
    file: &ClusterFile,
    mode: Option<Mode>,
    version: Option<Version>,
    hosts: &[Host],
    problems: &mut Problems<'_>,
) -> usize {
    let Some(mode) = mode else { return MEMBERS };
    if mode != Mode::Controller {
        judge_leftovers(file, mode, problems);
    }
    if !mode.is_elected() {
        return MEMBERS;
    }
    let mode_at = file.mode.as_ref().map_or(0, |mode| mode.at);
    let broker_hosts = hosts.iter().filter(|host| host.brokers).count();
    let said = file.members.as_ref();
    let members = match (said, mode) {
        (Some(said), _) => said.value,
        (None, Mode::Controller) => broker_hosts.clamp(2, MEMBERS),
        (None, _) => MEMBERS,
    };
    if let Some(said) = said.filter(|said| mode == Mode::Dledger && !matches!(said.value, 3 | 5)) {
        let what = format!("is {}, and a DLedger group has 3 or 5 members", said.value);
        let fix = "of two neither could be lost, and a fourth adds nothing but work";
        problems.add(said.at, "out-of-range", "cluster.members", what, fix);
    }
    // A host that could not be read has been reported; it is not missing.
    if hosts.len() == file.hosts.len() && !hosts.is_empty() {
        if mode == Mode::Controller && !(is_in_namesrv(file) && judge_in_namesrv(file, hosts, problems)) {
            judge_controllers(file, hosts, mode_at, problems);
        }
        if broker_hosts < members {
            let what = format!("{mode} needs {members} hosts with brokers, one for each member of a group");
            let fix = match mode {
                Mode::Dledger => {
                    "with fewer than 3 the loss of one would leave no majority: add hosts, or use mode \
                                  \"controller\" or \"2m-2s-sync\""
                }
                _ => "add hosts, or lower cluster.members",
            };
            problems.add(mode_at, "too-few-hosts", "cluster.mode", what, fix);
        }
    }
    let oldest = Version::new(5, 1, 1);
    if let Some(version) = version.filter(|version| mode == Mode::Controller && *version < oldest) {
        let what = format!("RocketMQ {version} has no controllers whose members keep their identity");
        let at = file.version.as_ref().map_or(0, |version| version.at);
        problems.add(
            at,
            "mode-needs-release",
            "rocketmq.version",
            what,
            format!("mode controller needs {oldest} or newer"),
        );
    }
    if super::judge_layout(file.layout.as_ref(), &mut Problems::new("")) == Layout::Role {
        let at = file.layout.as_ref().map_or(0, |layout| layout.at);
        let what = format!("has one folder a role, and in mode {mode} a broker changes its role");
        problems.add(at, "not-in-this-mode", "cluster.layout", what, "use layout \"instance\"");
    }
    for roles in file.brokers() {
        for layer in [&roles.master, &roles.slave].into_iter().filter(|layer| !layer.path.is_empty()) {
            let what = format!("in mode {mode} a broker is a master now and a slave then");
            problems.add(mode_at, "not-in-this-mode", layer.path.clone(), what, "set it for all brokers");
        }
    }
    members
}

/// Controllers inside NameServers; whether something is wrong with that.
fn judge_in_namesrv(file: &ClusterFile, hosts: &[Host], problems: &mut Problems<'_>) -> bool {
    let key_at = file.in_namesrv.as_ref().map_or(0, |key| key.at);
    for jvm in file.controllers().map(|it| &it.jvm) {
        let path = &jvm.path;
        for (key, at) in own_of_a_jvm(jvm) {
            let own = path.replace("controller", "namesrv");
            let fix = format!("a controller in a NameServer has no JVM of its own: set {own}.{key}");
            problems.add(at, "not-in-this-mode", format!("{path}.{key}"), "is without effect", fix);
        }
    }
    let without =
        |name: &&At<HostName>| hosts.iter().any(|host| host.name == name.value && host.namesrv_port.is_none());
    let without: Vec<_> = file.controller_hosts.iter().flat_map(|list| &list.value).filter(without).collect();
    for name in &without {
        let what = format!("host \"{}\" runs no NameServer that a controller could be in", name.value);
        problems.add(name.at, "no-namesrv-there", "controller.hosts", what, "name it in namesrv.hosts too");
    }
    let namesrvs = hosts.iter().filter(|host| host.namesrv_port.is_some()).count();
    if namesrvs < 3 {
        let what = format!("needs 3 NameServers, and there are {namesrvs}");
        let fix = "of two the loss of one leaves no majority, and nobody would be elected";
        problems.add(key_at, "too-few-hosts", "controller.in_namesrv", what, fix);
    }
    namesrvs < 3 || !without.is_empty()
}

fn judge_controllers(file: &ClusterFile, hosts: &[Host], mode_at: usize, problems: &mut Problems<'_>) {
    let count = hosts.iter().filter(|host| host.controller_port.is_some()).count();
    if matches!(count, 3 | 5) {
        return;
    }
    let fix = "of two the loss of one leaves no majority, and nobody would be elected; a third host may be a small one \
               without brokers (broker.hosts)";
    match &file.controller_hosts {
        Some(list) if !list.value.is_empty() => {
            let what = format!("names {count} hosts, and there must be 3 or 5 controllers");
            problems.add(list.at, "wrong-count", "controller.hosts", what, fix);
        }
        _ => {
            let what = format!("controller needs 3 hosts for its controllers, and the file names {count}");
            problems.add(mode_at, "too-few-hosts", "cluster.mode", what, fix);
        }
    }
}

/// What would be without effect.
fn judge_leftovers(file: &ClusterFile, mode: Mode, problems: &mut Problems<'_>) {
    let mut add = |at: usize, key: &str| {
        let what = format!("is without effect in mode {mode}");
        problems.add(at, "not-in-this-mode", key, what, "leave it out, or use mode \"controller\"");
    };
    if let Some(members) = file.members.as_ref().filter(|_| !mode.is_elected()) {
        add(members.at, "cluster.members");
    }
    let hosts = file.controller_hosts.as_ref().map(|hosts| ("hosts", hosts.at));
    let mut of_all: Vec<_> =
        hosts.into_iter().chain(file.in_namesrv.as_ref().map(|it| ("in_namesrv", it.at))).collect();
    for NamesrvFile { port, jvm } in file.controllers().filter(|section| !section.jvm.path.is_empty()) {
        let mut said = std::mem::take(&mut of_all);
        said.extend(port.as_ref().map(|port| ("port", port.at)));
        said.extend(own_of_a_jvm(jvm));
        said.extend(jvm.config.values().map(|value| ("config", value.at)).min_by_key(|(_, at)| *at));
        if said.is_empty() {
            add(file.mode.as_ref().map_or(0, |mode| mode.at), &jvm.path);
        }
        for (key, at) in said {
            add(at, &format!("{}.{key}", jvm.path));
        }
    }
}

/// The keys that only a JVM of its own can have, and where they stand.
fn own_of_a_jvm(JvmFile { heap, young, direct_memory, java_options, .. }: &JvmFile) -> Vec<(&'static str, usize)> {
    let sizes = [("heap", heap), ("young", young), ("direct_memory", direct_memory)];
    let sizes = sizes.into_iter().filter_map(|(key, size)| Some((key, size.as_ref()?.at)));
    sizes.chain(java_options.first().map(|option| ("java_options", option.at))).collect()
}
