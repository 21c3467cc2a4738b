//! The rules for a broker: it answers, is registered everywhere under its own name, id and address, runs with what
//! was rendered, and replicates.

use super::{
    Findings, disk,
    facts::{BrokerFacts, HaConnection, PartnerFacts, Runtime},
    member, not_answering, pressure,
    report::InstanceReport,
};
use crate::{
    desired::{ExpectedBroker, Instance},
    finding, held,
    launch::{Cause, Role},
    observed::Fact,
    online::OnlineKey,
    rollout::PERMISSION,
    size::Size,
    sync_policy::{IN_SYNC_REPLICAS, SyncPolicy},
    topics,
};
use std::{collections::BTreeMap, fmt::Display, net::SocketAddr};

/// It runs with another value than it should.
pub(crate) const CONFIG_DIFFERS: &str = finding::CONFIG_DIFFERS.id;
/// It was never told of a NameServer that is in the file.
pub(crate) const NAMESRV_NOT_TOLD: &str = finding::NAMESRV_NOT_TOLD.id;
/// A NameServer does not answer, so that nobody knows whether it has the broker.
pub(crate) const NAMESRV_UNREACHABLE: &str = finding::NAMESRV_UNREACHABLE.id;
/// A slave has more than its master.
pub const SLAVE_AHEAD: &str = finding::SLAVE_AHEAD.id;
/// A master without write permission.
pub(crate) const READ_ONLY: &str = finding::READ_ONLY.id;

/// So many new connections in three minutes are no restart.
const LOOPS: usize = 6;

pub(super) fn judge(instance: &Instance, facts: &BrokerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    let Some(expected) = &instance.broker else { return };
    let runtime = match &facts.runtime {
        Fact::Known(runtime) => runtime,
        Fact::Unknown(_) if let Some(said) = &facts.unauthorized.own => {
            report.answers = true;
            findings.reasons.push(finding::UNAUTHORIZED.of(&[("who", &"it"), ("said", said)]));
            return;
        }
        Fact::Unknown(why) => {
            findings.reasons.push(not_answering(why));
            return;
        }
    };
    report.answers = true;
    report.version = Some(runtime.version.as_str().into());
    report.max_offset = Some(runtime.max_offset);
    report.figures = runtime.figures.clone();
    report.disk_full_in = runtime.filling.map(|filling| filling.minutes * 60);
    disk::judge(runtime, findings);
    pressure::judge(runtime, findings);
    findings.warnings.extend(topics::warning(&facts.missing_topics));
    judge_permission(instance.launch.role, expected, facts, findings);
    if let (Some(elections), Some(members)) = (&expected.elections, &facts.members) {
        member::judge(expected, elections, facts, members, runtime, report, findings);
    } else {
        judge_registration(expected, facts, findings);
    }
    judge_config(expected, facts, report, findings);
    let is_told = report.role != Role::Slave || runtime.gap.is_some();
    if is_told && facts.config.known().is_some_and(held::says_so) {
        findings.reasons.push(match runtime.gap {
            Some(offset) => finding::LOG_GAP.of(&[("offset", &offset)]),
            None => finding::SENDS_HELD.of(&[]),
        });
    }
    if instance.launch.role == Role::Master {
        tell_of_sends(expected, facts, findings);
    }
    judge_replication(instance.launch.role, expected, facts, runtime, report, findings);
}

/// What the NameServers have under its brokerName, of those that answer and that it was told of; the others are named.
/// Clients go on to the next NameServer when one does not answer, so that one which answers is enough to be found.
pub(super) fn registrations<'f>(
    facts: &'f BrokerFacts,
    findings: &mut Findings,
) -> Vec<(SocketAddr, &'f BTreeMap<u64, String>)> {
    let told = facts.config.known().and_then(|config| config.get(OnlineKey::NamesrvAddr.name()));
    let (mut found, mut unreachable) = (Vec::new(), Vec::new());
    for (namesrv, registered) in &facts.registered {
        match registered {
            Fact::Unknown(why) => {
                unreachable.push(finding::NAMESRV_UNREACHABLE.of(&[("namesrv", namesrv), ("why", why)]));
            }
            Fact::Known(_) if told.is_some_and(|told| !told.split(';').any(|it| it == namesrv.to_string())) => {
                findings.reasons.push(finding::NAMESRV_NOT_TOLD.of(&[("namesrv", namesrv)]));
            }
            Fact::Known(addresses) => found.push((*namesrv, addresses)),
        }
    }
    if found.is_empty() { &mut findings.reasons } else { &mut findings.warnings }.extend(unreachable);
    found
}

/// Every NameServer must name this broker, and nobody else, under its name and id: a second claimant makes the route
/// flap between the two with no error anywhere.
fn judge_registration(expected: &ExpectedBroker, facts: &BrokerFacts, findings: &mut Findings) {
    let own = expected.client_address.to_string();
    for (namesrv, addresses) in registrations(facts, findings) {
        judge_one_registration(expected, &own, namesrv, addresses, findings);
    }
}

fn judge_one_registration(
    expected: &ExpectedBroker,
    own: &str,
    namesrv: SocketAddr,
    addresses: &BTreeMap<u64, String>,
    findings: &mut Findings,
) {
    let (group, id) = (&expected.group, expected.broker_id);
    match addresses.get(&id) {
        Some(address) if address == own => {}
        Some(other) => {
            findings.reasons.push(finding::TWO_CLAIMANTS.of(&[
                ("namesrv", &namesrv),
                ("group", group),
                ("id", &id),
                ("other", other),
                ("own", &own),
            ]));
        }
        None => {
            let values: [(&str, &dyn Display); 3] = [("namesrv", &namesrv), ("group", group), ("id", &id)];
            findings.reasons.push(finding::NOT_REGISTERED.of(&values));
        }
    }
    if let Some((other_id, _)) = addresses.iter().find(|(other, address)| **other != id && *address == own) {
        findings.reasons.push(finding::WRONG_ID.of(&[
            ("namesrv", &namesrv),
            ("own", &own),
            ("group", group),
            ("other", other_id),
            ("id", &id),
        ]));
    }
}

/// RocketMQ drops a value that it does not understand without a word, and anybody can change one online. That a master
/// waits for nobody may be the agent's own doing.
fn judge_config(expected: &ExpectedBroker, facts: &BrokerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    let effective = match &facts.config {
        Fact::Known(effective) => effective,
        Fact::Unknown(why) => {
            findings.reasons.push(finding::CONFIG_UNKNOWN.of(&[("why", why)]));
            return;
        }
    };
    let is_lowered = effective.get(IN_SYNC_REPLICAS).is_some_and(|count| count == "1");
    report.sync_lowered = expected.replicas.filter(|it| *it == SyncPolicy::Available).map(|_| is_lowered);
    for (key, wanted) in &expected.config {
        let found = effective.get(key);
        if key == IN_SYNC_REPLICAS && report.sync_lowered == Some(true) {
            findings.reasons.push(finding::SYNC_LOWERED.of(&[("key", key)]));
        } else if found != Some(wanted) {
            let found = found.map_or("nothing".to_owned(), |value| format!("\"{value}\""));
            let values: [(&str, &dyn Display); 3] = [("key", key), ("found", &found), ("wanted", wanted)];
            findings.reasons.push(finding::CONFIG_DIFFERS.of(&values));
        }
    }
    for (key, wanted) in expected.live.iter().filter(|(key, _)| !expected.config.contains_key(key.name())) {
        if let Some(found) = effective.get(key.name()).filter(|found| *found != wanted) {
            let values: [(&str, &dyn Display); 3] = [("key", &key.name()), ("found", found), ("wanted", wanted)];
            findings.reasons.push(finding::CONFIG_DIFFERS_FROM_DEFAULT.of(&values));
        }
    }
}

/// What sends to a sync master are answered while nobody replicates from it, where that stays so.
fn tell_of_sends(expected: &ExpectedBroker, facts: &BrokerFacts, findings: &mut Findings) {
    if !expected.sync || facts.ha_connection != Fact::Known(HaConnection::Missing) {
        return;
    }
    match expected.replicas {
        Some(SyncPolicy::Available) => {}
        Some(SyncPolicy::Strict) => {
            findings.warnings.push(finding::SYNC_STRICT.of(&[]));
        }
        None => {
            findings.warnings.push(finding::SYNC_NOT_LOWERED.of(&[]));
        }
    }
}

/// The permission of its topics in the route: without the bit for writing no client sends to this broker, and nothing
/// says so anywhere. A cluster file that takes it has its reasons.
fn judge_permission(role: Role, expected: &ExpectedBroker, facts: &BrokerFacts, findings: &mut Findings) {
    const WRITES: u64 = 2;
    if expected.config.contains_key(PERMISSION) {
        // Another than the file's is named as any other key.
        return;
    }
    if let Some(permission) = facts.permission.filter(|permission| role == Role::Master && permission & WRITES == 0) {
        findings.reasons.push(finding::READ_ONLY.of(&[("permission", &permission)]));
    }
}

fn judge_replication(
    role: Role,
    expected: &ExpectedBroker,
    facts: &BrokerFacts,
    runtime: &Runtime,
    report: &mut InstanceReport,
    findings: &mut Findings,
) {
    let Some(partner) = &facts.partner else { return };
    let is_slave = role == Role::Slave;
    let required = is_slave || expected.sync;
    let partner = match partner {
        Fact::Known(partner) => partner,
        Fact::Unknown(_) if let Some(said) = &facts.unauthorized.partner => {
            let other = if is_slave { "its master" } else { "its slave" };
            findings.put(required, finding::UNAUTHORIZED.of(&[("who", &other), ("said", said)]));
            return;
        }
        Fact::Unknown(why) => {
            let finding = if is_slave { finding::MASTER_UNREACHABLE } else { finding::SLAVE_UNREACHABLE };
            let host = expected.partner.as_ref().map(|partner| &partner.host as _);
            findings.put(required, finding.of_known(&[("why", Some(why)), ("host", host)]));
            return;
        }
    };
    if let Fact::Known(HaConnection::Missing) = facts.ha_connection {
        let finding = if is_slave { finding::NO_REPLICATION_OF_SLAVE } else { finding::NO_REPLICATION_OF_MASTER };
        let at = expected.partner.as_ref().filter(|_| is_slave).map(|partner| &partner.ha_address as _);
        findings.put(required, finding.of_known(&[("address", at)]));
    } else if let Fact::Known(HaConnection::Settling) = facts.ha_connection {
        findings.put(required, finding::REPLICATION_SETTLING.of(&[]));
    } else if let Fact::Unknown(why) = &facts.ha_connection {
        findings.put(required, finding::REPLICATION_UNKNOWN.of(&[("why", why)]));
    }
    if facts.ha_reconnects >= LOOPS {
        let who = if is_slave { "it" } else { "its slave" };
        let values: [(&str, &dyn Display); 2] = [("who", &who), ("count", &facts.ha_reconnects)];
        findings.put(required, finding::REPLICATION_LOOPS.of(&values));
    }
    let (slave_max, master_max) =
        if is_slave { (runtime.max_offset, partner.max_offset) } else { (partner.max_offset, runtime.max_offset) };
    report.lag = Some(master_max.saturating_sub(slave_max));
    report.lag_seconds = facts.behind_for.map(|ms| ms / 1000);
    if slave_max == 0 && master_max > 0 {
        // However little the master has: until the first bytes came, sends that wait for the slave time out.
        let finding = if is_slave { finding::SLAVE_EMPTY } else { finding::SLAVE_EMPTY_OF_MASTER };
        findings.put(required, finding.of(&[]));
        return;
    }
    // A master sends what follows the slave's end, and where it has deleted that, nothing, for ever (HAConnection).
    let master_min = if is_slave { partner.min_offset } else { runtime.min_offset };
    if let Some(master_min) = master_min.filter(|min| slave_max < *min) {
        let finding = if is_slave { finding::REPLICATION_GAP_OF_SLAVE } else { finding::REPLICATION_GAP_OF_MASTER };
        findings.put(required, finding.of(&[("slave", &slave_max), ("master", &master_min)]));
        return;
    }
    if slave_max > master_max {
        findings.reasons.push(finding::SLAVE_AHEAD.of(&[("ahead", &Size(slave_max - master_max))]));
    } else if master_max - slave_max > expected.max_lag.0 {
        let lag = Size(master_max - slave_max);
        let finding = if is_slave { finding::LAGGING_SLAVE } else { finding::LAGGING_MASTER };
        findings.put(required, finding.of(&[("lag", &lag), ("limit", &expected.max_lag)]));
    }
    if is_slave {
        judge_history(runtime, partner, report, findings);
    }
}

/// A new slave starts at its master's last commit log file (HAConnection: slaveRequestOffset == 0), so what came
/// before exists on the master only, until retention has passed.
fn judge_history(runtime: &Runtime, master: &PartnerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    let (Some(master_min), Some(own_min)) = (master.min_offset, runtime.min_offset) else { return };
    if own_min > master_min {
        let missing = Size(own_min - master_min);
        report.no_history_before = Some(runtime.earliest_message.unwrap_or_default());
        report.missing_history = Some(missing.0);
        findings.warnings.push(finding::NO_HISTORY.of(&[("offset", &own_min), ("missing", &missing)]));
    }
}

impl Findings {
    /// A reason where the mode depends on it, else a warning.
    fn put(&mut self, required: bool, cause: Cause) {
        if required { self.reasons.push(cause) } else { self.warnings.push(cause) }
    }
}
