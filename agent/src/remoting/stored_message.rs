//! Messages as a broker stores them and hands them out: the body of a pull. Layout of `MessageDecoder.java`, the same
//! from 4.5 to 5.5.0 but for topics longer than 127 bytes, which 5.x writes under another magic. Bytes in, messages or
//! the place of the mistake out.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use bytes::{Buf, Bytes, TryGetError};

/// A message in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Topic.
    pub topic: String,
    /// Queue of the topic.
    pub queue_id: u32,
    /// Place in the queue.
    pub queue_offset: i64,
    /// Place in the commitlog, in bytes.
    pub commit_log_offset: i64,
    /// Flag of the application.
    pub flag: i32,
    /// Bits of `MessageSysFlag.java`; bit 0 says that `body` is compressed.
    pub sys_flag: i32,
    /// When the producer made it, ms since 1970 by the producer's clock.
    pub born_timestamp_ms: i64,
    /// Where the producer sent it from.
    pub born_host: SocketAddr,
    /// When the master stored it, ms since 1970 by its clock.
    pub store_timestamp_ms: i64,
    /// The master that stored it.
    pub store_host: SocketAddr,
    /// How often consumers gave it back.
    pub reconsume_times: i32,
    /// Its properties, such as `KEYS` and `UNIQ_KEY`.
    pub properties: BTreeMap<String, String>,
    /// What was sent, compressed where `sys_flag` says so.
    pub body: Bytes,
}

const MAGIC_V1: u32 = 0xdaa3_20a7;
const MAGIC_V2: u32 = 0xdaa3_20ab;
const BORN_HOST_IPV6: i32 = 0x10;
const STORE_HOST_IPV6: i32 = 0x20;

/// Reads messages up to the end of the bytes, or says which one is broken and where.
pub(super) fn parse_all(mut bytes: Bytes) -> Result<Vec<StoredMessage>, (usize, &'static str)> {
    let mut messages = Vec::new();
    while bytes.has_remaining() {
        let message = parse(&mut bytes).map_err(|Broken(field)| (messages.len(), field))?;
        messages.push(message);
    }
    Ok(messages)
}

/// The field at which a message stops making sense.
struct Broken(&'static str);

/// Names the field in whose place the bytes ended.
trait At<T> {
    fn at(self, field: &'static str) -> Result<T, Broken>;
}

impl<T> At<T> for Result<T, TryGetError> {
    fn at(self, field: &'static str) -> Result<T, Broken> {
        self.map_err(|_| Broken(field))
    }
}

fn parse(bytes: &mut Bytes) -> Result<StoredMessage, Broken> {
    let size = bytes.try_get_u32().at("size")? as usize;
    let rest = size.checked_sub(4).filter(|rest| *rest <= bytes.len());
    let mut message = bytes.split_to(rest.ok_or(Broken("size"))?);
    let magic = message.try_get_u32().at("magic")?;
    if magic != MAGIC_V1 && magic != MAGIC_V2 {
        return Err(Broken("magic"));
    }
    message.try_get_u32().at("body CRC")?;
    let queue_id = message.try_get_u32().at("queueId")?;
    let flag = message.try_get_i32().at("flag")?;
    let queue_offset = message.try_get_i64().at("queueOffset")?;
    let commit_log_offset = message.try_get_i64().at("physicalOffset")?;
    let sys_flag = message.try_get_i32().at("sysFlag")?;
    let born_timestamp_ms = message.try_get_i64().at("bornTimestamp")?;
    let born_host = host(&mut message, sys_flag & BORN_HOST_IPV6 != 0, "bornHost")?;
    let store_timestamp_ms = message.try_get_i64().at("storeTimestamp")?;
    let store_host = host(&mut message, sys_flag & STORE_HOST_IPV6 != 0, "storeHost")?;
    let reconsume_times = message.try_get_i32().at("reconsumeTimes")?;
    message.try_get_i64().at("preparedTransactionOffset")?;
    let length = message.try_get_u32().at("body")?;
    let body = take(&mut message, length, "body")?;
    let length = match magic {
        MAGIC_V2 => message.try_get_u16().at("topic")?,
        _ => message.try_get_u8().at("topic")?.into(),
    };
    let topic = take(&mut message, length.into(), "topic")?;
    let length = message.try_get_u16().at("properties")?;
    let properties = take(&mut message, length.into(), "properties")?;
    Ok(StoredMessage {
        topic: String::from_utf8_lossy(&topic).into_owned(),
        queue_id,
        queue_offset,
        commit_log_offset,
        flag,
        sys_flag,
        born_timestamp_ms,
        born_host,
        store_timestamp_ms,
        store_host,
        reconsume_times,
        properties: parse_properties(&properties),
        body,
    })
}

fn host(message: &mut Bytes, ipv6: bool, field: &'static str) -> Result<SocketAddr, Broken> {
    let ip: IpAddr = match ipv6 {
        true => message.try_get_u128().at(field)?.to_be_bytes().into(),
        false => message.try_get_u32().at(field)?.to_be_bytes().into(),
    };
    let port = message.try_get_u32().at(field)?;
    let port = u16::try_from(port).map_err(|_| Broken(field))?;
    Ok((ip, port).into())
}

fn take(message: &mut Bytes, length: u32, field: &'static str) -> Result<Bytes, Broken> {
    let length = length as usize;
    match length <= message.len() {
        true => Ok(message.split_to(length)),
        false => Err(Broken(field)),
    }
}

/// `name\x01value\x02...`; the last separator is missing from 4.9.4 on.
fn parse_properties(text: &[u8]) -> BTreeMap<String, String> {
    String::from_utf8_lossy(text)
        .split('\u{2}')
        .filter_map(|pair| pair.split_once('\u{1}'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use bytes::BufMut;
    use proptest::prelude::*;

    /// A message with the topic's length as V1 or V2 writes it, and hosts of either family.
    fn stored(topic: &str, ipv6: bool) -> Vec<u8> {
        let mut rest = Vec::new();
        let v2 = topic.len() > 127;
        rest.put_u32(if v2 { MAGIC_V2 } else { MAGIC_V1 });
        rest.put_u32(0x3610_a686);
        rest.put_u32(3);
        rest.put_i32(0);
        rest.put_i64(42);
        rest.put_i64(4096);
        rest.put_i32(if ipv6 { BORN_HOST_IPV6 | STORE_HOST_IPV6 } else { 0 });
        for timestamp in [1_700_000_000_000, 1_700_000_000_005] {
            rest.put_i64(timestamp);
            match ipv6 {
                true => rest.put_u128(1),
                false => rest.put_u32(0x7f00_0001),
            }
            rest.put_u32(10911);
        }
        rest.put_i32(2);
        rest.put_i64(0);
        rest.put_u32(5);
        rest.put_slice(b"hello");
        match v2 {
            true => rest.put_u16(topic.len() as u16),
            false => rest.put_u8(topic.len() as u8),
        }
        rest.put_slice(topic.as_bytes());
        let properties = b"KEYS\x01k\x02CLUSTER\x01DefaultCluster";
        rest.put_u16(properties.len() as u16);
        rest.put_slice(properties);
        let mut message = Vec::new();
        message.put_u32(4 + rest.len() as u32);
        message.put_slice(&rest);
        message
    }

    fn parse_all(bytes: Vec<u8>) -> Result<Vec<StoredMessage>, (usize, &'static str)> {
        super::parse_all(bytes.into())
    }

    #[test]
    fn both_magics_and_both_families_of_hosts_are_read() {
        let long = "t".repeat(200);
        for (topic, ipv6, host) in [
            ("broker-a", false, "127.0.0.1:10911"),
            ("broker-a", true, "[::1]:10911"),
            (&long, false, "127.0.0.1:10911"),
        ] {
            let expected = StoredMessage {
                topic: topic.into(),
                queue_id: 3,
                queue_offset: 42,
                commit_log_offset: 4096,
                flag: 0,
                sys_flag: if ipv6 { 0x30 } else { 0 },
                born_timestamp_ms: 1_700_000_000_000,
                born_host: host.parse().unwrap(),
                store_timestamp_ms: 1_700_000_000_005,
                store_host: host.parse().unwrap(),
                reconsume_times: 2,
                properties: [("KEYS".into(), "k".into()), ("CLUSTER".into(), "DefaultCluster".into())].into(),
                body: Bytes::from_static(b"hello"),
            };
            assert_eq!(parse_all(stored(topic, ipv6)), Ok(vec![expected]));
        }
    }

    #[test]
    fn several_messages_follow_each_other() {
        let mut bytes = stored("a", false);
        bytes.extend(stored("b", true));
        let topics: Vec<_> = parse_all(bytes).unwrap().into_iter().map(|m| m.topic).collect();
        assert_eq!(topics, ["a", "b"]);
    }

    #[test]
    fn a_message_cut_anywhere_is_broken_and_named() {
        let whole = stored("broker-a", false);
        let mut two = whole.clone();
        two.extend(&whole);
        for cut in 1..whole.len() {
            assert_eq!(parse_all(two[..whole.len() + cut].to_vec()), Err((1, "size")));
        }
    }

    #[test]
    fn a_message_that_is_shorter_inside_than_outside_is_broken() {
        let mut bytes = stored("broker-a", false);
        let body_length = 4 + 4 + 4 + 4 + 4 + 8 + 8 + 4 + 16 + 16 + 4 + 8;
        bytes[body_length..body_length + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(parse_all(bytes), Err((0, "body")));
        assert_eq!(parse_all(vec![0, 0, 0, 3]), Err((0, "size")));
        assert_eq!(parse_all(vec![0, 0, 0, 8, 1, 2, 3, 4]), Err((0, "magic")));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse_all(bytes);
        }

        #[test]
        fn no_changed_byte_makes_it_panic(at in any::<prop::sample::Index>(), byte: u8, ipv6: bool) {
            let mut bytes = stored("broker-a", ipv6);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = parse_all(bytes);
        }
    }
}
