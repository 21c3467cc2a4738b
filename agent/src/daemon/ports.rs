//! The agent's own ports. In: addresses. Out: listeners, as soon as they can be had. Whoever has a port of the agent's, such as a
//! broker that was taken over, keeps it from being asked there, and not from looking after the instances of this host.

use crate::supervise::{process, sockets::Sockets};
use rocketmq_agent_domain::{finding, launch::Cause};
use std::{collections::BTreeMap, error::Error, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, time};
use tracing::{error, info};

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(5);

/// What is not served now, each with its reason.
#[derive(Clone)]
pub(super) struct Ports {
    problems: Arc<watch::Sender<BTreeMap<SocketAddr, Cause>>>,
    again: Duration,
}

impl Ports {
    pub(super) fn new() -> Self {
        Self { problems: Arc::new(watch::channel(BTreeMap::new()).0), again: AGAIN }
    }

    /// What to say of them in the host's report.
    pub(super) fn problems(&self) -> Vec<Cause> {
        self.problems.borrow().values().cloned().collect()
    }

    /// Tries once; none where it cannot be listened there now.
    pub(super) async fn first<T, E: Error + Send + Sync + 'static>(
        &self,
        address: SocketAddr,
        bound: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        match bound.await {
            Ok(listening) => Some(listening),
            Err(refused) => {
                self.note(address, refused);
                None
            }
        }
    }

    /// Tries until it can be listened there.
    pub(super) async fn listen<T, E: Error + Send + Sync + 'static, F: Future<Output = Result<T, E>>>(
        &self,
        address: SocketAddr,
        bind: impl Fn() -> F,
    ) -> T {
        loop {
            match bind().await {
                Ok(listening) => {
                    if self.problems.borrow().contains_key(&address) {
                        info!("{address} is listened on");
                    }
                    self.problems.send_modify(|problems| drop(problems.remove(&address)));
                    return listening;
                }
                Err(refused) => self.note(address, refused),
            }
            time::sleep(self.again).await;
        }
    }

    fn note(&self, address: SocketAddr, refused: impl Error + Send + Sync + 'static) {
        let why = format!("{:#}", anyhow::Error::from(refused));
        let why = match holder(address.port()) {
            Some(holder) => format!("{why}: {holder} has the port"),
            None => why,
        };
        let cause = finding::PORT_OF_AGENT.of(&[("why", &why)]);
        if self.problems.borrow().get(&address) != Some(&cause) {
            error!(cause = %cause.id, "{}", cause.what);
        }
        self.problems.send_modify(|problems| drop(problems.insert(address, cause)));
    }
}

fn holder(port: u16) -> Option<String> {
    let inodes = Sockets::read().ok()?.listening(port);
    if inodes.is_empty() { None } else { Some(process::socket_owner(&inodes).ok()?.to_string()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::http;
    use std::net::TcpListener;

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_holder_and_had_as_soon_as_it_is_free() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let ports = Ports { again: Duration::from_millis(20), ..Ports::new() };
        let wanted = tokio::spawn({
            let ports = ports.clone();
            async move { ports.listen(address, || http::bind(address)).await }
        });
        while ports.problems().is_empty() {
            tokio::task::yield_now().await;
        }
        let said = &ports.problems()[0].what;
        assert!(said.contains(&address.to_string()) && said.contains(&format!("pid {}", std::process::id())), "{said}");
        drop(taken);
        assert_eq!(wanted.await.unwrap().local_addr().unwrap(), address);
        assert!(ports.problems().is_empty());
    }
}
