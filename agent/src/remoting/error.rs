//! What can go wrong between this agent and a RocketMQ process, told apart by what it says about that process.
//! An error here is never proof that the process is down: most leave its state unknown.

use rocketmq_agent_domain::line::Line;
use std::{io, sync::Arc, time::Duration};

use super::{FrameError, OnlineKey, RequestCode, ResponseCode};

/// A request that brought no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum RemotingError {
    /// No connection was made: refused, unreachable, name unknown, or not made in time (`ErrorKind::TimedOut`).
    #[error("cannot connect to {address}")]
    Connect {
        /// `host:port` that was tried.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Connected, but no answer in time: a frozen or busy process, or one that does not know the request (brokers
    /// before 4.9.1 and 4.x NameServers never answer those).
    #[error("{address} did not answer {request} within {timeout:?}")]
    Timeout {
        /// `host:port` that was asked.
        address: String,
        /// What was asked.
        request: RequestCode,
        /// How long the call was allowed to take, connecting included.
        timeout: Duration,
    },
    /// The connection ended before the answer: the process died, or it took offence at the frame.
    #[error("{address} closed the connection before it answered {request}")]
    Closed {
        /// `host:port` that was asked.
        address: String,
        /// What was asked; it may or may not have been carried out.
        request: RequestCode,
        /// The socket's error, where it was not an orderly close.
        #[source]
        source: Option<Arc<FrameError>>,
    },
    /// An answer came that cannot be read: not RocketMQ, or a version with another idea of the body.
    #[error("the answer of {address} to {request} cannot be read")]
    Malformed {
        /// `host:port` that was asked.
        address: String,
        /// What was asked.
        request: RequestCode,
        /// What is wrong with the answer.
        #[source]
        source: Malformation,
    },
    /// The peer said no.
    #[error("{address} refused {request} with {code}: {remark}")]
    Refused {
        /// `host:port` that was asked.
        address: String,
        /// What was asked.
        request: RequestCode,
        /// The peer's reason as a number.
        code: ResponseCode,
        /// The peer's reason in words: the first line of it, often of a Java stack trace.
        remark: Line,
    },
    /// A broker in its first second has no statistics yet. Nothing is wrong; ask again.
    #[error("{address} has not sampled its statistics yet")]
    NotSampledYet {
        /// `host:port` of the broker.
        address: String,
    },
    /// Not sent, because this release of RocketMQ does not know the request and might never answer.
    #[error("{request} is not sent to {address}, which runs {version}")]
    Unsupported {
        /// `host:port` of the broker.
        address: String,
        /// What was not asked.
        request: RequestCode,
        /// The broker's own `brokerVersionDesc`.
        version: Line,
    },
    /// Not sent, because the request does not fit into a frame.
    #[error("{request} to {address} cannot be written")]
    Unsendable {
        /// `host:port` it was meant for.
        address: String,
        /// What was not asked.
        request: RequestCode,
        /// Which limit it breaks.
        #[source]
        source: Arc<FrameError>,
    },
    /// The broker answered SUCCESS to a change of its configuration and does not have it.
    #[error("{address} took {key}={wanted} and reports {}", found.as_deref().unwrap_or("no such key"))]
    NotApplied {
        /// `host:port` of the broker.
        address: String,
        /// The key that was to change.
        key: OnlineKey,
        /// The value it was to have.
        wanted: String,
        /// The value it has; `None` where this version does not know the key.
        found: Option<Line>,
    },
}

impl RemotingError {
    /// The peer's answer code, where it answered at all.
    pub fn response_code(&self) -> Option<ResponseCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the peer said something, be it that it refuses or what cannot be read.
    pub fn is_answer(&self) -> bool {
        match self {
            Self::NotSampledYet { .. } | Self::Malformed { .. } | Self::Refused { .. } | Self::NotApplied { .. } => {
                true
            }
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Unsupported { .. }
            | Self::Unsendable { .. } => false,
        }
    }

    /// The broker does not take the request's credential, or wants one, in its words. 5.x answers such a request for
    /// statistics or configuration with NO_PERMISSION, 4.x with SYSTEM_ERROR and a Java AclException.
    pub fn unauthorized(&self) -> Option<&str> {
        match self {
            Self::Refused { code, remark, .. }
                if *code == ResponseCode::NO_PERMISSION
                    || *code == ResponseCode::SYSTEM_ERROR && remark.contains("AclException") =>
            {
                Some(remark)
            }
            _ => None,
        }
    }

    /// Whether the same request may succeed a moment later without anything being repaired.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotSampledYet { .. } | Self::Timeout { .. } | Self::Closed { .. } => true,
            Self::Refused { code, .. } => {
                matches!(*code, ResponseCode::SYSTEM_BUSY | ResponseCode::FLOW_CONTROL | ResponseCode::GO_AWAY)
            }
            _ => false,
        }
    }
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum Malformation {
    /// The bytes are not a remoting frame; the connection was given up.
    #[error("the frame is broken")]
    Frame(#[source] Arc<FrameError>),
    /// The body is not the JSON that belongs to the request.
    #[error("the body is not the JSON expected")]
    Json(#[from] serde_json::Error),
    /// A field of the header is missing or is not a number.
    #[error("field {name} is {value:?}, not a number")]
    Field {
        /// Name in `extFields`.
        name: &'static str,
        /// What came.
        value: Option<String>,
    },
    /// The body of a pull is not a row of messages.
    #[error("message {index} of the body is broken at its {field}")]
    Message {
        /// Which one, from 0.
        index: usize,
        /// Where in the message.
        field: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_prints_its_code_and_the_first_line_of_the_remark() {
        let error = RemotingError::Refused {
            address: "10.0.0.1:10911".into(),
            request: RequestCode::SendMessageV2,
            code: ResponseCode::SERVICE_NOT_AVAILABLE,
            remark: Line::excerpt("service not available now\n at org.apache.rocketmq"),
        };
        assert_eq!(
            error.to_string(),
            "10.0.0.1:10911 refused SEND_MESSAGE_V2 (310) with SERVICE_NOT_AVAILABLE (14): service not available now"
        );
    }

    #[test]
    fn a_remark_is_made_safe_where_it_comes_in() {
        let remark = Line::excerpt("\x1b]0;owned\x07no\u{202e} way\nat java.lang");
        assert_eq!(remark, "\\u{1b}]0;owned\\u{7}no\\u{202e} way");
    }

    #[test]
    fn overload_is_worth_a_retry_and_a_missing_topic_is_not() {
        let refused = |code| RemotingError::Refused {
            address: String::new(),
            request: RequestCode::SendMessageV2,
            code,
            remark: Line::default(),
        };
        assert!(refused(ResponseCode::SYSTEM_BUSY).is_retryable());
        assert!(!refused(ResponseCode::TOPIC_NOT_EXIST).is_retryable());
    }
}
