//! Watches, while a claim runs, that no host says it is ready while the two members of a group differ.

use crate::{
    commit_logs::{GROUPS, Log, first_difference, members},
    lab::Lab,
};
use rocketmq_agent::web;
use rocketmq_agent_domain::health::report::{ClusterReport, HostReport};
use std::{
    net::SocketAddr,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// What is compared again though it was equal: below it nothing is written any more.
const AGAIN: u64 = 64 << 10;

/// Looks about twice a second until it is asked, or dropped.
pub struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Watcher {
    pub fn start(lab: &Lab) -> Self {
        let (stop, stopped) = mpsc::channel();
        let mut watch = Watch::new(lab);
        let thread = thread::spawn(move || {
            let mut found = Vec::new();
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                found.extend(watch.look());
            }
            found
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }

    /// Ends it, and checks that it saw nothing.
    pub fn stop(mut self) {
        let found = self.end();
        let first = found.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
        assert!(found.is_empty(), "{} times a host was ready while logs differed:\n{first}", found.len());
    }

    fn end(&mut self) -> Vec<String> {
        drop(self.stop.take());
        self.thread.take().map_or(Vec::new(), |thread| thread.join().unwrap())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A claim that failed elsewhere shows these too.
        for moment in self.end().iter().take(10) {
            println!("  {moment}");
        }
    }
}

/// A group as it is watched.
struct Group {
    name: &'static str,
    logs: [Log; 2],
    /// Up to there its members were equal.
    equal_to: u64,
}

/// What the thread has: nothing of the lab's, which claims change meanwhile.
struct Watch {
    began: Instant,
    runtime: Runtime,
    web: reqwest::Client,
    hosts: Vec<(&'static str, SocketAddr)>,
    groups: Vec<Group>,
}

impl Watch {
    fn new(lab: &Lab) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let web = runtime.block_on(async { web::to_agents(Duration::from_secs(2)).unwrap() });
        let groups = GROUPS.map(|name| Group { name, logs: members(lab, name), equal_to: 0 });
        Self { began: Instant::now(), runtime, web, hosts: lab.hosts.clone(), groups: groups.into() }
    }

    fn get(&self, at: SocketAddr, path: &str) -> Option<(bool, String)> {
        self.runtime.block_on(async {
            let answer = self.web.get(format!("http://{at}{path}")).send().await.ok()?;
            Some((answer.status().is_success(), answer.text().await.ok()?))
        })
    }

    /// What says that it is ready.
    fn ready(&self) -> Vec<String> {
        let mut ready = Vec::new();
        for (host, at) in &self.hosts {
            if self.get(*at, "/readyz").is_some_and(|(ready, _)| ready) {
                ready.push(format!("{host} (/readyz)"));
            }
            let cluster = self.get(*at, "/v1/cluster").and_then(|(_, body)| serde_json::from_str(&body).ok());
            if cluster.is_some_and(|cluster: ClusterReport| cluster.ready) {
                ready.push(format!("{host} (/v1/cluster)"));
            }
        }
        ready
    }

    /// The end of a member's log, as its own host knows it; `None` while that host says nothing.
    fn end(&self, log: &Log, group: &str) -> Option<u64> {
        let (_, at) = self.hosts.iter().find(|(host, _)| *host == log.host)?;
        let report: HostReport = serde_json::from_str(&self.get(*at, "/v1/host")?.1).ok()?;
        report.instances.into_iter().find(|instance| instance.instance.as_str() == group)?.max_offset
    }

    /// Where the members of a group differ, and where they end. `None` also where it cannot be told.
    fn difference(&self, group: &Group) -> Result<u64, Option<(u64, [u64; 2])>> {
        let [one, other] = &group.logs;
        let ends = [self.end(one, group.name).ok_or(None)?, self.end(other, group.name).ok_or(None)?];
        let to = ends[0].min(ends[1]);
        let from = one.start().max(other.start()).ok_or(None)?.max(group.equal_to.min(to).saturating_sub(AGAIN));
        // Files come, go and are unmounted meanwhile.
        match first_difference([one, other], from, to.max(from)) {
            Ok(None) => Ok(to),
            Ok(Some(at)) => Err(Some((at, ends))),
            Err(_) => Err(None),
        }
    }

    fn look(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        for index in 0..self.groups.len() {
            // A second look: the ends of the first one may be older than the bytes, and so may the first bytes.
            let seen = self.difference(&self.groups[index]).or_else(|seen| {
                seen.ok_or(None)?;
                self.difference(&self.groups[index])
            });
            match seen {
                Ok(equal_to) => self.groups[index].equal_to = equal_to,
                Err(None) => {}
                Err(Some((at, ends))) => {
                    let (name, ready) = (self.groups[index].name, self.ready());
                    // Once more: they may be equal since, and for that be called ready.
                    if !ready.is_empty() && matches!(self.difference(&self.groups[index]), Err(Some(_))) {
                        let after = self.began.elapsed().as_secs_f64();
                        found.push(format!(
                            "after {after:.1} s: {name} differs at {at}, ends {ends:?}; ready: {ready:?}"
                        ));
                    }
                }
            }
        }
        found
    }
}
