//! RemotingCommand <-> bytes. Frames are the same from RocketMQ 4.5 to 5.5.0 (`RemotingCommand.java`), big-endian:
//!
//! ```text
//! u32 length of the rest | u8 serialize type | u24 header length | header | body
//! ```
//!
//! Writes JSON headers, which every version takes, and reads JSON and ROCKETMQ binary ones: 4.9 answers in the type it
//! was asked in, others always in JSON, so each frame is read by its own type. No sockets here; bytes from anywhere
//! give a command, a wish for more bytes, or an error.

use std::{collections::BTreeMap, io, mem::size_of};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder, Encoder};

use super::json;

/// The longest frame RocketMQ itself sends or takes (`NettyDecoder`, frameMaxLength), without the length field.
pub const DEFAULT_FRAME_LIMIT: usize = 16 << 20;
/// The longest frame this agent can be told to take, for brokers with very many topics.
pub const LARGEST_FRAME_LIMIT: usize = 64 << 20;

const JSON: u8 = 0;
const ROCKETMQ: u8 = 1;
const RESPONSE_FLAG: i32 = 1;
const HEADER_LIMIT: usize = 0xff_ffff;
/// A frame above this gives its memory back at once, so that one large answer does not stay with an idle connection.
const KEPT_BUFFER: usize = 64 << 10;

/// One request or answer, whatever its serialize type was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemotingCommand {
    /// Request code, or response code in an answer.
    pub code: i32,
    /// `MQVersion` ordinal of the sender; 0 from this agent, which no version objects to.
    pub version: i32,
    /// Id of the request, repeated in its answer.
    pub opaque: i32,
    /// Bit 0: this is an answer. Bit 1: no answer is wanted.
    pub flag: i32,
    /// The peer's words for a person. On success it may hold "not set any response code": only `code` counts.
    pub remark: Option<String>,
    /// The parameters of the request or answer.
    pub ext_fields: BTreeMap<String, String>,
    /// What comes after the header.
    pub body: Bytes,
}

impl RemotingCommand {
    /// Whether this answers a request (else it is one).
    pub fn is_response(&self) -> bool {
        self.flag & RESPONSE_FLAG != 0
    }
}

/// Reads and writes frames up to a limit.
#[derive(Debug, Clone)]
pub struct FrameCodec {
    limit: usize,
}

impl Default for FrameCodec {
    fn default() -> Self {
        Self::with_limit(DEFAULT_FRAME_LIMIT)
    }
}

impl FrameCodec {
    /// A codec for frames of up to `limit` bytes, at most [`LARGEST_FRAME_LIMIT`].
    pub fn with_limit(limit: usize) -> Self {
        Self { limit: limit.min(LARGEST_FRAME_LIMIT) }
    }
}

/// Why bytes are not a frame, or a command cannot become one.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream under the codec failed, or ended within a frame.
    #[error("the stream broke")]
    Io(#[from] io::Error),
    /// Longer than allowed, or too short to be a frame. Text such as HTTP ends here.
    #[error("a frame of {length} bytes, where 4 to {limit} are allowed")]
    Length {
        /// Length without the length field itself.
        length: usize,
        /// The codec's limit.
        limit: usize,
    },
    /// The header is longer than the frame or, when writing, than its length field can say.
    #[error("a header of {length} bytes, where {limit} are possible")]
    HeaderLength {
        /// The header's length.
        length: usize,
        /// What there is room for.
        limit: usize,
    },
    /// Neither JSON (0) nor ROCKETMQ (1).
    #[error("serialize type {0} is not known")]
    SerializeType(u8),
    /// A header that is not the JSON of a command.
    #[error("the JSON header cannot be read")]
    JsonHeader(#[source] serde_json::Error),
    /// A binary header that ends too early or claims an impossible length.
    #[error("the binary header is broken at its {0}")]
    BinaryHeader(&'static str),
}

impl Decoder for FrameCodec {
    type Item = RemotingCommand;
    type Error = FrameError;

    /// Takes one frame off the front of `src`, or nothing while it is incomplete.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<RemotingCommand>, FrameError> {
        let Some(length) = src.first_chunk().copied().map(u32::from_be_bytes) else {
            return Ok(None);
        };
        let length = length as usize;
        let limit = self.limit;
        if length < size_of::<u32>() || length > limit {
            return Err(FrameError::Length { length, limit });
        }
        if src.len() < size_of::<u32>() + length {
            // No reserve: a claimed length is not believed until the bytes are here.
            return Ok(None);
        }
        src.advance(size_of::<u32>());
        let frame = src.split_to(length).freeze();
        if length > KEPT_BUFFER {
            let mut fresh = BytesMut::with_capacity(src.len().max(8 << 10));
            fresh.extend_from_slice(src);
            *src = fresh;
        }
        parse(frame).map(Some)
    }
}

/// Reads a whole frame without its length field, of at least 4 bytes.
fn parse(mut frame: Bytes) -> Result<RemotingCommand, FrameError> {
    let serialize_type = frame.get_u8();
    let header_length = frame.get_uint(3) as usize;
    if header_length > frame.len() {
        return Err(FrameError::HeaderLength { length: header_length, limit: frame.len() });
    }
    let header = frame.split_to(header_length);
    let mut command = match serialize_type {
        JSON => json::from_slice::<JsonHeader>(&header).map_err(FrameError::JsonHeader)?.into(),
        ROCKETMQ => parse_binary_header(header)?,
        other => return Err(FrameError::SerializeType(other)),
    };
    command.body = frame;
    Ok(command)
}

/// The header as JSON. `language` and `serializeTypeCurrentRPC` say nothing a supervisor needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonHeader {
    code: i32,
    #[serde(default)]
    version: i32,
    #[serde(default)]
    opaque: i32,
    #[serde(default)]
    flag: i32,
    #[serde(default)]
    remark: Option<String>,
    #[serde(default, deserialize_with = "json::texts")]
    ext_fields: BTreeMap<String, String>,
}

impl From<JsonHeader> for RemotingCommand {
    fn from(header: JsonHeader) -> Self {
        Self {
            code: header.code,
            version: header.version,
            opaque: header.opaque,
            flag: header.flag,
            remark: header.remark,
            ext_fields: header.ext_fields,
            body: Bytes::new(),
        }
    }
}

/// `RocketMQSerializable.java`: i16 code, u8 language, i16 version, i32 opaque, i32 flag, i32-long remark, then an
/// i32-long row of i16-long keys and i32-long values.
fn parse_binary_header(mut header: Bytes) -> Result<RemotingCommand, FrameError> {
    use FrameError::BinaryHeader as Broken;
    let mut command = RemotingCommand {
        code: header.try_get_i16().map_err(|_| Broken("code"))?.into(),
        ..RemotingCommand::default()
    };
    header.try_get_u8().map_err(|_| Broken("language"))?;
    command.version = header.try_get_i16().map_err(|_| Broken("version"))?.into();
    command.opaque = header.try_get_i32().map_err(|_| Broken("opaque"))?;
    command.flag = header.try_get_i32().map_err(|_| Broken("flag"))?;
    let length = header.try_get_i32().ok();
    let remark = take(&mut header, length).ok_or(Broken("remark"))?;
    command.remark = (!remark.is_empty()).then(|| text(&remark));
    let length = header.try_get_i32().ok();
    let mut fields = take(&mut header, length).ok_or(Broken("extFields"))?;
    while fields.has_remaining() {
        let length = fields.try_get_i16().ok().map(i32::from);
        let key = take(&mut fields, length).ok_or(Broken("key"))?;
        let length = fields.try_get_i32().ok();
        let value = take(&mut fields, length).ok_or(Broken("value"))?;
        command.ext_fields.insert(text(&key), text(&value));
    }
    Ok(command)
}

/// The next `length` bytes; nothing where there are fewer, or where the length is negative or was itself missing.
fn take(from: &mut Bytes, length: Option<i32>) -> Option<Bytes> {
    let length = usize::try_from(length?).ok()?;
    (length <= from.len()).then(|| from.split_to(length))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Encoder<&RemotingCommand> for FrameCodec {
    type Error = FrameError;

    /// Appends the command with a JSON header, or nothing on error.
    fn encode(&mut self, command: &RemotingCommand, dst: &mut BytesMut) -> Result<(), FrameError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Header<'a> {
            code: i32,
            // An unknown word is taken too, but OTHER is in every version's LanguageCode.
            language: &'static str,
            version: i32,
            opaque: i32,
            flag: i32,
            #[serde(skip_serializing_if = "Option::is_none")]
            remark: Option<&'a str>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            ext_fields: &'a BTreeMap<String, String>,
            #[serde(rename = "serializeTypeCurrentRPC")]
            serialize_type: &'static str,
        }
        let header = serde_json::to_vec(&Header {
            code: command.code,
            language: "OTHER",
            version: command.version,
            opaque: command.opaque,
            flag: command.flag,
            remark: command.remark.as_deref(),
            ext_fields: &command.ext_fields,
            serialize_type: "JSON",
        })
        .map_err(FrameError::JsonHeader)?;
        if header.len() > HEADER_LIMIT {
            return Err(FrameError::HeaderLength { length: header.len(), limit: HEADER_LIMIT });
        }
        let length = size_of::<u32>() + header.len() + command.body.len();
        let limit = self.limit;
        if length > limit {
            return Err(FrameError::Length { length, limit });
        }
        dst.reserve(size_of::<u32>() + length);
        dst.put_uint(length as u64, 4);
        dst.put_u8(JSON);
        dst.put_uint(header.len() as u64, 3);
        dst.put_slice(&header);
        dst.put_slice(&command.body);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
