//! The part of RocketMQ's remoting protocol that a supervisor needs.

mod client;
mod code;
mod connection;
mod error;
mod frame;
mod json;
mod online_config;
#[cfg(test)]
mod scripted_peer;

pub use client::{Client, Request};
pub use code::{RequestCode, ResponseCode};
pub use error::{Malformation, RemotingError};
pub use frame::{
    DEFAULT_FRAME_LIMIT, FrameCodec, FrameError, LARGEST_FRAME_LIMIT, RemotingCommand,
};
pub use online_config::{OnlineConfig, OnlineConfigError, OnlineKey};
