//! A document as one readable file, and back. The file is
//!
//! ```text
//! rocketmq-agent document 1 HASH
//! {                            the header, JSON with its keys in a fixed order, two blanks a level
//! }
//!                              one empty line
//! [cluster] …                  the cluster file, to the end, byte by byte
//! ```
//!
//! HASH is the SHA-256 of everything after the first line. There is one way only to write a document: a file that
//! would be written otherwise than it was read is refused, so equal documents are equal bytes.

use super::{Document, DocumentError, DocumentHash, Header, LONGEST};
use std::fmt;

const FIRST_LINE: &str = "rocketmq-agent document 1 ";
const HASH_DIGITS: usize = 64;

/// What is hashed.
pub(super) fn body(header: &Header, text: &str) -> Result<String, DocumentError> {
    let header = serde_json::to_string_pretty(header).map_err(|error| DocumentError::Header(error.to_string()))?;
    Ok(format!("{header}\n\n{text}"))
}

pub(super) fn file_length(body: &str) -> usize {
    FIRST_LINE.len() + HASH_DIGITS + 1 + body.len()
}

impl Document {
    /// Reads the file of a document.
    pub fn read(file: &str) -> Result<Self, DocumentError> {
        if file.len() > LONGEST {
            return Err(DocumentError::TooLong(file.len()));
        }
        let (first, body) = file.split_once('\n').ok_or(DocumentError::NotADocument)?;
        let expected: DocumentHash =
            first.strip_prefix(FIRST_LINE).and_then(|digits| digits.parse().ok()).ok_or(DocumentError::NotADocument)?;
        let found = DocumentHash::of(body.as_bytes());
        if expected != found {
            return Err(DocumentError::WrongHash { expected, found });
        }
        // No line inside the JSON is empty: line breaks in strings are escaped.
        let (header, text) = body.split_once("\n\n").ok_or(DocumentError::NotADocument)?;
        let header: Header = serde_json::from_str(header).map_err(|error| DocumentError::Header(error.to_string()))?;
        let document = Self::of(header, text.to_owned())?;
        match document.hash() == expected {
            true => Ok(document),
            false => Err(DocumentError::Unsound("it is not written the one way that documents are")),
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = body(&self.0.header, self.text()).map_err(|_| fmt::Error)?;
        write!(f, "{FIRST_LINE}{}\n{body}", self.hash())
    }
}

impl TryFrom<String> for Document {
    type Error = DocumentError;
    fn try_from(file: String) -> Result<Self, DocumentError> {
        Self::read(&file)
    }
}

impl From<Document> for String {
    fn from(document: Document) -> String {
        document.to_string()
    }
}
