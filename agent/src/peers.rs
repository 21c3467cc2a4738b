//! Asks the agents of the other hosts for their reports, all at the same time, and remembers what each said last and
//! since when it has been silent. In: the hosts of the cluster file. Out: the view of the whole cluster. It asks when
//! it is asked itself, at most once a second however many ask; it decides nothing.

use crate::{
    clock,
    sync::{LinkError, RemoteReports},
    web,
};
use futures_util::future::join_all;
use rocketmq_agent_domain::{
    health::report::{ClusterReport, HostReport, HostView},
    line::Line,
    names::HostName,
    observed::Fact,
};
use std::{
    collections::BTreeMap,
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// A report of 40 instances with all their figures is below 200 KiB.
const LONGEST_REPORT: usize = 1 << 20;

/// How patiently the others are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For an answer, from connecting to its last byte.
    pub timeout: Duration,
    /// An answer that is younger is not asked for again.
    pub fresh: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(2), fresh: Duration::from_secs(1) }
    }
}

/// Why another host's agent has no report to show.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// This agent cannot ask anybody.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// The connection failed or broke.
    #[error("cannot be reached")]
    Broken(#[source] reqwest::Error),
    /// It answered something else than a report, such as that it has just started.
    #[error("it answers {status}{}{words}", if words.is_empty() { "" } else { ": " })]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said, one line.
        words: Line,
    },
    /// It sent more than a report can be.
    #[error("its answer is longer than {LONGEST_REPORT} bytes")]
    TooLong,
    /// It is no report, or one of another release of the agent.
    #[error("its answer is no report of this agent's kind")]
    NotAReport(#[source] serde_json::Error),
    /// It does not show who it is, or does not answer that way.
    #[error("over mutual TLS: {}", .0.in_words())]
    Link(LinkError),
    /// Somebody else answers at its address.
    #[error("{0} answers at its address")]
    Another(HostName),
}

impl PeerError {
    /// The error with its innermost cause: what lies between names the client's layers, which help nobody.
    fn in_words(&self) -> String {
        let mut innermost: Option<&dyn Error> = self.source();
        while let Some(cause) = innermost.and_then(Error::source) {
            innermost = Some(cause);
        }
        innermost.map_or_else(|| self.to_string(), |cause| format!("{self}: {cause}"))
    }
}

/// What is known of one host.
#[derive(Debug, Clone, Default)]
struct Known {
    report: Option<HostReport>,
    unknown_since: Option<u64>,
    error: Option<Line>,
}

#[derive(Debug)]
struct State {
    /// All hosts of the file, in its order.
    hosts: Vec<(HostName, SocketAddr)>,
    known: BTreeMap<HostName, Known>,
    /// The last round of questions; holds when it was over.
    round: Option<watch::Receiver<Option<Instant>>>,
}

/// The agents of all hosts, and what they said.
#[derive(Debug)]
pub struct Peers {
    own: HostName,
    patience: Patience,
    client: OnceLock<Result<reqwest::Client, String>>,
    /// What shows who answers; none where the hosts have nothing to trust each other by, or nothing is decided by it.
    trusted: Option<Arc<RemoteReports>>,
    state: Arc<Mutex<State>>,
}

impl Peers {
    /// `hosts` are all hosts of the cluster file in its order, `own` among them, each with the address of its
    /// agent's HTTP; `own` is shown and not asked.
    pub fn new(own: HostName, hosts: Vec<(HostName, SocketAddr)>) -> Self {
        let state = State { hosts, known: BTreeMap::new(), round: None };
        let state = Arc::new(Mutex::new(state));
        Self { own, patience: Patience::default(), client: OnceLock::new(), trusted: None, state }
    }

    /// With another patience.
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Asked over mutual TLS where there is that: for decisions. Plain HTTP is for hosts that showed who they are, and that their
    /// agent is older.
    pub fn trusted(self, reports: Option<Arc<RemoteReports>>) -> Self {
        Self { trusted: reports, ..self }
    }

    /// The cluster file has changed. What hosts said that are still in it is kept; the next question goes to all.
    pub fn set(&self, hosts: Vec<(HostName, SocketAddr)>) {
        let mut state = lock(&self.state);
        state.known.retain(|known, _| hosts.iter().any(|(host, _)| host == known));
        state.hosts = hosts;
        state.round = None;
    }

    /// What each of the other hosts' agents says now.
    pub async fn others(&self) -> BTreeMap<HostName, Fact<HostReport>> {
        let mut over = self.round();
        // An error means that the round was broken off: then nobody has said anything.
        let _ = over.wait_for(Option::is_some).await;
        let state = lock(&self.state);
        let others = state.hosts.iter().filter(|(host, _)| *host != self.own);
        let said = |host: &HostName| {
            let Known { report, unknown_since, error } = state.known.get(host).cloned().unwrap_or_default();
            match (report, unknown_since) {
                (Some(report), None) => Fact::Known(report),
                _ => Fact::Unknown(format!("its agent: {}", error.unwrap_or_else(|| "no answer".into()))),
            }
        };
        others.map(|(host, _)| (host.clone(), said(host))).collect()
    }

    /// The cluster as its agents describe it; takes as long as the slowest of them, and not longer than the timeout.
    pub async fn cluster(&self, own: &HostReport) -> ClusterReport {
        let mut over = self.round();
        // An error means that the round was broken off: then what is known from before is shown.
        let _ = over.wait_for(Option::is_some).await;
        let mut views: Vec<HostView> = {
            let state = lock(&self.state);
            let view = |(host, address): &(HostName, SocketAddr)| {
                let Known { report, unknown_since, error } = state.known.get(host).cloned().unwrap_or_default();
                HostView { host: host.clone(), address: address.to_string().into(), report, unknown_since, error }
            };
            state.hosts.iter().map(view).collect()
        };
        if let Some(view) = views.iter_mut().find(|view| view.host == self.own) {
            view.report = Some(own.clone());
        }
        ClusterReport::of(own, views)
    }

    /// Joins the round under way, takes the last one where it is fresh, or starts one. It runs in a task of its own,
    /// so that a caller who goes away neither breaks it off for the others nor can start one after another.
    fn round(&self) -> watch::Receiver<Option<Instant>> {
        let mut state = lock(&self.state);
        if let Some(round) = &state.round {
            let usable = match *round.borrow() {
                Some(ended) => ended.elapsed() < self.patience.fresh,
                None => round.has_changed().is_ok(),
            };
            if usable {
                return round.clone();
            }
        }
        let (over, round) = watch::channel(None);
        state.round = Some(round.clone());
        let others: Vec<_> = state.hosts.iter().filter(|(host, _)| *host != self.own).cloned().collect();
        let client = self
            .client
            .get_or_init(|| web::to_agents(self.patience.timeout).map_err(|error| error.to_string()))
            .clone();
        let (state, patience, trusted) = (self.state.clone(), self.patience, self.trusted.clone());
        tokio::spawn(async move {
            let ask = |(host, address): (HostName, SocketAddr)| {
                let (client, trusted) = (client.clone(), trusted.clone());
                async move {
                    let trusted = match &trusted {
                        Some(reports) => shown_by(reports, &host, patience).await,
                        None => None,
                    };
                    let answer = match (trusted, client) {
                        (Some(answer), _) => answer,
                        (None, Ok(client)) => report_of(&client, &host, address, patience).await,
                        (None, Err(error)) => Err(PeerError::Client(error)),
                    };
                    (host, address, answer)
                }
            };
            let answers = join_all(others.into_iter().map(ask)).await;
            let mut state = lock(&state);
            for (host, address, answer) in answers {
                state.note(host, address, answer);
            }
            let _ = over.send(Some(Instant::now()));
        });
        round
    }
}

impl State {
    fn note(&mut self, host: HostName, address: SocketAddr, answer: Result<HostReport, PeerError>) {
        // The file may have changed while it was asked.
        if !self.hosts.contains(&(host.clone(), address)) {
            return;
        }
        let known = self.known.entry(host).or_default();
        match answer {
            Ok(report) => *known = Known { report: Some(report), ..Known::default() },
            Err(error) => {
                known.unknown_since.get_or_insert_with(clock::now);
                known.error = Some(error.in_words().into());
            }
        }
    }
}

/// Nothing under the lock can leave half a change behind, so one that a panic left is as good as any.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a host that shows who it is reports; none where it shows that its agent is older, and cannot say so that way.
async fn shown_by(
    reports: &RemoteReports,
    host: &HostName,
    patience: Patience,
) -> Option<Result<HostReport, PeerError>> {
    match reports.ask(host, patience.timeout).await {
        Ok(report) => Some(of_host(report, host)),
        Err(LinkError::Older) => None,
        Err(error) => Some(Err(PeerError::Link(error))),
    }
}

async fn report_of(
    client: &reqwest::Client,
    host: &HostName,
    address: SocketAddr,
    patience: Patience,
) -> Result<HostReport, PeerError> {
    let failed = |error: reqwest::Error| {
        if error.is_timeout() { PeerError::Silent(patience.timeout) } else { PeerError::Broken(error.without_url()) }
    };
    let mut response = client.get(format!("http://{address}/v1/host")).send().await.map_err(failed)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LONGEST_REPORT {
            return Err(PeerError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    if response.status() != reqwest::StatusCode::OK {
        return Err(PeerError::Refused { status: response.status().as_u16(), words: words(&body) });
    }
    of_host(serde_json::from_slice(&body).map_err(PeerError::NotAReport)?, host)
}

fn of_host(report: HostReport, host: &HostName) -> Result<HostReport, PeerError> {
    if report.host == *host { Ok(report) } else { Err(PeerError::Another(report.host)) }
}

/// What an agent gives for a reason: `{"error": "…"}`.
fn words(body: &[u8]) -> Line {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let words = json.as_ref().and_then(|json| json.get("error")?.as_str()).unwrap_or_default();
    Line::excerpt(words)
}
