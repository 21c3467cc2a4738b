//! Files that tell whether they are whole. In: a body. Out: the file's bytes, `rocketmq-agent ledger 1 SHA256` and a
//! line end before the body; and back, or nothing if one bit is not as it was written.

use rocketmq_agent_domain::{
    document::{Document, DocumentHash},
    register::{Entry, Seats},
};

const FIRST_LINE: &str = "rocketmq-agent ledger 1 ";

/// The bytes of a file with this body.
pub(super) fn seal(body: &str) -> String {
    format!("{FIRST_LINE}{}\n{body}", DocumentHash::of(body.as_bytes()))
}

/// The body of a file, if it is whole.
pub(super) fn open(file: &[u8]) -> Option<&str> {
    let (first, body) = str::from_utf8(file).ok()?.split_once('\n')?;
    let expected: DocumentHash = first.strip_prefix(FIRST_LINE)?.parse().ok()?;
    (DocumentHash::of(body.as_bytes()) == expected).then_some(body)
}

/// An entry for people and programs: who votes, on one line, and the file of the document as it is.
pub(super) fn write_entry(entry: &Entry) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n{}", serde_json::to_string(entry.seats())?, entry.document()))
}

pub(super) fn read_entry(body: &str) -> Option<Entry> {
    let (seats, document) = body.split_once('\n')?;
    let seats: Seats = serde_json::from_str(seats).ok()?;
    Entry::new(Document::read(document).ok()?, seats).ok()
}
