//! The rules for `sync.hosts` and `witness`: who votes on changes of the file, and what a host that does nothing else may
//! not have.

use super::Host;
use crate::{
    cluster_file::{At, ClusterFile, HostFile},
    document::CONFIG_HOSTS,
    names::HostName,
    problem::Problems,
};

/// Who votes, where the file says so; what is wrong has been reported.
pub(super) fn judge(file: &ClusterFile, hosts: &[Host], problems: &mut Problems<'_>) -> Option<Vec<HostName>> {
    let named = file.sync_hosts.as_ref();
    if let Some(list) = named.filter(|list| !list.value.is_empty() && list.value.len().is_multiple_of(2)) {
        let (count, fewer) = (list.value.len(), list.value.len() - 1);
        let what = match count {
            2 => "names two hosts, and while one of them is down nothing can be changed".to_owned(),
            _ => format!("names {count} hosts, of which no more may be down than of {fewer}"),
        };
        let fix = "make it an odd number; a host with witness = true needs nothing of RocketMQ";
        problems.warn(list.at, "even-number", "sync.hosts", what, fix);
    }
    let votes = |index: usize, name: &HostName| match named {
        Some(list) => list.value.iter().any(|voter| voter.value == *name),
        None => index < CONFIG_HOSTS,
    };
    let witnesses = file.hosts.iter().enumerate().filter_map(|(index, host)| {
        let witness = host.witness.as_ref().filter(|witness| witness.value)?;
        Some((index, host, witness.at, &host.name.as_ref()?.value))
    });
    for (index, host, at, name) in witnesses {
        if !votes(index, name) {
            let what = "has no vote, and so does nothing";
            let key = format!("host[{index}].witness");
            problems.warn(at, "witness-without-vote", key, what, "name it in sync.hosts");
        }
        judge_settings(index, host, at, problems);
        judge_lists(file, name, problems);
    }
    if !hosts.is_empty() && hosts.len() == file.hosts.len() && hosts.iter().all(|host| host.witness) {
        let fix = "add a host without witness = true";
        problems.add(file.hosts[0].at, "too-few-hosts", "host", "every host is a witness, and nothing would run", fix);
    }
    named.map(|list| list.value.iter().map(|name| name.value.clone()).collect())
}

/// What is said of a witness and would be without effect.
fn judge_settings(index: usize, host: &HostFile, witness_at: usize, problems: &mut Problems<'_>) {
    fn at<T>(value: &Option<At<T>>) -> Option<usize> {
        value.as_ref().map(|value| value.at)
    }
    let table = |path: &str| (!path.is_empty()).then_some(witness_at);
    let keys = [
        ("public_address", at(&host.public_address)),
        ("memory", at(&host.memory)),
        ("java_home", at(&host.java_home)),
        ("base_dir", at(&host.base_dir)),
        ("limits", at(&host.limits.memory).or(at(&host.limits.cpu))),
        ("namesrv", table(&host.namesrv.jvm.path)),
        ("controller", table(&host.controller.jvm.path)),
        ("broker", table(&host.broker.jvm.path)),
        ("proxy", host.proxy.as_ref().map(|proxy| proxy.at)),
    ];
    for (key, at) in keys {
        if let Some(at) = at {
            let fix = "leave it out, or leave out witness = true";
            problems.add(at, RULE, format!("host[{index}].{key}"), "is without effect on a witness", fix);
        }
    }
}

/// Lists of hosts that would run something.
fn judge_lists(file: &ClusterFile, witness: &HostName, problems: &mut Problems<'_>) {
    let groups = file.named_groups.iter().enumerate();
    let lists = [
        ("namesrv.hosts".to_owned(), &file.namesrv_hosts),
        ("controller.hosts".to_owned(), &file.controller_hosts),
        ("broker.hosts".to_owned(), &file.broker_hosts),
        ("proxy.hosts".to_owned(), &file.proxy_hosts),
    ];
    let lists = lists.into_iter().chain(groups.map(|(index, group)| (format!("group[{index}].hosts"), &group.hosts)));
    let lists = lists.flat_map(|(key, list)| {
        list.iter().flat_map(|list| &list.value).map(move |name| (key.clone(), name)).collect::<Vec<_>>()
    });
    let jars = [("dashboard.host", &file.dashboard), ("exporter.host", &file.exporter)];
    let jars = jars.into_iter().filter_map(|(key, jar)| Some((key.to_owned(), jar.as_ref()?.host.as_ref()?)));
    for (key, name) in lists.chain(jars).filter(|(_, name)| name.value == *witness) {
        let what = format!("host \"{witness}\" is a witness, and runs nothing of RocketMQ");
        problems.add(name.at, RULE, key, what, "name another host, or leave out witness = true there");
    }
}

const RULE: &str = "witness-runs-nothing";
