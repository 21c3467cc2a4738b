//! The rules for `cluster.mode`, `cluster.groups` and `[[group]]`: how many groups, on how many hosts, pinned where.

use super::{Host, Mode, NamedGroup, judge_host_list};
use crate::{
    cluster_file::{At, ClusterFile, GroupFile},
    names::HostName,
    problem::Problems,
};
use std::collections::BTreeMap;

/// The groups that the file names; what is wrong with them has been reported.
pub(super) fn judge(
    file: &ClusterFile,
    mode: Option<Mode>,
    members: usize,
    hosts: &[Host],
    problems: &mut Problems<'_>,
) -> Vec<NamedGroup> {
    let mode_at = file.mode.as_ref().map_or(0, |mode| mode.at);
    let broker_hosts = hosts.iter().filter(|host| host.brokers).count();
    // A host that could not be read has been reported; it is not missing.
    let all_read = hosts.len() == file.hosts.len();
    match mode {
        Some(mode) if mode.has_slaves() && broker_hosts == 1 && all_read => {
            let what = format!("{mode} needs two hosts with brokers: a slave beside its master is lost with it");
            problems.add(mode_at, "too-few-hosts", "cluster.mode", what, "add a host, or use mode \"single\"");
        }
        Some(Mode::Single) if hosts.iter().filter(|host| !host.witness).count() > 1 => {
            let what = format!("single runs on one host, and the file names {}", hosts.len());
            problems.add(mode_at, "too-many-hosts", "cluster.mode", what, "use another mode, or name one host");
        }
        _ => {}
    }
    if mode == Some(Mode::Single)
        && let Some(groups) = file.groups.as_ref().filter(|groups| groups.value != 1)
    {
        problems.add(groups.at, "out-of-range", "cluster.groups", "single has one group", "leave it out");
    }
    let mut seen = BTreeMap::new();
    for (index, group) in file.named_groups.iter().enumerate() {
        judge_name(index, group, &mut seen, problems);
        if let Some(pinned) = &group.hosts {
            judge_pinned(index, pinned, mode, members, hosts, problems);
        }
    }
    if let Some(groups) = file.groups.as_ref().filter(|groups| groups.value < file.named_groups.len()) {
        let what = format!("is {}, and the file names {} groups", groups.value, file.named_groups.len());
        problems.add(groups.at, "too-many-groups", "cluster.groups", what, "raise it, or leave it out");
    }
    file.named_groups
        .iter()
        .filter_map(|group| {
            Some(NamedGroup {
                name: group.name.as_ref()?.value.clone(),
                hosts: group.hosts.as_ref().map(|list| list.value.iter().map(|name| name.value.clone()).collect()),
            })
        })
        .collect()
}

fn judge_name<'f>(
    index: usize,
    group: &'f GroupFile,
    seen: &mut BTreeMap<&'f str, usize>,
    problems: &mut Problems<'_>,
) {
    let Some(name) = &group.name else { return };
    let key = format!("group[{index}].name");
    if ["namesrv", "controller", "proxy", "dashboard", "exporter", "agent", "dist"].contains(&name.value.as_str()) {
        let what = format!("\"{}\" is the name of something else on a host", name.value);
        problems.add(name.at, "reserved-name", key.clone(), what, "choose another brokerName");
    }
    if let Some(first) = seen.insert(name.value.as_str(), index) {
        let what = format!("\"{}\" is already the name of group[{first}]", name.value);
        problems.add(name.at, "name-twice", key, what, "");
    }
}

fn judge_pinned(
    index: usize,
    pinned: &At<Vec<At<HostName>>>,
    mode: Option<Mode>,
    members: usize,
    hosts: &[Host],
    problems: &mut Problems<'_>,
) {
    let key = format!("group[{index}].hosts");
    judge_host_list(&pinned.value, &key, hosts, problems);
    let wanted = match mode {
        Some(mode) if mode.is_elected() => members,
        Some(mode) if mode.has_slaves() => 2,
        _ => 1,
    };
    if let Some(mode) = mode
        && pinned.value.len() != wanted
    {
        let what = format!("names {} hosts, and a group of {mode} lives on {wanted}", pinned.value.len());
        let fix = match mode {
            mode if mode.is_elected() => "name the hosts of all members, or set cluster.members",
            mode if mode.has_slaves() => "name the master's host, then the slave's",
            _ => "name the master's host",
        };
        problems.add(pinned.at, "wrong-count", key.clone(), what, fix);
    }
    for name in &pinned.value {
        // That a witness runs no broker is said elsewhere.
        if hosts.iter().any(|host| host.name == name.value && !host.brokers && !host.witness) {
            let what = format!("host \"{}\" is not in broker.hosts", name.value);
            problems.add(name.at, "no-broker-host", key.clone(), what, "");
        }
    }
}
