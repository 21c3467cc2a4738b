//! The schema that editors get says what `check` says. `UPDATE_EXPECTED=1 cargo test --test schema` writes it anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent_domain::schema;
use serde_json::Value;
use std::{fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// As much of draft 7 as the schema uses: where a document breaks it.
fn broken(schema: &Value, whole: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = whole.pointer(reference.trim_start_matches('#')).unwrap();
        return broken(target, whole, value, at);
    }
    if let Some(choices) = schema["enum"].as_array() {
        return if choices.contains(value) { Vec::new() } else { vec![format!("{at}: {value}")] };
    }
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        _ => "other",
    };
    let fits = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|one| one == kind),
        one => one == kind,
    };
    if !fits {
        return vec![format!("{at}: {kind}")];
    }
    let mut found = Vec::new();
    if let Some(object) = value.as_object() {
        for (key, inner) in object {
            match schema["properties"].get(key) {
                Some(of_key) => found.extend(broken(of_key, whole, inner, &format!("{at}.{key}"))),
                None if schema["additionalProperties"] == false => found.push(format!("{at}.{key} is not there")),
                None => {}
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(required.filter(|key| !object.contains_key(*key)).map(|key| format!("{at}.{key} is missing")));
    }
    for item in value.as_array().into_iter().flatten() {
        found.extend(broken(&schema["items"], whole, item, &format!("{at}[]")));
    }
    found
}

fn broken_in(path: &str) -> Vec<String> {
    let table: toml::Table = fs::read_to_string(root().join(path)).unwrap().parse().unwrap();
    let schema = schema::schema();
    broken(&schema, &schema, &serde_json::to_value(table).unwrap(), "")
}

#[test]
fn what_is_shipped_is_what_the_code_says() {
    let path = root().join("conf/cluster.schema.json");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, schema::text()).unwrap();
    }
    let shipped = fs::read_to_string(path).unwrap();
    assert_eq!(shipped, schema::text());
    assert_eq!(serde_json::from_str::<Value>(&shipped).unwrap(), schema::schema());
}

#[test]
fn every_file_that_we_ship_keeps_to_it() {
    let examples = fs::read_dir(root().join("conf/examples")).unwrap();
    let examples = examples.map(|entry| format!("conf/examples/{}", entry.unwrap().file_name().display()));
    for path in examples.chain(["conf/cluster.toml".to_owned(), "tests/fixtures/outputs/cluster.toml".to_owned()]) {
        assert_eq!(broken_in(&path), [""; 0], "{path}");
    }
}

#[test]
fn what_an_editor_can_see_it_marks() {
    for (file, wrong) in [
        ("unknown-key-in-host", ".host[].adress is not there"),
        ("config-keys-unknown", ".broker.config.deletewhen is not there"),
        ("config-values", ".broker.config.flushDiskType: \"SYNC_FLUHS\""),
        ("derived-key-role", ".broker.config.brokerRole is not there"),
        ("missing-mode", ".cluster.mode is missing"),
        ("wrong-type-port", ".agent.port: string"),
    ] {
        let found = broken_in(&format!("tests/fixtures/rejected/{file}.toml"));
        assert!(found.iter().any(|it| it == wrong), "{file}: {found:?}");
    }
}

#[test]
fn the_sample_names_the_schema_where_the_packages_put_it() {
    let first = fs::read_to_string(root().join("conf/cluster.toml")).unwrap();
    let path = first.lines().next().unwrap().strip_prefix("#:schema file:///").unwrap().to_owned();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (folder, name) = path.rsplit_once('/').unwrap();
    assert_eq!(name, "cluster.schema.json");
    assert_eq!(manifest.matches(&format!("{folder}/\"")).count(), 2, "{folder}");
}
