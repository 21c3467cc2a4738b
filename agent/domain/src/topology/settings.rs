//! JVM settings and properties: the rules they keep at every level, and how the levels add up for one instance.

use super::{derived, hosts::is_in_namesrv, properties};
use crate::{
    acl,
    catalogue::{File, Standing, standing},
    cluster_file::{BrokerFile, ClusterFile, JvmFile},
    launch::Role,
    names::{BrokerName, HostName, Version},
    problem::Problems,
    size::Size,
};
use std::collections::BTreeMap;

/// What was said for one JVM, all levels taken together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JvmSettings {
    /// Xms and Xmx.
    pub heap: Option<Size>,
    /// Xmn.
    pub young: Option<Size>,
    /// MaxDirectMemorySize.
    pub direct_memory: Option<Size>,
    /// More options, the widest level's first: the JVM takes the last.
    pub java_options: Vec<String>,
    /// Keys for the properties file.
    pub config: BTreeMap<String, String>,
}

impl JvmSettings {
    fn add(&mut self, layer: &JvmFile) {
        let over = |mine: &mut Option<Size>, theirs: &Option<crate::cluster_file::At<Size>>| {
            if let Some(size) = theirs {
                *mine = Some(size.value);
            }
        };
        over(&mut self.heap, &layer.heap);
        over(&mut self.young, &layer.young);
        over(&mut self.direct_memory, &layer.direct_memory);
        self.java_options.extend(layer.java_options.iter().map(|option| option.value.0.clone()));
        self.config.extend(layer.config.iter().map(|(key, value)| (key.clone(), value.value.clone())));
    }
}

/// All levels, so that the settings of any instance can be asked for.
#[derive(Debug, Default)]
pub struct Layers {
    namesrv: JvmFile,
    controller: JvmFile,
    /// Of proxies, dashboard and exporter.
    services: BTreeMap<Role, JvmFile>,
    broker: Roles,
    host_controller: BTreeMap<HostName, JvmFile>,
    host_namesrv: BTreeMap<HostName, JvmFile>,
    host_broker: BTreeMap<HostName, Roles>,
    host_proxy: BTreeMap<HostName, JvmFile>,
    group: BTreeMap<BrokerName, Roles>,
}

#[derive(Debug, Default)]
struct Roles {
    both: JvmFile,
    master: JvmFile,
    slave: JvmFile,
}

impl From<&BrokerFile> for Roles {
    fn from(file: &BrokerFile) -> Self {
        Self { both: file.jvm.clone(), master: file.master.clone(), slave: file.slave.clone() }
    }
}

impl Layers {
    /// The settings of a host's NameServer.
    pub fn namesrv(&self, host: &HostName) -> JvmSettings {
        let mut settings = JvmSettings::default();
        settings.add(&self.namesrv);
        if let Some(layer) = self.host_namesrv.get(host) {
            settings.add(layer);
        }
        settings
    }

    /// The settings of a host's controller.
    pub fn controller(&self, host: &HostName) -> JvmSettings {
        let mut settings = JvmSettings::default();
        settings.add(&self.controller);
        if let Some(layer) = self.host_controller.get(host) {
            settings.add(layer);
        }
        settings
    }

    /// The settings of a host's proxy, dashboard or exporter.
    pub fn service(&self, host: &HostName, role: Role) -> JvmSettings {
        let mut settings = JvmSettings::default();
        let of_host = self.host_proxy.get(host).filter(|_| role == Role::Proxy);
        self.services.get(&role).into_iter().chain(of_host).for_each(|layer| settings.add(layer));
        settings
    }

    /// The settings of a broker of that group and role on that host: `[broker]`, then the host's, then the group's,
    /// at each level what is said for the role after what is said for both.
    pub fn broker(&self, host: &HostName, group: &BrokerName, role: Role) -> JvmSettings {
        self.broker_with(host, self.group.get(group), role)
    }

    /// The same for each group that the file says something of, and for any other one.
    pub(super) fn brokers(&self, host: &HostName, role: Role) -> impl Iterator<Item = JvmSettings> {
        let groups = [None].into_iter().chain(self.group.values().map(Some));
        groups.map(move |group| self.broker_with(host, group, role))
    }

    fn broker_with(&self, host: &HostName, group: Option<&Roles>, role: Role) -> JvmSettings {
        let mut settings = JvmSettings::default();
        for roles in [Some(&self.broker), self.host_broker.get(host), group].into_iter().flatten() {
            settings.add(&roles.both);
            match role {
                Role::Slave => settings.add(&roles.slave),
                Role::Master => settings.add(&roles.master),
                // Neither, as it may become the other at any time.
                _ => {}
            }
        }
        settings
    }
}

pub(super) fn layers(file: &ClusterFile) -> Layers {
    let hosts = || file.hosts.iter().filter_map(|host| Some((host.name.as_ref()?.value.clone(), host)));
    Layers {
        namesrv: file.namesrv.jvm.clone(),
        controller: file.controller.jvm.clone(),
        services: services(file).map(|(role, layer)| (role, layer.clone())).collect(),
        broker: Roles::from(&file.broker),
        host_controller: hosts().map(|(name, host)| (name, host.controller.jvm.clone())).collect(),
        host_namesrv: hosts().map(|(name, host)| (name, host.namesrv.jvm.clone())).collect(),
        host_broker: hosts().map(|(name, host)| (name, Roles::from(&host.broker))).collect(),
        host_proxy: hosts().filter_map(|(name, host)| Some((name, host.proxy.as_ref()?.jvm.clone()))).collect(),
        group: file
            .named_groups
            .iter()
            .filter_map(|group| Some((group.name.as_ref()?.value.clone(), Roles::from(&group.broker))))
            .collect(),
    }
}

fn services(file: &ClusterFile) -> impl Iterator<Item = (Role, &JvmFile)> {
    let proxy = file.proxy.iter().map(|proxy| (Role::Proxy, &proxy.jvm));
    let dashboard = file.dashboard.iter().map(|jar| (Role::Dashboard, &jar.jvm));
    proxy.chain(dashboard).chain(file.exporter.iter().map(|jar| (Role::Exporter, &jar.jvm)))
}

/// Smallest heaps that the processes were seen to serve with.
const LEAST_NAMESRV_HEAP: Size = Size::mib(64);
const LEAST_BROKER_HEAP: Size = Size::mib(128);

pub(super) fn judge(file: &ClusterFile, version: Option<Version>, problems: &mut Problems<'_>) {
    let extra: Vec<&str> = file.extra_keys.iter().map(|key| key.value.0.as_str()).collect();
    let with_acl = |why: Option<&'static str>| why.filter(|_| file.acl.is_some());
    // Both read one file where the controller is in the NameServer.
    let in_namesrv = is_in_namesrv(file);
    let is_namesrvs = |key: &str| {
        let standing = version.filter(|_| in_namesrv).map(|version| standing(File::Namesrv, key, version));
        matches!(standing, Some(Standing::Known(_) | Standing::Neighbours(..)))
    };
    let namesrv = properties::Rules {
        file: File::Namesrv,
        version,
        derived: &|key| derived::namesrv_key(key).or_else(|| derived::controller_key(key).filter(|_| in_namesrv)),
        extra: &extra,
    };
    let controller = properties::Rules {
        file: File::Controller,
        version,
        derived: &|key| {
            let in_one_file = "the NameServer takes it from the same file: set it in namesrv.config";
            derived::controller_key(key).or_else(|| is_namesrvs(key).then_some(in_one_file))
        },
        extra: &extra,
    };
    let broker = properties::Rules {
        file: File::Broker,
        version,
        derived: &|key| derived::broker_key(key, version).or_else(|| with_acl(acl::derived_key(key))),
        extra: &extra,
    };
    let proxy = properties::Rules {
        file: File::Proxy,
        version,
        derived: &|key| derived::proxy_key(key).or_else(|| with_acl(acl::derived_key(key))),
        extra: &extra,
    };
    // What a jar takes that is no part of the release is not known here.
    let jar = properties::Rules {
        version: None,
        derived: &|key| derived::jar_key(key).or_else(|| with_acl(acl::derived_jar_key(key))),
        ..proxy
    };
    for (role, layer) in services(file) {
        let rules = if role == Role::Proxy { &proxy } else { &jar };
        judge_layer(layer, LEAST_BROKER_HEAP, rules, problems);
    }
    for layer in file.hosts.iter().filter_map(|host| host.proxy.as_ref()) {
        judge_layer(&layer.jvm, LEAST_BROKER_HEAP, &proxy, problems);
    }
    judge_layer(&file.namesrv.jvm, LEAST_NAMESRV_HEAP, &namesrv, problems);
    judge_layer(&file.controller.jvm, LEAST_NAMESRV_HEAP, &controller, problems);
    for host in &file.hosts {
        judge_layer(&host.namesrv.jvm, LEAST_NAMESRV_HEAP, &namesrv, problems);
        judge_layer(&host.controller.jvm, LEAST_NAMESRV_HEAP, &controller, problems);
    }
    for roles in file.brokers() {
        for layer in [&roles.jvm, &roles.master, &roles.slave] {
            judge_layer(layer, LEAST_BROKER_HEAP, &broker, problems);
        }
    }
}

fn judge_layer(layer: &JvmFile, least_heap: Size, rules: &properties::Rules<'_>, problems: &mut Problems<'_>) {
    let key = |name: &str| format!("{}.{name}", layer.path);
    if let Some(heap) = layer.heap.as_ref().filter(|heap| heap.value < least_heap) {
        let what = format!("{} is too little to start with", heap.value);
        problems.add(heap.at, "heap-too-small", key("heap"), what, format!("give at least {least_heap}"));
    }
    if let (Some(young), Some(heap)) = (&layer.young, &layer.heap)
        && young.value >= heap.value
    {
        let what = format!("{} does not fit in a heap of {}", young.value, heap.value);
        problems.add(young.at, "young-too-large", key("young"), what, "it is a part of the heap");
    }
    for option in &layer.java_options {
        judge_option(&option.value.0, option.at, &key("java_options"), problems);
    }
    for (name, value) in &layer.config {
        rules.judge(name, value, key(&format!("config.{name}")), problems);
    }
}

fn judge_option(option: &str, at: usize, key: &str, problems: &mut Problems<'_>) {
    const SET_BY_KEYS: [(&str, &str); 4] =
        [("-Xms", "heap"), ("-Xmx", "heap"), ("-Xmn", "young"), ("-XX:MaxDirectMemorySize", "direct_memory")];
    if let Some((_, by)) = SET_BY_KEYS.iter().find(|(prefix, _)| option.starts_with(prefix)) {
        problems.add(at, "option-has-a-key", key, format!("\"{option}\" has a key of its own"), format!("use {by}"));
    } else if !option.starts_with('-')
        || option.starts_with("-cp")
        || option.starts_with("-classpath")
        || option == "-jar"
    {
        let what = format!("\"{option}\" is not a JVM option that can be added");
        problems.add(at, "bad-java-option", key, what, "one option a string, each starting with '-'");
    } else if option.chars().any(char::is_whitespace) {
        let what = format!("\"{option}\" holds a blank");
        problems.add(at, "bad-java-option", key, what, "one option a string; no shell splits or quotes them");
    }
}
