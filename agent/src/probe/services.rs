//! What stands before the brokers, asked as its users ask it: a proxy on both its ports, a dashboard or exporter over HTTP.
//! In: an instance. Out: what it says, and whether it answered at all.

use super::{ask::TIMEOUT, namesrvs::Views};
use crate::{
    grpc,
    remoting::{Client, ClusterInfo, NameServer},
    web,
};
use rocketmq_agent_domain::{
    desired::Instance,
    health::facts::{ProxyFacts, ServiceFacts},
    launch::Role,
    observed::Fact,
};
use std::net::SocketAddr;
use tokio::join;

pub(super) async fn ask(client: &Client, web: Option<&reqwest::Client>, instance: &Instance) -> (ServiceFacts, bool) {
    if instance.launch.role == Role::Proxy {
        return proxy(client, instance).await;
    }
    let answer = match web {
        Some(web) => Fact::from(web::serves(web, instance.address).await),
        None => Fact::Unknown("no HTTP client could be set up".to_owned()),
    };
    let answered = answer.known().is_some();
    (ServiceFacts::Jar(answer), answered)
}

async fn proxy(client: &Client, instance: &Instance) -> (ServiceFacts, bool) {
    let launch = &instance.launch;
    // Every master has a topic of the cluster's name (TopicConfigManager of 4.5.2-5.5.0).
    let cluster = launch.service.as_ref().map_or("", |service| &service.cluster);
    let over_tls = launch.service.as_ref().is_some_and(|service| service.over_tls.contains(&instance.address));
    let remoting = launch.ports.get(1).map(|port| SocketAddr::new(instance.address.ip(), *port));
    let remoting = async {
        let Some(address) = remoting else { return Fact::Known(()) };
        match NameServer::new(client, address.to_string(), TIMEOUT).route_info(cluster).await {
            // It may well refuse that.
            Err(error) if !error.is_answer() => Fact::from(Err(error)),
            _ => Fact::Known(()),
        }
    };
    let signer = client.signer();
    let proxy = grpc::Proxy { address: instance.address, over_tls, signer: signer.as_ref() };
    let route = grpc::query_route(proxy, cluster, TIMEOUT);
    let (route, remoting) = join!(route, remoting);
    let answered = route.is_ok();
    (ServiceFacts::Proxy(ProxyFacts { route: Fact::from(route), signed: signer.is_some(), remoting }), answered)
}

/// Whether a NameServer has a master of the cluster.
pub(super) fn has_master(views: &Views, cluster: &str) -> Fact<bool> {
    let has = |info: &ClusterInfo| {
        info.groups.values().any(|group| group.cluster == cluster && group.addresses.contains_key(&0))
    };
    let mut known = views.values().filter_map(Fact::known).peekable();
    match known.peek() {
        Some(_) => Fact::Known(known.any(has)),
        None => Fact::Unknown("no NameServer answers".to_owned()),
    }
}
