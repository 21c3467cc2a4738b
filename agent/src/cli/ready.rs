//! `ready`: what an instance's unit runs after its start (ExecStartPost), so that "active" means that it serves. In:
//! addresses, as arguments: it needs no file. Out: it ends when a NameServer answers, when a controller (one inside a
//! NameServer too) knows a leader, when a proxy answers over gRPC, a dashboard or exporter over HTTP, or when a broker
//! answers and a NameServer knows it; until then systemd is told what it waits for.
//!
//! It ends at once where the instance's process has ended, and it has no time limit of its own while the instance does
//! not answer: checking a large store takes as long as it takes. A broker that answers and that no NameServer knows is
//! waited for five minutes: it may be that no NameServer can be reached, and a start must not hang on that for ever.

use crate::{
    exit_code, grpc,
    remoting::{Broker, Client, ClusterInfo, Controller, NameServer},
    supervise::process::Identity,
    web,
};
use futures_util::future::join_all;
use rocketmq_agent_domain::names::BrokerName;
use std::{
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::time::sleep;

#[derive(Debug, clap::Args)]
pub(super) struct Ready {
    /// Where the instance listens
    #[arg(long)]
    address: SocketAddr,
    /// Its brokerName; without it, it is a NameServer
    #[arg(long, requires = "registered")]
    broker: Option<BrokerName>,
    /// It is a controller
    #[arg(long, conflicts_with = "broker")]
    controller: bool,
    /// Where the controller listens that is inside this NameServer
    #[arg(long, conflicts_with = "broker")]
    controller_inside: Option<SocketAddr>,
    /// It is a proxy of this cluster
    #[arg(long, conflicts_with = "broker")]
    proxy_of: Option<String>,
    /// Of these addresses, those that take nobody in plain text
    #[arg(long, value_delimiter = ',')]
    tls: Vec<SocketAddr>,
    /// It serves web pages
    #[arg(long, conflicts_with = "broker")]
    http: bool,
    /// Its brokerId; without it, its group decides that
    #[arg(long)]
    id: Option<u64>,
    /// Where the NameServers must say that it is
    #[arg(long)]
    registered: Option<SocketAddr>,
    /// Every NameServer
    #[arg(long, value_delimiter = ',')]
    namesrv: Vec<SocketAddr>,
    /// The instance's process
    #[arg(long, env = "MAINPID", hide_env = true)]
    pid: Option<u32>,
}

const TIMEOUT: Duration = Duration::from_secs(3);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two looks whether the process is there.
const LOOK: Duration = Duration::from_millis(100);
/// A broker registers every 30 s (`registerNameServerPeriod`, BrokerConfig of 4.7.0-5.5.0).
const REGISTRATION: Duration = Duration::from_secs(300);

impl Ready {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        tokio::select! {
            () = self.wait() => {}
            () = gone(self.pid) => {}
        }
        Ok(exit_code::code(exit_code::OK))
    }

    async fn wait(&self) {
        let client = Client::new(TIMEOUT);
        client.speak_tls_to(self.tls.iter().copied().collect());
        let mut told = Told(String::new());
        while !self.answers(&client).await {
            told.tell(match self.broker {
                Some(_) => format!("{} does not answer yet; a large store is checked first", self.address),
                None if self.controller || self.controller_inside.is_some() => {
                    format!("{} does not answer yet, or knows no leader of the controllers", self.address)
                }
                None => format!("{} does not answer yet", self.address),
            });
            sleep(PAUSE).await;
        }
        let id = self.id.map(|id| format!(", id {id}")).unwrap_or_default();
        let (Some(broker), Some(own)) = (&self.broker, self.registered) else { return told.tell("ready".to_owned()) };
        let until = Instant::now() + REGISTRATION;
        loop {
            match self.registered_at(&client, broker, own).await {
                Ok(namesrv) => {
                    return told.tell(format!("ready: NameServer {namesrv} has it as {broker}{id}"));
                }
                Err(why) if Instant::now() > until => {
                    return told.tell(format!("it answers, but no NameServer knows it as {broker}{id}: {why}"));
                }
                Err(why) => told.tell(format!("it answers, and waits until a NameServer knows it: {why}")),
            }
            sleep(PAUSE).await;
        }
    }

    async fn answers(&self, client: &Client) -> bool {
        if let Some(cluster) = &self.proxy_of {
            let over_tls = self.tls.contains(&self.address);
            let proxy = grpc::Proxy { address: self.address, over_tls, signer: None };
            return grpc::query_route(proxy, cluster, TIMEOUT).await.is_ok();
        }
        match self.broker {
            // Nobody gives this the secret key: one that wants it serves.
            Some(_) => match Broker::new(client, self.address.to_string(), TIMEOUT).runtime_info().await {
                Ok(_) => true,
                Err(error) => error.unauthorized().is_some(),
            },
            None if self.http => match web::to_agents(TIMEOUT) {
                Ok(web) => web::serves(&web, self.address).await.is_ok(),
                Err(_) => false,
            },
            None if self.controller => knows_leader(client, self.address).await,
            None => {
                NameServer::new(client, self.address.to_string(), TIMEOUT).cluster_info().await.is_ok()
                    && match self.controller_inside {
                        Some(address) => knows_leader(client, address).await,
                        None => true,
                    }
            }
        }
    }

    /// The first NameServer that knows the broker, or why none does.
    async fn registered_at(&self, client: &Client, broker: &BrokerName, own: SocketAddr) -> Result<SocketAddr, String> {
        let own = own.to_string();
        let asked = join_all(self.namesrv.iter().map(|address| async move {
            (address, NameServer::new(client, address.to_string(), TIMEOUT).cluster_info().await)
        }));
        let mut why = Vec::new();
        for (address, answer) in asked.await {
            let found = |info: &ClusterInfo| match self.id {
                Some(id) => info.address(broker.as_str(), id).map(str::to_owned),
                None => info.groups.get(broker.as_str())?.addresses.values().find(|it| **it == own).cloned(),
            };
            match answer.as_ref().map(found) {
                Ok(Some(found)) if found == own => return Ok(*address),
                Ok(Some(other)) => why.push(format!("{address} has it at {other}")),
                Ok(None) => why.push(format!("{address} does not have it")),
                Err(_) => why.push(format!("{address} does not answer")),
            }
        }
        Err(why.join(", "))
    }
}

async fn knows_leader(client: &Client, controller: SocketAddr) -> bool {
    let said = Controller::new(client, controller.to_string(), TIMEOUT).metadata().await;
    said.is_ok_and(|said| said.leader.is_some())
}

/// Ends when the process has ended; where it is not known, never.
async fn gone(pid: Option<u32>) {
    let first = pid.and_then(|pid| Identity::of(pid).transpose());
    loop {
        match (pid, &first) {
            // An error is no proof that it has ended.
            (Some(pid), Some(Ok(first))) if Identity::of(pid).is_ok_and(|now| now.as_ref() != Some(first)) => return,
            (Some(_), None) => return,
            _ => sleep(LOOK).await,
        }
    }
}

/// What systemd was told last (`systemctl status`).
struct Told(String);

impl Told {
    fn tell(&mut self, text: String) {
        if self.0 != text {
            // There is nobody to tell where it was not systemd that started this.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Status(&text)]);
            self.0 = text;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_when_the_process_of_the_instance_has_ended() {
        let mut child = std::process::Command::new("/bin/sleep").arg("600").spawn().unwrap();
        let waiting = tokio::spawn(gone(Some(child.id())));
        tokio::time::timeout(Duration::from_millis(300), gone(Some(std::process::id()))).await.unwrap_err();
        assert!(!waiting.is_finished());
        child.kill().unwrap();
        child.wait().unwrap();
        tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap();
        tokio::time::timeout(Duration::from_secs(30), gone(Some(child.id()))).await.unwrap();
    }
}
