//! Who is in the cluster, where, and how this host shows who it is. In: cluster files, the secret. Out: addresses for
//! links, names for the server, and TLS for both. Shared by all tasks of config sync.

use super::LinkError;
use crate::settings::Settings;
use crate::trust::{Ends, Identity, Keys, Made, Stranger, TrustError};
use rocketmq_agent_domain::{
    document::Document,
    names::{ClusterName, HostName},
    topology::{self, Topology},
};
use rustls::pki_types::{CertificateDer, ServerName};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::watch;
use tracing::warn;

/// The hosts of the cluster as this one knows them.
#[derive(Debug)]
pub struct AddressBook {
    me: Identity,
    inner: Mutex<Inner>,
    /// Changes with the secret.
    replaced: watch::Sender<()>,
}

#[derive(Debug)]
struct Inner {
    addresses: BTreeMap<HostName, SocketAddr>,
    /// Who may speak.
    members: BTreeSet<HostName>,
    /// Who could be in the cluster before, and may still read what became of it.
    former: BTreeSet<HostName>,
    /// What counts from now on, and is read when somebody asks: first it goes to the hosts that wait for it.
    unread: Option<Document>,
    /// Why the last thing said to a host did not arrive.
    trouble: BTreeMap<HostName, String>,
    /// Connections and requests that were refused, by reason.
    refused: BTreeMap<&'static str, u64>,
    /// None where the document comes from elsewhere, and the hosts have nothing to say to each other.
    trust: Option<Trust>,
}

#[derive(Debug)]
struct Trust {
    keys: Keys,
    made: Made,
    at: Instant,
    /// Why what the trust rests on cannot be used as it lies there now.
    unusable: Option<String>,
}

impl AddressBook {
    /// The hosts of this host's own file.
    ///
    /// # Errors
    /// What the trust is to rest on is no good.
    pub fn new(host: HostName, topology: &Topology, keys: Keys) -> Result<Self, TrustError> {
        let book = Self::without_keys(host, topology);
        let made = keys.ends(&book.me, SystemTime::now())?;
        book.lock().trust = Some(Trust { keys, made, at: Instant::now(), unusable: None });
        Ok(book)
    }

    /// The same with what the settings name; none where this host has neither a secret nor certificates.
    ///
    /// # Errors
    /// As for [`AddressBook::new`] and [`Keys::find`].
    pub fn find(host: HostName, topology: &Topology, settings: &Settings) -> Result<Option<Arc<Self>>, TrustError> {
        let keys = Keys::find(settings.certificates(), &settings.secret_file)?;
        keys.map(|keys| Self::new(host, topology, keys).map(Arc::new)).transpose()
    }

    /// The hosts of this host's own file, where they do not talk to each other.
    pub fn without_keys(host: HostName, topology: &Topology) -> Self {
        let (addresses, members) = read(topology);
        let (former, trouble, refused) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let inner = Inner { addresses, members, former, unread: None, trouble, refused, trust: None };
        Self {
            me: Identity { host, cluster: topology.name.clone() },
            inner: Mutex::new(inner),
            replaced: watch::Sender::new(()),
        }
    }

    /// Whether the hosts can talk to each other.
    pub fn has_trust(&self) -> bool {
        self.lock().trust.is_some()
    }

    /// This host.
    pub fn me(&self) -> &HostName {
        &self.me.host
    }

    /// The cluster.
    pub fn cluster(&self) -> &ClusterName {
        &self.me.cluster
    }

    fn identity(&self, host: &HostName) -> Identity {
        Identity { host: host.clone(), cluster: self.me.cluster.clone() }
    }

    /// What another host's certificate must say; none where the hosts do not talk to each other.
    pub fn dns_name(&self, host: &HostName) -> Option<String> {
        self.lock().trust.as_ref().map(|trust| trust.keys.dns_name(&self.identity(host)))
    }

    /// The same for TLS; none also where it is no DNS name.
    pub fn server_name(&self, host: &HostName) -> Option<ServerName<'static>> {
        self.lock().trust.as_ref()?.keys.server_name(&self.identity(host))
    }

    /// Where a host's config sync listens.
    pub fn address(&self, host: &HostName) -> Option<SocketAddr> {
        self.read().addresses.get(host).copied()
    }

    /// How many hosts there are.
    pub(super) fn size(&self) -> usize {
        self.read().members.len()
    }

    /// Changes when connections that were made with another secret are to end.
    pub(super) fn replaced(&self) -> watch::Receiver<()> {
        self.replaced.subscribe()
    }

    /// For how long a connection is as good as when it was made; none where there is none to be had.
    pub(super) fn life(&self) -> Option<Duration> {
        self.lock().trust.as_ref().map(|trust| trust.keys.life())
    }

    /// The hosts of the cluster.
    pub fn members(&self) -> BTreeSet<HostName> {
        self.read().members.clone()
    }

    /// Whose certificate it is. Hosts that were taken out of the cluster may read, and so find out that they were.
    ///
    /// # Errors
    /// It is nobody's who may do that.
    pub fn peer(&self, certificate: Option<&CertificateDer<'_>>, reads: bool) -> Result<HostName, Stranger> {
        let inner = self.read();
        let former = inner.former.iter().filter(|_| reads);
        let trust = inner.trust.as_ref().ok_or(Stranger::NoHost)?;
        trust.keys.of_peer(certificate, &self.me, inner.members.iter().chain(former))
    }

    /// Reads what counts now, where nobody has asked yet: the next document would have to wait for that.
    pub fn catch_up(&self) {
        drop(self.read());
    }

    /// The document that counts from now on.
    pub fn hold(&self, document: &Document) {
        self.read().unread = Some(document.clone());
    }

    /// Before the first document: the own file was edited.
    ///
    /// # Errors
    /// It names another cluster, for which this host has no certificate.
    pub fn expect(&self, document: &Document) -> Result<(), String> {
        match topology::read(document.text()) {
            Ok(topology) if topology.name != self.me.cluster => {
                Err(format!("cluster.name is {} now: restart the agent", topology.name))
            }
            _ => {
                self.hold(document);
                Ok(())
            }
        }
    }

    /// A document that is only being voted on may name hosts that are new.
    pub(super) fn note(&self, document: &Document) {
        if let Ok(topology) = topology::read(document.text()) {
            let mut inner = self.read();
            for (host, address) in read(&topology).0 {
                inner.addresses.entry(host).or_insert(address);
            }
        }
    }

    /// TLS as it is to be used now: with a certificate that is made anew, or looked at again, now and then.
    pub(super) fn ends(&self) -> Option<Ends> {
        let mut inner = self.lock();
        let trust = inner.trust.as_mut()?;
        if trust.at.elapsed() >= trust.keys.renewed() {
            self.renew(trust);
        }
        Some(trust.made.ends.clone())
    }

    /// What a person should know about this host's own certificate.
    pub fn remarks(&self) -> Vec<String> {
        let inner = self.lock();
        let Some(trust) = &inner.trust else { return Vec::new() };
        let validity = trust.made.validity.and_then(|validity| validity.remark(SystemTime::now()));
        trust.unusable.iter().cloned().chain(validity).collect()
    }

    /// Why a host could not be reached the last time; none when it could.
    pub fn trouble(&self) -> BTreeMap<HostName, String> {
        self.lock().trouble.clone()
    }

    pub(super) fn reached(&self, host: &HostName, outcome: Result<(), &LinkError>) {
        let mut inner = self.lock();
        match outcome {
            Ok(()) => inner.trouble.remove(host),
            Err(error) => inner.trouble.insert(host.clone(), error.in_words()),
        };
    }

    /// How many connections and requests were refused since the agent began, by reason.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.lock().refused.clone()
    }

    pub(super) fn refuse(&self, reason: &'static str) {
        *self.lock().refused.entry(reason).or_default() += 1;
    }

    /// Looks at the secret again. One that cannot be read changes nothing.
    pub fn reread(&self) {
        let mut inner = self.lock();
        let Some(trust) = &mut inner.trust else { return };
        match trust.keys.reread() {
            Ok(true) => {
                self.renew(trust);
                self.replaced.send_replace(());
            }
            Ok(false) => {}
            Err(error) => warn!("the secret is kept as it was: {:#}", anyhow::Error::from(error)),
        }
    }

    fn renew(&self, trust: &mut Trust) {
        trust.at = Instant::now();
        match trust.keys.ends(&self.me, SystemTime::now()) {
            Ok(made) => (trust.made, trust.unusable) = (made, None),
            Err(error) => {
                let error = format!("{:#}; what was read before is used", anyhow::Error::from(error));
                if trust.unusable.as_ref() != Some(&error) {
                    warn!("{error}");
                }
                trust.unusable = Some(error);
            }
        }
    }

    /// With what the newest document says of the hosts.
    fn read(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        if let Some(document) = inner.unread.take() {
            inner.hold(&document);
        }
        inner
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn hold(&mut self, document: &Document) {
        let Ok(topology) = topology::read(document.text()) else {
            return warn!("the committed cluster file cannot be read by this version of the agent");
        };
        let (addresses, members) = read(&topology);
        self.former.extend(self.members.difference(&members).cloned());
        self.former.retain(|host| !members.contains(host));
        self.addresses = addresses;
        self.members = members;
    }
}

fn read(topology: &Topology) -> (BTreeMap<HostName, SocketAddr>, BTreeSet<HostName>) {
    let address = |host: &topology::Host| (host.name.clone(), SocketAddr::new(host.address, host.sync_port));
    let names = topology.hosts.iter().map(|host| host.name.clone());
    (topology.hosts.iter().map(address).collect(), names.collect())
}
