//! The tables that a broker keeps as JSON in `store/config`: topics, consumer groups, offsets. In: an open file. Out:
//! whether it is whole, or the names in it. It is read as a stream: what a broker makes of it is as long as it likes.

use crate::remoting::Quoting;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read},
};

/// A longer file is neither read nor copied.
pub const LONGEST: u64 = 64 << 20;
/// No cluster has so many topics, or names so long.
const MOST_NAMES: usize = 500_000;
const MOST_BYTES: usize = 16 << 20;

/// Whether it is JSON as RocketMQ reads it, and has that table.
pub fn is_whole(file: &File, table: &str) -> bool {
    read(file, Table { name: table, names: None }).is_ok()
}

/// The names in a table, which may lack in it.
///
/// # Errors
/// It is no JSON, or has too many of them.
pub fn names(file: &File, table: &str) -> serde_json::Result<Vec<String>> {
    let mut names = Vec::new();
    read(file, Table { name: table, names: Some(&mut names) })?;
    Ok(names)
}

fn read(file: &File, table: Table<'_, '_>) -> serde_json::Result<()> {
    if file.metadata().is_ok_and(|found| found.len() > LONGEST) {
        return Err(serde_json::Error::io(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long")));
    }
    let text = Quoting::new(BufReader::new(file.take(LONGEST)));
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(text));
    Object(table).deserialize(&mut reader)?;
    reader.end()
}

/// A whole file; `names` is filled where they are wanted, and then the table need not be there.
struct Table<'t, 'n> {
    name: &'t str,
    names: Option<&'n mut Vec<String>>,
}

/// Reads an object with that visitor.
struct Object<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Object<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(self.0)
    }
}

impl<'de> Visitor<'de> for Table<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of RocketMQ's")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut is_there = self.names.is_some();
        while let Some(key) = map.next_key::<String>()? {
            if key == self.name {
                is_there = true;
                map.next_value_seed(Object(Names { names: self.names.as_deref_mut(), bytes: 0 }))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if is_there { Ok(()) } else { Err(A::Error::custom("its table is missing")) }
    }
}

struct Names<'n> {
    names: Option<&'n mut Vec<String>>,
    bytes: usize,
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names with what belongs to them")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            let Some(names) = &mut self.names else { continue };
            self.bytes += name.len();
            if names.len() >= MOST_NAMES || self.bytes > MOST_BYTES {
                return Err(A::Error::custom("it has more names than any cluster"));
            }
            names.push(name);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_table_is_whole_where_rocketmq_would_read_it() {
        for (text, whole) in [
            (r#"{"offsetTable":{"T@g":{0:5,1:6}}}"#, true),
            (r#"{"dataVersion":{"counter":1},"offsetTable":{}}"#, true),
            (r#"{"offsetTable":{"T@g":{0:5}"#, false),
            (r#"{"offsetTable":[]}"#, false),
            (r#"{"dataVersion":{}}"#, false),
            ("", false),
            (r#"{"offsetTable":{}} and more"#, false),
        ] {
            assert_eq!(is_whole(&file(text), "offsetTable"), whole, "{text}");
        }
        let named = names(&file(r#"{"topicConfigTable":{"A":{"perm":6},"B":{}},"x":{"C":1}}"#), "topicConfigTable");
        assert_eq!(named.unwrap(), ["A", "B"]);
        assert_eq!(names(&file("{}"), "topicConfigTable").unwrap(), [""; 0]);
    }

    #[test]
    fn a_table_nested_without_end_or_too_long_is_refused_without_being_held() {
        let deep = format!("{{\"offsetTable\":{}", "{\"a\":".repeat(1_000_000));
        assert!(!is_whole(&file(&deep), "offsetTable"));
        let sparse = file("{");
        sparse.set_len(LONGEST + 1).unwrap();
        assert!(!is_whole(&sparse, "offsetTable"));
    }
}
