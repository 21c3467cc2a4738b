//! Commit logs between the hosts of a group: what a host answers about a log of its own, and how it reads another one's. Both
//! over the mutual TLS of config sync, and only for the host of the other member.
//!
//! | path | answers |
//! |---|---|
//! | `GET /log/GROUP` | [`Extent`] |
//! | `GET /log/GROUP/hashes?from=…&to=…` | SHA-256 of each chunk, 32 bytes each |
//! | `GET /log/GROUP/bytes?from=…&to=…` | the bytes |
//! | `POST /log/GROUP/cut?at=…` | the slave is restarted and cuts off what begins there, which is no whole message |

use super::{LinkError, client::Link};
use crate::{
    accounts::Account,
    acl,
    commit_log::{Hash, LocalLog, Log, LogError, PIECE},
    remoting::{Broker, Client},
};
use axum::http::StatusCode;
use bytes::Bytes;
use hyper::Method;
use rocketmq_agent_domain::{
    commit_log::{Extent, WINDOW, frame},
    desired::{Desired, Instance},
    launch::{Role, StoreFormat},
    names::{BrokerName, HostName, InstanceName},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex as Turn, Notify, watch},
    time::sleep,
};

/// For an answer of this host's own broker.
const OWN_BROKER: Duration = Duration::from_secs(2);
/// For an answer about a log, which may have to be read from a slow disk: a file at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a log that are read for others in a second: what the brokers of this host leave over of a disk.
const A_SECOND: u64 = 128 << 20;

/// Instances that are to be restarted so that they cut their logs.
#[derive(Debug, Default)]
pub struct Cuts {
    wanted: Mutex<BTreeMap<InstanceName, u64>>,
    changed: Notify,
}

impl Cuts {
    fn want(&self, instance: &InstanceName, at: u64) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(instance.clone(), at);
        self.changed.notify_one();
    }

    /// Takes what is wanted: where each is to be cut.
    pub fn take(&self) -> BTreeMap<InstanceName, u64> {
        std::mem::take(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something is. Cancel-safe.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// The commit logs of this host, as other hosts may ask about them.
#[derive(Debug, Clone)]
pub struct Logs {
    desired: watch::Receiver<Arc<Desired>>,
    pids: watch::Receiver<BTreeMap<InstanceName, u32>>,
    account: Option<Account>,
    cuts: Arc<Cuts>,
    /// One question at a time reads a disk.
    turn: Arc<Turn<()>>,
}

/// Where a log is to be cut.
#[derive(Deserialize)]
pub(super) struct Cut {
    pub at: u64,
}

/// A range that was asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    from: u64,
    to: u64,
}

type Refused = (StatusCode, String);

impl Logs {
    /// What is asked about is what this host should have, and what of it runs.
    pub fn new(
        desired: watch::Receiver<Arc<Desired>>,
        pids: watch::Receiver<BTreeMap<InstanceName, u32>>,
        account: Option<Account>,
        cuts: Arc<Cuts>,
    ) -> Self {
        Self { desired, pids, account, cuts, turn: Arc::default() }
    }

    /// This host's member of a group, for the host of the other member.
    fn member(&self, group: &str, from: &HostName) -> Result<Instance, Refused> {
        let desired = self.desired.borrow();
        let is_it = |it: &&Instance| {
            let store = it.launch.store.as_ref();
            store.is_some_and(|store| store.broker.as_str() == group && store.format == StoreFormat::Plain)
                && it.launch.partner.as_ref() == Some(from)
        };
        let found = desired.instances.iter().find(is_it).cloned();
        found.ok_or_else(|| {
            (StatusCode::CONFLICT, format!("this host has no member of {group} whose other member is on {from}"))
        })
    }

    fn log(&self, member: &Instance) -> Option<LocalLog> {
        Some(LocalLog::new(member.launch.store.as_ref()?.commit_log.clone(), self.account))
    }

    pub(super) async fn extent(&self, group: &str, from: &HostName) -> Result<Extent, Refused> {
        let member = self.member(group, from)?;
        let Some(log) = self.log(&member) else { return Err(failed("it has no store")) };
        let running = self.pids.borrow().contains_key(&member.launch.instance);
        let serving = if running { self.end_of_broker(&member).await } else { None };
        let _turn = self.turn.lock().await;
        let read = log.with(move |files| {
            let end = serving.map_or_else(|| files.end(), Ok)?;
            Ok((files.min(), end, files.file_size()))
        });
        let (min, end, file_size) = read.await.map_err(|error| failed(&in_words(error)))?;
        Ok(Extent { role: member.launch.role, min, end, file_size, running, serving: serving.is_some() })
    }

    async fn end_of_broker(&self, member: &Instance) -> Option<u64> {
        let (acl, over_tls) = {
            let desired = self.desired.borrow();
            (desired.acl.clone(), desired.over_tls.clone())
        };
        let client = Client::new(OWN_BROKER);
        client.sign_as(acl::signer(acl.as_ref()));
        client.speak_tls_to(over_tls);
        let broker = Broker::new(&client, member.address.to_string(), OWN_BROKER);
        let end = broker.runtime_info().await.ok()?.commit_log_max_offset?;
        u64::try_from(end).ok()
    }

    pub(super) async fn hashes(&self, group: &str, from: &HostName, asked: Asked) -> Result<Bytes, Refused> {
        let range = within(asked, WINDOW)?;
        self.read(group, from, range, |log, range| async move { Ok(log.hashes(range).await?.concat()) }).await
    }

    pub(super) async fn bytes(&self, group: &str, from: &HostName, asked: Asked) -> Result<Bytes, Refused> {
        let range = within(asked, PIECE)?;
        self.read(group, from, range, |log, range| async move { log.bytes(range).await }).await
    }

    /// Reads in turn, and no faster than the disk can bear.
    async fn read<F>(
        &self,
        group: &str,
        from: &HostName,
        range: Range<u64>,
        read: impl FnOnce(LocalLog, Range<u64>) -> F,
    ) -> Result<Bytes, Refused>
    where
        F: Future<Output = Result<Vec<u8>, LogError>>,
    {
        let log = self.log(&self.member(group, from)?).ok_or_else(|| failed("it has no store"))?;
        let _turn = self.turn.lock().await;
        let (began, length) = (Instant::now(), range.end - range.start);
        let read = read(log, range).await.map_err(|error| failed(&in_words(error)))?;
        let least = Duration::from_millis(length * 1000 / A_SECOND);
        sleep(least.saturating_sub(began.elapsed())).await;
        Ok(read.into())
    }

    pub(super) async fn cut(&self, group: &str, from: &HostName, at: u64) -> Result<(), Refused> {
        let conflict = |why: String| (StatusCode::CONFLICT, why);
        let member = self.member(group, from)?;
        if member.launch.role != Role::Slave {
            return Err(conflict(format!("this host's member of {group} is its {}", member.launch.role)));
        }
        let end = self.end_of_broker(&member).await.ok_or_else(|| failed("its broker does not answer"))?;
        let log = self.log(&member).ok_or_else(|| failed("it has no store"))?;
        let begins = log.with(move |files| files.at(at)).await.map_err(|error| failed(&in_words(error)))?;
        // What it has acknowledged is never cut off.
        if at >= end || frame(&begins, at).size().is_some_and(|size| at + size <= end) {
            return Err(conflict(format!("{group} has a whole message at {at}, or nothing")));
        }
        self.cuts.want(&member.launch.instance, at);
        Ok(())
    }
}

fn within(asked: Asked, most: u64) -> Result<Range<u64>, Refused> {
    let Asked { from, to } = asked;
    match to.checked_sub(from) {
        Some(length) if length <= most => Ok(from..to),
        _ => Err((StatusCode::BAD_REQUEST, format!("a range has at most {most} bytes"))),
    }
}

fn failed(why: &str) -> Refused {
    (StatusCode::SERVICE_UNAVAILABLE, why.to_owned())
}

fn in_words(error: LogError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

/// Why two logs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The one of this host.
    #[error(transparent)]
    Own(#[from] LogError),
    /// The other one.
    #[error(transparent)]
    Other(#[from] LinkError),
}

/// The commit log of another host's member of a group.
pub struct RemoteLog {
    link: Turn<Link>,
    group: BrokerName,
}

impl fmt::Debug for RemoteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteLog").field("group", &self.group).finish_non_exhaustive()
    }
}

impl RemoteLog {
    /// Of the group's member on a host of that book.
    pub fn new(host: HostName, book: Arc<super::AddressBook>, group: BrokerName) -> Self {
        Self { link: Turn::new(Link::new(host, book)), group }
    }

    async fn ask(&self, method: Method, what: &str) -> Result<Bytes, LinkError> {
        let path = format!("/log/{}{what}", self.group);
        self.link.lock().await.ask(method, &path, Bytes::new(), PATIENCE).await
    }

    /// How far it reaches.
    ///
    /// # Errors
    /// The host does not say.
    pub async fn extent(&self) -> Result<Extent, LinkError> {
        serde_json::from_slice(&self.ask(Method::GET, "").await?).map_err(LinkError::Nonsense)
    }

    /// Has the slave restarted, so that it cuts off what begins there and is no whole message.
    ///
    /// # Errors
    /// The host does not take it.
    pub async fn cut(&self, at: u64) -> Result<(), LinkError> {
        self.ask(Method::POST, &format!("/cut?at={at}")).await.map(drop)
    }
}

impl Log for RemoteLog {
    type Error = PairError;

    async fn hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, PairError> {
        let body = self.ask(Method::GET, &format!("/hashes?from={}&to={}", range.start, range.end)).await?;
        let (hashes, rest) = body.as_chunks();
        match rest {
            [] => Ok(hashes.to_vec()),
            _ => Err(LinkError::Body("its hashes are cut off".to_owned()).into()),
        }
    }

    async fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, PairError> {
        let body = self.ask(Method::GET, &format!("/bytes?from={}&to={}", range.start, range.end)).await?;
        match body.len() as u64 <= range.end - range.start {
            true => Ok(body.into()),
            false => Err(LinkError::Body("it sends more than it was asked for".to_owned()).into()),
        }
    }
}
