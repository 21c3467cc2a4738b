//! What a person should know before another cluster file is given to brokers that have messages. In: both files and their
//! placements. Out: a line each. Nothing is refused here.

use crate::{
    catalogue::{self, File, Standing, lore},
    names::Version,
    placement::Placement,
    releases,
    topology::{Topology, tls},
};
use std::collections::BTreeSet;

/// What is to know on the way from one to the other.
pub fn between(before: (&Topology, &Placement), after: (&Topology, &Placement)) -> Vec<String> {
    let (old, new) = (before.0, after.0);
    let mut lines: Vec<String> = releases::on_the_way(old.version, new.version)
        .into_iter()
        .map(|line| format!("RocketMQ {} to {}: {line}", old.version, new.version))
        .collect();
    // One by one: who is restarted first is asked by those that still run as before.
    lines.extend(tls::shut_out(new, old).into_iter().map(|(section, silent)| {
        format!(
            "[{section}] is to take nobody in plain text while [{silent}] speaks nothing else: first roll out \
             \"-Dtls.enable=true\" in {silent}.java_options, then this"
        )
    }));
    for seat in &after.1.brokers {
        if !before.1.brokers.iter().any(|other| other.group == seat.group && other.host == seat.host) {
            continue;
        }
        let settings = |topology: &Topology| topology.layers.broker(&seat.host, &seat.group, seat.role()).config;
        let (was, is) = (settings(old), settings(new));
        for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
            let Some(why) = lore::on_messages(key) else { continue };
            let was = was.get(key).cloned().or_else(|| default(key, old.version));
            let is = is.get(key).cloned().or_else(|| default(key, new.version));
            if was != is {
                let [was, is] = [was, is].map(|value| value.unwrap_or_else(|| "nothing".to_owned()));
                lines.push(format!("{} {}: {key} goes from {was} to {is}: {why}", seat.host, seat.group));
            }
        }
    }
    lines
}

fn default(key: &str, version: Version) -> Option<String> {
    match catalogue::standing(File::Broker, key, version) {
        Standing::Known(key) | Standing::Neighbours(key, _) => Some(key.default.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{placement::place, topology};

    fn said(before: (&str, &str), after: (&str, &str)) -> Vec<String> {
        let [before, after] = [before, after].map(|(version, config)| {
            let text = format!(
                "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"{version}\"\n\
                 [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n\
                 [[group]]\nname = \"broker-a\"\n[group.config]\n{config}"
            );
            let topology = topology::read(&text).unwrap();
            let placement = place(&topology, None).unwrap();
            (topology, placement)
        });
        between((&before.0, &before.1), (&after.0, &after.1))
    }

    #[test]
    fn a_key_that_lays_out_the_store_is_named_for_every_broker_that_has_it() {
        let lines = said(("5.5.0", ""), ("5.5.0", "mappedFileSizeCommitLog = 536870912\nfileReservedTime = 24\n"));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("vm1 broker-a: mappedFileSizeCommitLog goes from 1073741824 to 536870912: "));
    }

    #[test]
    fn what_is_only_written_out_is_no_change() {
        assert!(said(("5.5.0", ""), ("5.5.0", "mappedFileSizeCommitLog = 1073741824\n")).is_empty());
    }

    #[test]
    fn enforcing_tls_before_the_others_speak_it_is_named() {
        let options =
            |options: &str| format!("[namesrv]\njava_options = [{options}]\n[broker]\njava_options = [{options}]\n");
        let enforcing = options("\"-Dtls.server.mode=enforcing\"");
        let lines = said(("5.5.0", ""), ("5.5.0", &enforcing));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].starts_with("[namesrv] is to take nobody in plain text while [broker] speaks nothing else: "));
        assert!(said(("5.5.0", &options("\"-Dtls.enable=true\"")), ("5.5.0", &enforcing)).is_empty());
        assert!(said(("5.5.0", &enforcing), ("5.5.0", "")).is_empty());
    }

    #[test]
    fn another_release_is_named_with_what_it_means() {
        let lines = said(("4.9.4", ""), ("5.5.0", ""));
        assert!(lines.iter().all(|line| line.starts_with("RocketMQ 4.9.4 to 5.5.0: ")) && lines.len() > 2, "{lines:?}");
    }
}
