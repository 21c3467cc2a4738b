//! What the frame codec must do: with whole, split, truncated, hostile and random bytes, in both header types.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

fn encoded(command: &RemotingCommand) -> BytesMut {
    let mut bytes = BytesMut::new();
    FrameCodec::default().encode(command, &mut bytes).unwrap();
    bytes
}

fn decode(bytes: impl AsRef<[u8]>) -> Result<Option<RemotingCommand>, FrameError> {
    FrameCodec::default().decode(&mut BytesMut::from(bytes.as_ref()))
}

/// The frame of a header and a body, with lengths that are true.
fn frame(serialize_type: u8, header: &[u8], body: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::new();
    bytes.put_uint((4 + header.len() + body.len()) as u64, 4);
    bytes.put_u8(serialize_type);
    bytes.put_uint(header.len() as u64, 3);
    bytes.put_slice(header);
    bytes.put_slice(body);
    bytes
}

fn binary_header(command: &RemotingCommand) -> Vec<u8> {
    let mut fields = Vec::new();
    for (key, value) in &command.ext_fields {
        fields.put_i16(key.len() as i16);
        fields.put_slice(key.as_bytes());
        fields.put_i32(value.len() as i32);
        fields.put_slice(value.as_bytes());
    }
    let mut header = Vec::new();
    header.put_i16(command.code as i16);
    header.put_u8(0);
    header.put_i16(command.version as i16);
    header.put_i32(command.opaque);
    header.put_i32(command.flag);
    let remark = command.remark.as_deref().unwrap_or_default();
    header.put_i32(remark.len() as i32);
    header.put_slice(remark.as_bytes());
    header.put_i32(fields.len() as i32);
    header.put_slice(&fields);
    header
}

#[test]
fn the_smallest_request_has_the_bytes_that_brokers_expect() {
    let command = RemotingCommand { code: 28, opaque: 7, ..RemotingCommand::default() };
    let header = br#"{"code":28,"language":"OTHER","version":0,"opaque":7,"flag":0,"serializeTypeCurrentRPC":"JSON"}"#;
    assert_eq!(encoded(&command), frame(0, header, b""));
}

#[test]
fn an_answer_of_a_real_broker_is_read() {
    let header = br#"{"code":17,"flag":1,"language":"JAVA","opaque":3,"remark":"No topic route info","serializeTypeCurrentRPC":"JSON","version":513}"#;
    let answer = decode(frame(0, header, b"abc")).unwrap().unwrap();
    assert!(answer.is_response());
    assert_eq!((answer.code, answer.opaque, answer.version), (17, 3, 513));
    assert_eq!(answer.remark.as_deref(), Some("No topic route info"));
    assert_eq!(answer.body.as_ref(), b"abc");
}

#[test]
fn a_truncated_frame_asks_for_more_bytes_and_reserves_none() {
    let mut bytes = BytesMut::new();
    bytes.put_uint(DEFAULT_FRAME_LIMIT as u64, 4);
    bytes.put_slice(&[0; 100]);
    assert!(FrameCodec::default().decode(&mut bytes).unwrap().is_none());
    assert!(bytes.capacity() < 1 << 20, "{}", bytes.capacity());
}

#[test]
fn lengths_beyond_the_limit_and_below_a_header_are_refused() {
    let too_long = (DEFAULT_FRAME_LIMIT as u32 + 1).to_be_bytes();
    assert!(matches!(decode(too_long), Err(FrameError::Length { .. })));
    let mut large = FrameCodec::with_limit(usize::MAX);
    assert!(matches!(large.decode(&mut BytesMut::from(&too_long[..])), Ok(None)));
    assert!(matches!(decode([0, 0, 0, 3]), Err(FrameError::Length { length: 3, .. })));
    assert!(matches!(decode(b"HTTP/1.1 400 Bad Request\r\n"), Err(FrameError::Length { .. })));
}

#[test]
fn a_header_longer_than_its_frame_is_refused() {
    let bytes = [0, 0, 0, 5, 0, 0, 0, 9, b'{'];
    let limit = 1;
    assert!(matches!(
        decode(bytes),
        Err(FrameError::HeaderLength { length: 9, limit: l }) if l == limit
    ));
}

#[test]
fn an_unknown_serialize_type_is_refused() {
    assert!(matches!(decode(frame(2, b"{}", b"")), Err(FrameError::SerializeType(2))));
}

#[test]
fn a_json_header_without_a_code_is_refused() {
    assert!(matches!(decode(frame(0, b"{\"flag\":1}", b"")), Err(FrameError::JsonHeader(_))));
}

#[test]
fn a_binary_header_is_read_and_every_cut_of_it_is_refused_where_it_breaks() {
    let command = RemotingCommand {
        code: 0,
        version: 401,
        opaque: 9,
        flag: 1,
        remark: Some("fine".into()),
        ext_fields: [("offset".into(), "42".into())].into(),
        body: Bytes::from_static(b"body"),
    };
    let header = binary_header(&command);
    assert_eq!(decode(frame(1, &header, b"body")).unwrap().unwrap(), command);
    for cut in 0..header.len() {
        let result = decode(frame(1, &header[..cut], b""));
        assert!(matches!(result, Err(FrameError::BinaryHeader(_))), "{cut}");
    }
}

#[test]
fn a_binary_header_with_a_negative_length_is_refused() {
    let mut header = binary_header(&RemotingCommand::default());
    let remark_length = 13..17;
    header[remark_length].copy_from_slice(&(-1i32).to_be_bytes());
    assert!(matches!(decode(frame(1, &header, b"")), Err(FrameError::BinaryHeader("remark"))));
}

#[test]
fn a_command_that_no_peer_would_take_is_not_written() {
    let command = RemotingCommand { body: Bytes::from(vec![0; 200]), ..RemotingCommand::default() };
    let mut bytes = BytesMut::new();
    let result = FrameCodec::with_limit(100).encode(&command, &mut bytes);
    assert!(matches!(result, Err(FrameError::Length { limit: 100, .. })));
    assert!(bytes.is_empty());
}

#[test]
fn a_large_frame_leaves_no_large_buffer_behind() {
    let large = RemotingCommand { body: Bytes::from(vec![1; 4 << 20]), ..RemotingCommand::default() };
    let small = RemotingCommand { opaque: 2, ..RemotingCommand::default() };
    let mut bytes = encoded(&large);
    bytes.unsplit(encoded(&small));
    let mut codec = FrameCodec::default();
    assert_eq!(codec.decode(&mut bytes).unwrap(), Some(large));
    assert_eq!(codec.decode(&mut bytes).unwrap(), Some(small));
    bytes.reserve(1);
    assert!(bytes.capacity() <= KEPT_BUFFER, "{}", bytes.capacity());
}

prop_compose! {
    fn command()(
        code in any::<i16>(),
        version in any::<i16>(),
        opaque: i32,
        flag: i32,
        remark in proptest::option::of("\\PC{1,20}"),
        ext_fields in proptest::collection::btree_map("[a-zA-Z]{1,8}", "\\PC{0,20}", 0..5),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) -> RemotingCommand {
        let (code, version) = (code.into(), version.into());
        RemotingCommand { code, version, opaque, flag, remark, ext_fields, body: body.into() }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(command in command()) {
        prop_assert_eq!(decode(encoded(&command)).unwrap(), Some(command));
    }

    #[test]
    fn binary_headers_are_read_as_meant(command in command()) {
        let bytes = frame(1, &binary_header(&command), &command.body);
        prop_assert_eq!(decode(bytes).unwrap(), Some(command));
    }

    #[test]
    fn frames_split_anywhere_are_the_same_frames(
        commands in proptest::collection::vec(command(), 1..4),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole: Vec<u8> = commands.iter().flat_map(|c| encoded(c).to_vec()).collect();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
        ends.push(whole.len());
        ends.sort_unstable();
        let (mut codec, mut buffer, mut read, mut start) = (FrameCodec::default(), BytesMut::new(), vec![], 0);
        for end in ends {
            buffer.extend_from_slice(&whole[start..end]);
            start = end;
            while let Some(command) = codec.decode(&mut buffer).unwrap() {
                read.push(command);
            }
        }
        prop_assert_eq!(read, commands);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = decode(bytes);
    }

    #[test]
    fn no_header_bytes_make_it_panic(kind in 0u8..3, header: Vec<u8>, body: Vec<u8>) {
        let _ = decode(frame(kind, &header, &body));
    }

    #[test]
    fn no_flipped_byte_makes_it_panic(command in command(), at: prop::sample::Index, byte: u8, binary: bool) {
        let mut bytes = if binary {
            frame(1, &binary_header(&command), &command.body)
        } else {
            encoded(&command)
        };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(bytes);
    }
}
