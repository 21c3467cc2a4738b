//! A document under a key of etcd 3, by the JSON gateway that every member has on its client port (etcd
//! Documentation/dev-guide/api_grpc_gateway.md; the messages are those of api/etcdserverpb/rpc.proto, bytes as base64 and
//! 64-bit numbers as strings). Reads are linearizable, which is what range does where nothing else is asked for: they
//! need a majority of the members, and never show what is old. A change is one transaction that compares the key's
//! mod_revision with the one that was read, so that of two changes one is made. A watch only tells that it is time to
//! read: what it may lose or repeat does not matter.

mod wire;

use super::{
    Place, SourceError,
    web::{ANSWER, Web, body, send, shown, words},
};
use crate::{settings, sync::pause};
use reqwest::{Url, header::AUTHORIZATION};
use rocketmq_agent_domain::{document::Document, line::Line};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use wire::{Authenticated, Failure, Range, Txn, Watched, authenticate, range, txn, watch};

const UNAUTHORIZED: u16 = 401;

pub(super) struct Etcd {
    name: String,
    members: Vec<Url>,
    /// The member that answered last.
    at: usize,
    key: String,
    web: Web,
    token: Option<String>,
    /// When the key was changed last and when anything was, as of the last read.
    key_revision: i64,
    revision: i64,
    /// Watches in a row that were lost before they told anything.
    lost: u32,
}

impl Etcd {
    pub fn new(members: Vec<Url>, key: String, settings: settings::Source) -> Self {
        let name = format!("etcd at {} ({key})", members.iter().map(shown).collect::<Vec<_>>().join(", "));
        let web = Web::new(settings, &members);
        Self { name, members, at: 0, key, web, token: None, key_revision: 0, revision: 0, lost: 0 }
    }

    /// Asks one member after the other, beginning with the one that answered last.
    async fn ask<A: DeserializeOwned>(&mut self, path: &str, question: &Value) -> Result<A, SourceError> {
        let mut why: Option<SourceError> = None;
        for _ in 0..self.members.len() {
            match self.ask_member(path, question).await {
                Ok(answer) => return Ok(answer),
                // The others would say the same.
                Err(error @ SourceError::Refused { status: ..500, .. }) => return Err(error),
                Err(error) => {
                    self.web.failed();
                    self.at = (self.at + 1) % self.members.len();
                    // What may have happened after all outweighs what cannot have.
                    if why.as_ref().is_none_or(SourceError::is_before_it_happened) {
                        why = Some(error);
                    }
                }
            }
        }
        Err(why.unwrap_or(SourceError::ReadOnly))
    }

    /// With a new token where the one at hand is not taken any more: tokens end with time, with a restart of etcd and
    /// when its users are changed.
    async fn ask_member<A: DeserializeOwned>(&mut self, path: &str, question: &Value) -> Result<A, SourceError> {
        let had_token = self.token.is_some();
        self.authenticate().await?;
        match self.post(path, question).await {
            Err(SourceError::Refused { status, words, .. }) if had_token && is_about_token(status, &words) => {
                self.token = None;
                self.authenticate().await?;
                self.post(path, question).await
            }
            answer => answer,
        }
    }

    async fn authenticate(&mut self) -> Result<(), SourceError> {
        if self.token.is_some() {
            return Ok(());
        }
        let Some((user, password)) = self.web.login()? else { return Ok(()) };
        let answer: Authenticated = self.post("/v3/auth/authenticate", &authenticate(&user, &password)).await?;
        self.token = Some(answer.token);
        Ok(())
    }

    async fn post<A: DeserializeOwned>(&mut self, path: &str, question: &Value) -> Result<A, SourceError> {
        let address = shown(&self.members[self.at]);
        let request = self.request(path)?.timeout(ANSWER).json(question);
        let answer = send(request, &address, ANSWER).await?;
        let status = answer.status();
        let body = body(answer, &address, ANSWER).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| SourceError::Nonsense(address, error));
        }
        let words = match serde_json::from_slice(&body) {
            Ok(Failure { message }) => Line::excerpt(&message),
            Err(_) => words(&body),
        };
        Err(SourceError::Refused { address, status: status.as_u16(), words })
    }

    fn request(&mut self, path: &str) -> Result<reqwest::RequestBuilder, SourceError> {
        let mut url = self.members[self.at].clone();
        url.set_path(path);
        let request = self.web.client()?.post(url);
        Ok(match &self.token {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        })
    }

    /// Returns when the key may have changed; nothing when the watch was lost. A revision that etcd has compacted is such
    /// a loss: the next watch begins from what is read then.
    async fn watch(&mut self) -> Option<()> {
        let address = shown(&self.members[self.at]);
        let request = self.request("/v3/watch").ok()?.json(&watch(&self.key, self.revision + 1));
        let mut answer = send(request, &address, ANSWER).await.ok()?;
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            text.extend_from_slice(&chunk);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                match serde_json::from_slice(&line).ok()? {
                    Watched::Begun => self.lost = 0,
                    Watched::Changed => return Some(()),
                    Watched::Lost => return None,
                }
            }
        }
        None
    }
}

/// etcd says so with 401, but for users that were changed since, which is 400.
fn is_about_token(status: u16, words: &str) -> bool {
    status == UNAUTHORIZED || words.contains("auth token") || words.contains("auth store is old")
}

impl Place for Etcd {
    fn name(&self) -> &str {
        &self.name
    }

    async fn read(&mut self) -> Result<Option<Document>, SourceError> {
        let found: Range = self.ask("/v3/kv/range", &range(&self.key)).await?;
        self.revision = found.header.revision;
        let found = found.kvs.into_iter().next();
        self.key_revision = found.as_ref().map_or(0, |found| found.mod_revision);
        let Some(found) = found else { return Ok(None) };
        Ok(Some(Document::read(str::from_utf8(&found.value).map_err(|_| SourceError::NotText)?)?))
    }

    async fn wait(&mut self, longest: Duration) {
        let wait = async {
            if self.watch().await.is_none() {
                // Then it is polled, more and more patiently.
                sleep(pause(self.lost)).await;
                self.lost = self.lost.saturating_add(1);
            }
        };
        // Over time all is well too: it is read now and then whatever the watch says.
        let _ = timeout(longest, wait).await;
    }

    fn instead(&self) -> Option<String> {
        None
    }

    async fn put(&mut self, document: &Document) -> Result<bool, SourceError> {
        let txn: Txn = self.ask("/v3/kv/txn", &txn(&self.key, self.key_revision, &document.to_string())).await?;
        Ok(txn.succeeded)
    }
}
