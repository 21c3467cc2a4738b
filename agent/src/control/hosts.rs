//! What each host holds: asked by config sync where the hosts have a secret, and else read from the reports that their
//! agents serve to everybody.

use super::{ClusterConfig, HostConfig};
use crate::{
    cluster::digest,
    peers::Peers,
    sync::{Handle, HostState},
};
use futures_util::future::join_all;
use rocketmq_agent_domain::{
    document::{DocumentHash, Mark},
    health::report::HostReport,
    observed::Fact,
    register::Entry,
};

pub(super) async fn ask(handle: &Handle) -> ClusterConfig {
    let me = handle.book.me().clone();
    let hosts = handle.book.members().into_iter().map(|host| {
        let is_me = host == me;
        async move {
            let state = match is_me {
                true => Ok(handle.state()),
                false => handle.ask_state(&host).await.map_err(|error| error.in_words()),
            };
            let (state, error) = match state {
                Ok(state) => (Some(state), None),
                Err(error) => (None, Some(error)),
            };
            HostConfig { host, state, error }
        }
    });
    let hosts = join_all(hosts).await;
    ClusterConfig { seen_from: me, hosts }
}

pub(super) async fn read_reports(handle: &Handle, peers: &Peers) -> ClusterConfig {
    let me = handle.book.me().clone();
    let own = handle.state();
    let history = handle.history().unwrap_or_default();
    let others = peers.others().await.into_iter().map(|(host, said)| match said {
        Fact::Known(report) => HostConfig { host, state: Some(state(&report, &own, &history)), error: None },
        Fact::Unknown(why) => HostConfig { host, state: None, error: Some(why) },
    });
    let mut hosts: Vec<HostConfig> = others.collect();
    hosts.push(HostConfig { host: me.clone(), state: Some(own), error: None });
    hosts.sort_by(|a, b| a.host.cmp(&b.host));
    ClusterConfig { seen_from: me, hosts }
}

fn state(report: &HostReport, own: &HostState, history: &[Entry]) -> HostState {
    let config = &report.config;
    let hash = config.hash.as_ref().and_then(|hash| hash.parse::<DocumentHash>().ok());
    let known = history.iter().find(|entry| Some(entry.mark().hash) == hash);
    // A report names no epoch; where this host does not know the document, it is one of its own epoch.
    let epoch = known.map(Entry::mark).or(own.held).map_or(1, |mark| mark.epoch);
    let held = config.generation.zip(hash).map(|(generation, hash)| Mark { epoch, generation, hash });
    // Several generations may have one text, as after a pause.
    let runs = history.iter().rev().find(|entry| {
        Some(entry.mark().generation) <= config.generation
            && digest(entry.document().text().as_bytes()) == report.cluster_file
    });
    HostState {
        host: report.host.clone(),
        held,
        runs: runs.map(|entry| entry.mark().generation),
        standing: config.standing.clone(),
        remarks: config.remarks.clone(),
    }
}
