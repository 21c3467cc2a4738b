//! One message in a commit log. In: the bytes from its first one on, and the offset that they lie at. Out: whether it is
//! whole.
//!
//! Layout of `MessageDecoder`; whole is what `CommitLog.checkMessageAndReturnSize` takes for whole (4.5-5.5.0): the lengths add
//! up, the body has its CRC. A page that a power loss left blank can lie under the properties, which neither covers: see
//! [`super::judge`].

/// Bytes that [`frame_size`] needs.
pub const HEADER: usize = 8;

const MESSAGE_V1: u32 = 0xdaa3_20a7;
const MESSAGE_V2: u32 = 0xdaa3_20ab;
/// Fills a file where the next message does not fit (`CommitLog.BLANK_MAGIC_CODE`).
const BLANK: u32 = 0xcbd4_3194;
const BORN_HOST_IPV6: u32 = 0x10;
const STORE_HOST_IPV6: u32 = 0x20;

/// What lies at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message {
        /// Bytes.
        size: u64,
        /// When the master stored it, milliseconds since 1970.
        stored_at: u64,
    },
    /// The filler at the end of a file.
    Blank {
        /// Bytes.
        size: u64,
    },
    /// Nothing, or a part of something.
    Broken,
}

impl Frame {
    /// Its length in bytes; none of what is broken.
    pub fn size(self) -> Option<u64> {
        match self {
            Frame::Message { size, .. } | Frame::Blank { size } => Some(size),
            Frame::Broken => None,
        }
    }
}

/// The length that the first [`HEADER`] bytes name, where a message or a filler begins with them; at most `room` bytes.
pub fn frame_size(header: &[u8], room: u64) -> Option<u64> {
    let mut fields = Fields(header);
    let (size, magic) = (u64::from(fields.u32()?), fields.u32()?);
    let fits = size >= HEADER as u64 && size <= room && [MESSAGE_V1, MESSAGE_V2, BLANK].contains(&magic);
    fits.then_some(size)
}

/// What the bytes at `offset` are. `bytes` may reach past the frame; a frame that reaches past them is broken.
pub fn frame(bytes: &[u8], offset: u64) -> Frame {
    let room = bytes.len() as u64;
    let mut fields = Fields(bytes);
    if let (Some(size), Some(BLANK)) = (fields.u32(), fields.u32()) {
        // Only the head of a filler is written (5.x), and of its rest nothing is known.
        return if size as usize >= HEADER { Frame::Blank { size: size.into() } } else { Frame::Broken };
    }
    let Some(size) = frame_size(bytes, room) else { return Frame::Broken };
    let whole = usize::try_from(size).ok().and_then(|size| bytes.get(..size));
    match whole.and_then(|whole| stored_at(whole, offset)) {
        Some(stored_at) => Frame::Message { size, stored_at },
        None => Frame::Broken,
    }
}

/// The store time of a message that is whole.
fn stored_at(message: &[u8], offset: u64) -> Option<u64> {
    let mut fields = Fields(message);
    fields.u32()?;
    let magic = fields.u32()?;
    let body_crc = fields.u32()?;
    let _queue_id_and_flag = fields.take(8)?;
    let _queue_offset = fields.u64()?;
    let physical_offset = fields.u64()?;
    let sys_flag = fields.u32()?;
    let _born_timestamp = fields.u64()?;
    let host = |flag: u32| if sys_flag & flag == 0 { 8 } else { 20 };
    fields.take(host(BORN_HOST_IPV6))?;
    let stored_at = fields.u64()?;
    fields.take(host(STORE_HOST_IPV6))?;
    let _reconsume_times = fields.u32()?;
    let _prepared_transaction_offset = fields.u64()?;
    let length = fields.u32()? as usize;
    let body = fields.take(length)?;
    let length = if magic == MESSAGE_V2 { fields.u16()? } else { fields.take(1)?[0].into() };
    fields.take(length.into())?;
    let length = fields.u16()?;
    fields.take(length.into())?;
    // `UtilAll.crc32`: the sign bit is cleared.
    let has_body = body.is_empty() || crc32fast::hash(body) & 0x7fff_ffff == body_crc;
    (fields.0.is_empty() && physical_offset == offset && has_body).then_some(stored_at)
}

/// Big-endian fields, one after the other.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }
}
