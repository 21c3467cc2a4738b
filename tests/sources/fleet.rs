//! Hosts that take their document from a source: no secret, no cluster file to begin with.

use super::{
    agent::Agent,
    hosts::{Hosts, remarks},
    world::{Said, until},
};
use std::fs;

pub struct Fleet {
    pub hosts: Hosts,
    count: usize,
}

impl Fleet {
    /// That many, each with this `[sync.source]`.
    pub fn new(count: usize, source: &str) -> Self {
        let fleet = Self { hosts: Hosts::new(count), count };
        for n in 1..=count {
            let host = format!("vm{n}");
            fs::remove_file(fleet.hosts.path(&format!("{host}/cluster.secret"))).unwrap();
            fs::remove_file(fleet.hosts.path(&format!("{host}/cluster.toml"))).unwrap();
            let settings = format!("{}[sync.source]\n{source}\n", fleet.hosts.read(&format!("{host}/agent.toml")));
            fleet.hosts.write(&format!("{host}/agent.toml"), &settings, 0o600);
        }
        fleet
    }

    /// All their agents, in order.
    #[track_caller]
    pub fn agents(&self) -> Vec<Agent> {
        (1..=self.count).map(|n| self.hosts.agent(&format!("vm{n}"))).collect()
    }

    /// With a cluster file of its own, as while nothing lies in the source.
    pub fn lay_file(&self, host: &str) {
        self.hosts.write(&format!("{host}/cluster.toml"), &self.hosts.file(), 0o644);
    }

    /// The document of a cluster file that comes after another one, or first, as an operator makes it.
    #[track_caller]
    pub fn document(&self, after: Option<&str>, text: &str, message: &str) -> String {
        self.hosts.write("made.toml", text, 0o644);
        let (file, before) = (self.hosts.path("made.toml"), self.hosts.path("before.document"));
        let mut arguments = vec!["document", file.to_str().unwrap()];
        match after {
            Some(document) => {
                self.hosts.write("before.document", document, 0o644);
                arguments.extend(["-m", message, "--after", before.to_str().unwrap()]);
            }
            None => arguments.push("--first"),
        }
        let Said { status, out, err } = self.hosts.run("vm1", &arguments);
        assert_eq!(status, Some(0), "{err}");
        out
    }
}

#[track_caller]
pub fn says(agent: &Agent, words: &str) {
    until(&format!("{words:?}\n{}", agent.log()), || remarks(agent).contains(words).then_some(()));
}

#[track_caller]
pub fn all_is_well(agent: &Agent) {
    until(&format!("nothing to say\n{}", agent.log()), || remarks(agent).is_empty().then_some(()));
}
