//! A document behind an address: looked at again and again, and fetched when its ETag is another one (RFC 9110: ETag
//! 8.8.3, If-None-Match 13.1.2). Whatever puts it there is not this program's affair.

use super::{
    Place, SourceError,
    web::{ANSWER, Web, body, send, shown, words},
};
use crate::settings;
use reqwest::{
    StatusCode, Url as Address,
    header::{ETAG, HeaderValue, IF_NONE_MATCH},
};
use rocketmq_agent_domain::document::Document;
use std::time::Duration;

pub(super) struct Url {
    address: Address,
    name: String,
    web: Web,
    last: Option<(HeaderValue, Document)>,
}

impl Url {
    pub fn new(address: Address, settings: settings::Source) -> Self {
        let web = Web::new(settings, std::slice::from_ref(&address));
        Self { name: shown(&address), address, web, last: None }
    }

    async fn get(&mut self) -> Result<Option<Document>, SourceError> {
        let mut request = self.web.client()?.get(self.address.clone()).timeout(ANSWER);
        if let Some((user, password)) = self.web.login()? {
            request = request.basic_auth(user, Some(password));
        }
        if let Some((tag, _)) = &self.last {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let answer = send(request, &self.name, ANSWER).await?;
        let (status, tag) = (answer.status(), answer.headers().get(ETAG).cloned());
        if let (StatusCode::NOT_MODIFIED, Some((_, document))) = (status, &self.last) {
            return Ok(Some(document.clone()));
        }
        let body = body(answer, &self.name, ANSWER).await?;
        match status {
            StatusCode::OK => {
                let document = Document::read(str::from_utf8(&body).map_err(|_| SourceError::NotText)?)?;
                self.last = tag.map(|tag| (tag, document.clone()));
                Ok(Some(document))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => {
                let (address, status) = (self.name.clone(), status.as_u16());
                Err(SourceError::Refused { address, status, words: words(&body) })
            }
        }
    }
}

impl Place for Url {
    fn name(&self) -> &str {
        &self.name
    }

    async fn read(&mut self) -> Result<Option<Document>, SourceError> {
        let read = self.get().await;
        if read.is_err() {
            self.web.failed();
        }
        read
    }

    async fn wait(&mut self, longest: Duration) {
        tokio::time::sleep(longest).await;
    }

    fn instead(&self) -> Option<String> {
        Some(format!(
            "the document is published at {}: `rocketmq-agent document FILE -m WHY` prints the next one, to be put there \
             (an earlier FILE: `rocketmq-agent config show N`)",
            self.name
        ))
    }

    async fn put(&mut self, _: &Document) -> Result<bool, SourceError> {
        Err(SourceError::ReadOnly)
    }
}
