//! The part of RocketMQ's remoting protocol that a supervisor needs.

mod code;
mod frame;
mod json;

pub use code::{RequestCode, ResponseCode};
pub use frame::{
    DEFAULT_FRAME_LIMIT, FrameCodec, FrameError, LARGEST_FRAME_LIMIT, RemotingCommand,
};
