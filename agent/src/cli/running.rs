//! The cluster that commands to brokers are about.

use crate::{
    cluster::{Applied, Cluster, ClusterError},
    settings::Settings,
};
use std::path::Path;

/// What a cluster file says, by default that of the settings. Where this host has applied one, its placement is the one that
/// runs.
pub(super) fn cluster(file: Option<&Path>, settings: &Settings) -> Result<Cluster, ClusterError> {
    let applied = Applied::read(&settings.state_dir).ok().flatten();
    let previous = applied.as_ref().map(|applied| &applied.placement);
    Cluster::read(file.unwrap_or(&settings.cluster_file), previous)
}
