//! Values that no host can hold: each key of the cluster file refuses them in words or takes them, and nothing that is
//! worked out from a file that was taken overflows.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use rocketmq_agent_domain::{
    catalogue::{self, File},
    cluster_file::shape::{Key, Kind, ROOT},
    desired::{HostFacts, Java, desired, memory::fits_limits},
    names::Version,
    placement::place,
    size::Size,
    topology,
};

const MODES: [&str; 3] = ["2m-2s-sync", "dledger", "controller"];
const HUGE: [&str; 12] = [
    "0",
    "-1",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1125899906842624",
    "1125899906842625",
    "16777215T",
    "1024T",
    "99999999999999999999G",
    "8760h",
    "18446744073709551615s",
];

/// Every key with a value of its own, as the tables that lead to it and its name.
fn keys(table: &[Key], path: &[String], found: &mut Vec<(Vec<String>, &'static str, bool)>) {
    for key in table {
        let mut inner = path.to_vec();
        match key.kind {
            Kind::Section(keys_inside) => {
                inner.push(key.name.to_owned());
                keys(keys_inside, &inner, found);
            }
            Kind::Sections(keys_inside) => {
                inner.push(format!("[{}]", key.name));
                keys(keys_inside, &inner, found);
            }
            Kind::Text => found.push((inner, key.name, true)),
            Kind::Integer => found.push((inner, key.name, false)),
            Kind::Flag | Kind::Texts | Kind::Properties => {}
        }
    }
}

fn all_keys() -> Vec<(Vec<String>, &'static str, bool)> {
    let mut found = Vec::new();
    keys(ROOT, &[], &mut found);
    found
}

/// A cluster of three hosts with these additions.
fn file(mode: &str, additions: &[(Vec<String>, String)]) -> String {
    let version = "5.5.0";
    let mut root: toml::Table = format!(
        "[cluster]\nname = \"c1\"\nmode = \"{mode}\"\n[rocketmq]\nversion = \"{version}\"\nsource = \"/r.zip\"\n\
         [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n\
         [[host]]\nname = \"vm3\"\naddress = \"10.0.0.3\"\n"
    )
    .parse()
    .unwrap();
    for (path, addition) in additions {
        let added: toml::Table = addition.parse().unwrap();
        let mut table = &mut root;
        for part in path {
            let name = part.trim_matches(['[', ']']);
            let empty = || toml::Value::Table(toml::Table::new());
            let made = if part.starts_with('[') { toml::Value::Array(vec![empty()]) } else { empty() };
            table = match table.entry(name).or_insert(made) {
                toml::Value::Array(items) => items[0].as_table_mut().unwrap(),
                inner => inner.as_table_mut().unwrap(),
            };
        }
        table.extend(added);
    }
    root.to_string()
}

/// Works out everything that follows from the file, for hosts of all sizes.
fn work_out(text: &str) {
    let Ok(topology) = topology::read(text) else { return };
    let Ok(placement) = place(&topology, None) else { return };
    let _ = fits_limits(&topology, &placement);
    for host in &topology.hosts {
        for memory in [0, 1 << 30, u64::MAX] {
            let java = Java { program: "/usr/bin/java".into(), release: 17 };
            let facts = HostFacts { memory: Size(memory), java };
            let _ = desired(&topology, &placement, &host.name, &facts);
        }
    }
}

fn written(name: &str, is_text: bool, value: &str) -> String {
    if is_text { format!("{name} = \"{value}\"") } else { format!("{name} = {value}") }
}

#[test]
fn no_key_of_the_cluster_file_overflows_anything() {
    let keys = all_keys();
    assert!(keys.len() > 80, "{}", keys.len());
    for (path, name, is_text) in keys {
        for value in HUGE.into_iter().filter(|value| is_text || value.parse::<i64>().is_ok()) {
            for mode in MODES {
                work_out(&file(mode, &[(path.clone(), written(name, is_text, value))]));
            }
        }
    }
}

#[test]
fn no_key_of_broker_conf_overflows_anything() {
    for key in catalogue::keys(File::Broker, Version::new(5, 5, 0)) {
        for value in ["9223372036854775807", "18446744073709551615", "-1"] {
            let path = ["broker", "config"].map(str::to_owned).to_vec();
            work_out(&file("2m-2s-sync", &[(path, written(key.name, true, value))]));
        }
    }
}

/// Every size that the file can hold is refused above the limit, with the value and the limit.
#[test]
fn a_size_above_the_limit_is_refused_with_the_value_and_the_limit() {
    let sizes: Vec<_> = all_keys()
        .into_iter()
        .filter(|(_, name, _)| ["heap", "young", "direct_memory", "memory", "max_lag"].contains(name))
        .collect();
    assert!(sizes.len() > 20, "{}", sizes.len());
    for (path, name, _) in sizes {
        for value in ["1025T", "18446744073709551615"] {
            let text = file("2m-2s-sync", &[(path.clone(), written(name, true, value))]);
            let problems = topology::read(&text).unwrap_err().to_vec();
            let words = format!("must be at most 1024T; this is \"{value}\"");
            let found = problems.iter().any(|it| it.key.ends_with(name) && it.to_string().contains(&words));
            assert!(found, "{path:?} {name}: {problems:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]
    /// Several at once, as in a sum.
    #[test]
    fn no_keys_together_overflow_anything(
        chosen in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&HUGE[..])), 1..12),
        mode in prop::sample::select(&MODES[..]),
    ) {
        let keys = all_keys();
        let sizes = |name: &str| ["heap", "young", "direct_memory", "memory", "max_lag"].contains(&name);
        let keys: Vec<_> = keys.iter().filter(|(_, name, is_text)| !is_text || sizes(name)).collect();
        let additions: Vec<_> = chosen
            .iter()
            .filter_map(|(index, value)| {
                let (path, name, is_text) = index.get(&keys);
                let value = if sizes(name) { "1024T" } else { value };
                (*is_text || value.parse::<i64>().is_ok()).then(|| (path.clone(), written(name, *is_text, value)))
            })
            .collect();
        work_out(&file(mode, &additions));
    }
}
