//! Keys of RocketMQ's own files that follow from the cluster file and may not be set by hand: two sources for one
//! truth is how slaves pair with nobody.

use crate::names::Version;

/// Why a broker.conf key cannot be set by hand: where its value comes from. `None`: it can.
pub(super) fn broker_key(key: &str, version: Option<Version>) -> Option<&'static str> {
    Some(match key {
        "brokerClusterName" => "it is cluster.name",
        "brokerName" => "it is the group's name",
        "brokerId" | "brokerRole" => "it follows from the placement: pin a group with [[group]] hosts",
        "brokerIP1" => "it is the host's public_address, or its address",
        "brokerIP2" | "haMasterAddress" => "it is the host's address",
        "listenPort" | "haListenPort" | "fastListenPort" => "it follows from broker.port and broker.slave_port",
        "namesrvAddr" | "fetchNamesrvAddrByAddressServer" | "rmqAddressServerDomain" => {
            "it follows from namesrv.hosts and namesrv.port"
        }
        "storePathRootDir" | "storePathCommitLog" | "storePathDLedgerCommitLog" | "storePathEpochFile" => {
            "it follows from cluster.base_dir and cluster.layout"
        }
        "totalReplicas"
        | "inSyncReplicas"
        | "minInSyncReplicas"
        | "enableAutoInSyncReplicas"
        | "allAckInSyncStateSet" => "it follows from cluster.mode",
        "enableDLegerCommitLog" | "dLegerGroup" | "dLegerPeers" | "dLegerSelfId" => "it follows from cluster.mode",
        "enableControllerMode" | "controllerAddr" => "it follows from cluster.mode",
        "brokerPermission" => "the agent sets it while it drains a broker",
        "rocketmqHome" | "brokerConfigPath" => "the agent sets it for each instance",
        // BrokerController of 5.3.3 reads it nowhere: the module acl is gone, and the broker would be open to all.
        "aclEnable" if version.is_some_and(|v| v >= Version::new(5, 3, 3)) => {
            "this release ignores it and would be open to everybody; use [acl]"
        }
        _ => return None,
    })
}

/// The same for a namesrv.conf key.
pub(super) fn namesrv_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "listenPort" => "it is namesrv.port",
        "rocketmqHome" | "kvConfigPath" | "configStorePath" => "the agent sets it for each instance",
        "enableControllerInNamesrv" => "it is controller.in_namesrv",
        _ => return None,
    })
}

/// The same for a controller.conf key.
pub(super) fn controller_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "controllerType" => "the agent runs controllers by DLedger",
        "controllerDLegerGroup" | "controllerDLegerPeers" | "controllerDLegerSelfId" | "listenPort" => {
            "it follows from controller.hosts and controller.port"
        }
        "controllerStorePath" | "rocketmqHome" | "configStorePath" => "the agent sets it for each instance",
        // ControllerConfig of 5.1.1-5.5.0: a member that lacks acknowledged messages would become the master.
        "enableElectUncleanMaster" => "acknowledged messages would be lost",
        _ => return None,
    })
}

/// The same for an rmq-proxy.json key.
pub(super) fn proxy_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "rocketMQClusterName" | "proxyClusterName" => "it is cluster.name",
        "namesrvAddr" | "namesrvDomain" | "namesrvDomainSubgroup" => "it follows from namesrv.hosts and namesrv.port",
        "grpcServerPort" => "it is proxy.port",
        "remotingListenPort" => "it is proxy.remoting_port",
        "proxyName" | "localServeAddr" => "it is the host's name, and its public_address or address",
        "proxyMode" | "brokerConfigPath" => "the agent runs proxies in cluster mode, apart from the brokers",
        _ => return None,
    })
}

/// The same for a property of the dashboard or the exporter.
pub(super) fn jar_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "server.port" => "it is dashboard.port or exporter.port",
        "rocketmq.config.namesrvAddr" | "rocketmq.config.namesrvAddrs" => {
            "it follows from namesrv.hosts and namesrv.port"
        }
        "rocketmq.config.loginRequired" => "it is dashboard.login",
        "rocketmq.config.dataPath" => "the agent sets it for each instance",
        _ => return None,
    })
}
