//! The JSON Schema of cluster.toml, for editors: what `shape.rs` and the catalogue say, in the words of draft 7. It knows
//! the keys of all catalogued releases at once; which of them the wanted release has is judged by `check`.

use crate::{
    catalogue::{self, File, Key as ConfigKey, Kind as ValueKind},
    cluster_file::shape::{self, Key, Kind},
    topology,
};
use serde_json::{Map, Value, json};

/// All of it.
pub fn schema() -> Value {
    let mut schema = table(shape::ROOT, "");
    let about = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "cluster.toml of rocketmq-agent",
        "definitions": { "broker.conf": properties(File::Broker), "namesrv.conf": properties(File::Namesrv), "controller.conf": properties(File::Controller), "rmq-proxy.json": properties(File::Proxy) },
    });
    if let (Value::Object(schema), Value::Object(about)) = (&mut schema, about) {
        schema.extend(about);
    }
    schema
}

fn table(keys: &[Key], path: &str) -> Value {
    let value = |key: &Key| (key.name.to_owned(), one(key, &format!("{path}.{}", key.name)));
    let properties: Map<String, Value> = keys.iter().map(value).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.default == "required").map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn one(key: &Key, path: &str) -> Value {
    let described = match key.default {
        "" => key.doc.to_owned(),
        default => format!("{} Default: {default}.", key.doc),
    };
    let mut value = match key.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Section(keys) => table(keys, path),
        Kind::Sections(keys) => json!({ "type": "array", "items": table(keys, path) }),
        Kind::Properties => {
            let file = match path {
                // What a jar takes that is no part of the release is not known.
                ".dashboard.config" | ".exporter.config" => return json!({ "type": "object" }),
                _ if path.contains("proxy") => File::Proxy,
                _ if path.contains("namesrv") => File::Namesrv,
                _ if path.contains("controller") => File::Controller,
                _ => File::Broker,
            };
            // Draft 7 takes nothing beside a reference.
            return json!({ "$ref": format!("#/definitions/{}", file.name()) });
        }
    };
    value["description"] = json!(described);
    value
}

/// What can be set by hand in a file.
fn properties(file: File) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    for release in catalogue::releases() {
        for key in catalogue::keys(file, *release) {
            if topology::derived(file, key.name).is_none() {
                properties.insert(key.name.to_owned(), property(key));
            }
        }
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// As the newest release that has it takes it.
fn property(key: &ConfigKey) -> Value {
    let mut value = match &key.kind {
        ValueKind::Boolean => json!({ "type": ["boolean", "string"] }),
        ValueKind::Int | ValueKind::Long => json!({ "type": ["integer", "string"] }),
        ValueKind::Choice(names) => json!({ "enum": names }),
        // The reader takes no floating-point number: how RocketMQ is to read it would be left to chance.
        ValueKind::Double | ValueKind::Text | ValueKind::Other(_) => json!({ "type": ["string", "integer"] }),
    };
    let default = if key.default.is_empty() { "none" } else { key.default };
    value["description"] =
        json!(format!("{}, {} of {} to {}. Default: {default}.", key.class, key.kind, key.first, key.last));
    value
}

/// The schema as it is shipped: one key a line, so that a difference can be read.
pub fn text() -> String {
    let mut text = String::new();
    write(&schema(), 0, &mut text);
    text.push('\n');
    text
}

/// What a line of the file may hold at most.
const LINE: usize = 400;

fn write(value: &Value, depth: usize, out: &mut String) {
    let flat = value.to_string();
    let Value::Object(object) = value else { return *out += &flat };
    if flat.len() <= LINE && !object.contains_key("properties") && depth > 0 {
        return *out += &flat;
    }
    out.push('{');
    for (index, (key, inner)) in object.iter().enumerate() {
        *out += if index == 0 { "\n" } else { ",\n" };
        *out += &" ".repeat(depth + 1);
        *out += &format!("{}: ", Value::String(key.clone()));
        write(inner, depth + 1, out);
    }
    *out += &format!("\n{}}}", " ".repeat(depth));
}
