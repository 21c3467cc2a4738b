//! What the file says of one kind of instance, wherever it says it.

use super::{BrokerFile, ClusterFile, NamesrvFile};
use std::iter::once;

impl ClusterFile {
    /// What is said of NameServers, for all hosts and for single ones.
    pub fn namesrvs(&self) -> impl Iterator<Item = &NamesrvFile> {
        once(&self.namesrv).chain(self.hosts.iter().map(|host| &host.namesrv))
    }

    /// What is said of controllers, for all hosts and for single ones.
    pub fn controllers(&self) -> impl Iterator<Item = &NamesrvFile> {
        once(&self.controller).chain(self.hosts.iter().map(|host| &host.controller))
    }

    /// What is said of brokers, for all, for those of single hosts, and for those of single groups.
    pub fn brokers(&self) -> impl Iterator<Item = &BrokerFile> {
        let hosts = self.hosts.iter().map(|host| &host.broker);
        once(&self.broker).chain(hosts).chain(self.named_groups.iter().map(|group| &group.broker))
    }
}
