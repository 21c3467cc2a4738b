//! What another cluster file would change, host by host, in words. In: what holds and what would. Out: text.

use super::render::facts;
use crate::cluster::Cluster;
use rocketmq_agent_domain::{
    desired::{Desired, Instance, desired},
    document::{
        Document,
        lines::{Difference, differences},
    },
    hazards,
    meaning::Language,
    names::{HostName, InstanceName},
    online::Live,
    rollout::{self, Restart},
    sentences, topology,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

/// The lines of the cluster file that differ, then for every host the files that would differ and the instances that
/// have to be restarted, in the order of the roll-out. What runs is not looked at, so this is the same on every host.
pub(super) fn between(held: &Document, next: &Cluster) -> anyhow::Result<String> {
    let mut text = String::from("cluster.toml\n");
    text += &lines(held.text(), &next.text);
    // An agent may have become stricter since: then what holds must not keep anybody from putting it right.
    let Ok(topology) = topology::read(held.text()) else {
        text += "what holds is not taken by this agent any more: only its lines were compared\n";
        return Ok(text);
    };
    let before =
        Cluster { text: held.text().to_owned(), topology: Arc::new(topology), placement: held.placement().clone() };
    for line in hazards::between((&before.topology, &before.placement), (&next.topology, &next.placement)) {
        text += &format!("warning: {line}\n");
    }
    let names =
        |cluster: &Cluster| cluster.topology.hosts.iter().map(|host| host.name.clone()).collect::<BTreeSet<_>>();
    let mut restarted = BTreeSet::new();
    for name in &names(&before) | &names(next) {
        let of = |cluster: &Cluster| -> anyhow::Result<Option<Desired>> {
            let Some(host) = cluster.topology.host(&name) else { return Ok(None) };
            let facts = facts(host)?;
            Ok(Some(desired(&cluster.topology, &cluster.placement, &name, &facts)?))
        };
        let (old, new) = (of(&before)?, of(next)?);
        match (old, new) {
            (None, Some(_)) => text += &format!("{name}: is new\n"),
            (Some(_), None) => text += &format!("{name}: is not in the file any more; what it runs is left alone\n"),
            (Some(old), Some(new)) => text += &host(&old, &new, &mut restarted),
            (None, None) => {}
        }
    }
    Ok(text + &restarts(next, &restarted))
}

/// Who is restarted, and who does it.
fn restarts(next: &Cluster, restarted: &BTreeSet<(HostName, InstanceName)>) -> String {
    let order = rollout::order(&next.placement);
    let seats = order.iter().filter(|seat| restarted.contains(&(seat.host.clone(), seat.instance.clone())));
    let lines: Vec<String> = match next.topology.restart {
        Restart::Auto => seats.enumerate().map(|(at, seat)| format!("  {}. {seat}\n", at + 1)).collect(),
        Restart::Manual => seats
            .map(|seat| format!("  {seat}: `rocketmq-agent restart {}` on {}\n", seat.instance, seat.host))
            .collect(),
    };
    let head = match (lines.is_empty(), next.topology.restart) {
        (true, _) => return String::new(),
        (_, Restart::Auto) => {
            "restarted one after the other, each when all others are ready; whoever leads goes last:\n"
        }
        (_, Restart::Manual) => "runs on with what it has until somebody restarts it, as restart = \"manual\" says:\n",
    };
    lines.into_iter().fold(head.to_owned(), |text, line| text + &line)
}

/// What one host gets; who has to be restarted there goes into `restarted`.
fn host(old: &Desired, new: &Desired, restarted: &mut BTreeSet<(HostName, InstanceName)>) -> String {
    let name = &new.host;
    let mut text = String::new();
    let files = |desired: &Desired| -> BTreeMap<_, _> {
        desired.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect()
    };
    let (before, after) = (files(old), files(new));
    for (path, new) in &after {
        match before.get(path) {
            Some(old) if old == new => {}
            Some(old) => text += &format!("{name}: {}\n{}", path.display(), lines(old, new)),
            None => text += &format!("{name}: {} is new\n", path.display()),
        }
    }
    for path in before.keys().filter(|path: &&std::path::PathBuf| !after.contains_key(Path::new(path))) {
        text += &format!("{name}: {} is not kept any more\n", path.display());
    }
    for instance in &new.instances {
        let instance_name = &instance.launch.instance;
        let live = |instance: &Instance| instance.broker.as_ref().map(|broker| broker.live.clone()).unwrap_or_default();
        if let Some(before) = old.instance(instance_name).filter(|_| old.version == new.version) {
            let keys = taken_live(&live(before), &live(instance));
            text += &keys.iter().map(|key| format!("{name}: {instance_name} {key}\n")).collect::<String>();
        }
        match old.instance(instance_name) {
            Some(before) if before.launch.fingerprint == instance.launch.fingerprint => {}
            Some(_) => {
                restarted.insert((name.clone(), instance_name.clone()));
            }
            None => text += &format!("{name}: {instance_name} is started\n"),
        }
    }
    for gone in old.instances.iter().filter(|it| new.instance(&it.launch.instance).is_none()) {
        text += &format!("{name}: {} is not in the file any more; it is left alone\n", gone.launch.instance);
    }
    text
}

/// What a broker takes while it runs, in words.
pub(super) fn taken_live(before: &Live, after: &Live) -> Vec<String> {
    let changed = after.iter().filter(|(key, value)| before.get(key).is_some_and(|before| before != *value));
    changed.map(|(key, value)| format!("takes {key} = {value} while it runs")).collect()
}

/// What [`between`] says, in a language; lines of files stay as they are.
pub(super) fn in_language(language: Language, text: &str) -> String {
    let is_of_a_file = |line: &str| ["  - ", "  + "].iter().any(|sign| line.starts_with(sign));
    let line = |line: &str| match is_of_a_file(line) {
        true => format!("{line}\n"),
        false => format!("{}\n", sentences::in_language(language, line)),
    };
    text.lines().map(line).collect()
}

/// `- ` what goes, `+ ` what comes, with line numbers.
pub(super) fn lines(old: &str, new: &str) -> String {
    let line = |difference| match difference {
        Difference::Left { line, text } => format!("  - {line}: {text}\n"),
        Difference::Right { line, text } => format!("  + {line}: {text}\n"),
    };
    differences(old, new).into_iter().map(line).collect()
}
