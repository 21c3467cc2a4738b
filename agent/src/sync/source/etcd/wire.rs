//! The messages of etcd's JSON gateway, as far as they are used. Names are those of api/etcdserverpb/rpc.proto and
//! api/mvccpb/kv.proto, which is how etcd 3.4 answers; later releases answer so too, and all take them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct Range {
    pub header: Header,
    #[serde(default)]
    pub kvs: Vec<KeyValue>,
}

#[derive(Deserialize)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub revision: i64,
}

#[derive(Deserialize)]
pub(super) struct KeyValue {
    #[serde(deserialize_with = "number")]
    pub mod_revision: i64,
    #[serde(default, deserialize_with = "bytes")]
    pub value: Vec<u8>,
}

#[derive(Deserialize)]
pub(super) struct Txn {
    #[serde(default)]
    pub succeeded: bool,
}

#[derive(Deserialize)]
pub(super) struct Authenticated {
    pub token: String,
}

/// What a failure is.
#[derive(Deserialize)]
pub(super) struct Failure {
    pub message: String,
}

/// A line of a watch's answer.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Line")]
pub(super) enum Watched {
    /// It is set up.
    Begun,
    /// Something happened to the key.
    Changed,
    /// There will be nothing more.
    Lost,
}

#[derive(Deserialize)]
struct Line {
    result: Option<WatchResponse>,
}

#[derive(Deserialize)]
struct WatchResponse {
    #[serde(default)]
    canceled: bool,
    #[serde(default)]
    events: Vec<Value>,
}

impl From<Line> for Watched {
    fn from(line: Line) -> Self {
        match line.result {
            Some(WatchResponse { canceled: false, events }) if events.is_empty() => Self::Begun,
            Some(WatchResponse { canceled: false, .. }) => Self::Changed,
            // Canceled, or an error in place of a result.
            _ => Self::Lost,
        }
    }
}

pub(super) fn authenticate(user: &str, password: &str) -> Value {
    json!({ "name": user, "password": password })
}

pub(super) fn range(key: &str) -> Value {
    json!({ "key": STANDARD.encode(key) })
}

/// Puts where the key was last changed in that revision; 0 where it is not there (rpc.proto, Compare).
pub(super) fn txn(key: &str, revision: i64, value: &str) -> Value {
    let key = STANDARD.encode(key);
    json!({
        "compare": [{ "key": key, "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string() }],
        "success": [{ "request_put": { "key": key, "value": STANDARD.encode(value) } }],
    })
}

pub(super) fn watch(key: &str, from: i64) -> Value {
    json!({ "create_request": { "key": STANDARD.encode(key), "start_revision": from.to_string() } })
}

/// The JSON form of protobuf writes 64-bit numbers as strings.
fn number<'d, D: Deserializer<'d>>(from: D) -> Result<i64, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn bytes<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As etcd 3.4.23 of Debian 12 says it.
    #[test]
    fn the_lines_of_a_watch_tell_its_beginning_a_change_and_every_kind_of_loss() {
        let header = r#""header":{"cluster_id":"9151734699010623715","member_id":"3153101805118352275","revision":"5","raft_term":"2"}"#;
        let line = |rest: &str| serde_json::from_str::<Watched>(&format!("{{\"result\":{{{header}{rest}}}}}")).unwrap();
        assert_eq!(line(r#","created":true"#), Watched::Begun);
        assert_eq!(line(""), Watched::Begun, "a sign of life");
        assert_eq!(line(r#","events":[{"kv":{"key":"L2E=","mod_revision":"4","value":"L2E="}}]"#), Watched::Changed);
        assert_eq!(line(r#","events":[{"type":"DELETE","kv":{"key":"L2E=","mod_revision":"6"}}]"#), Watched::Changed);
        assert_eq!(line(r#","canceled":true,"compact_revision":"5""#), Watched::Lost);
        let token =
            r#","watch_id":"-1","created":true,"canceled":true,"cancel_reason":"rpc error: code = Unauthenticated""#;
        assert_eq!(line(token), Watched::Lost);
        let error = r#"{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}}"#;
        assert_eq!(serde_json::from_str::<Watched>(error).unwrap(), Watched::Lost);
    }

    #[test]
    fn numbers_come_as_strings_and_values_as_base64() {
        let found = r#"{"header":{"revision":"5"},"kvs":[{"key":"L2E=","mod_revision":"5","version":"4","value":"L2E="}],"count":"1"}"#;
        let found: Range = serde_json::from_str(found).unwrap();
        assert_eq!(
            (found.header.revision, found.kvs[0].mod_revision, found.kvs[0].value.as_slice()),
            (5, 5, &b"/a"[..])
        );
        let refused: Txn = serde_json::from_str(r#"{"header":{"revision":"2"}}"#).unwrap();
        assert!(!refused.succeeded);
    }
}
