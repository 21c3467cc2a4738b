//! One address with a timeout: the calls that NameServer and Broker have in common, and the reading of their answers.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Client, Malformation, RemotingCommand, RemotingError, Request, RequestCode, client, json};

/// One address with the timeout of its calls: what [`super::NameServer`] and [`super::Broker`] are made of.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) client: Client,
    pub(super) address: String,
    pub(super) timeout: Duration,
}

impl Endpoint {
    /// As [`Client::call`].
    pub(super) async fn call(&self, request: Request) -> Result<RemotingCommand, RemotingError> {
        self.client.call(&self.address, request, self.timeout).await
    }

    /// As [`Client::call_any`].
    pub(super) async fn call_any(&self, request: Request) -> Result<RemotingCommand, RemotingError> {
        self.client.call_any(&self.address, request, self.timeout).await
    }

    /// As [`Client::call`], and reads the body.
    pub(super) async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<T, RemotingError> {
        let code = request.code;
        let answer = self.call(request).await?;
        json::from_slice(&answer.body).map_err(|error| self.malformed(code, Malformation::Json(error)))
    }

    /// The number in a field of an answer.
    pub(super) fn number(
        &self,
        request: RequestCode,
        answer: &RemotingCommand,
        name: &'static str,
    ) -> Result<i64, RemotingError> {
        let value = answer.ext_fields.get(name);
        value.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let value = value.cloned();
            self.malformed(request, Malformation::Field { name, value })
        })
    }

    pub(super) fn malformed(&self, request: RequestCode, source: Malformation) -> RemotingError {
        RemotingError::Malformed { address: self.address.clone(), request, source }
    }

    /// The error of an answer whose code is none of those wanted.
    pub(super) fn refused(&self, request: RequestCode, answer: RemotingCommand) -> RemotingError {
        client::refused(&self.address, request, answer)
    }
}
