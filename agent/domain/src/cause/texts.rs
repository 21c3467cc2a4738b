//! What the texts of a JVM and of RocketMQ mean. In: the end of the console and of RocketMQ's own logs. Out: the cause
//! that the first sign found names.

use super::{
    Evidence, Occupant, found,
    signs::{Place, SIGNS, Sign},
};
use crate::{finding, launch::Cause, line::Line};

pub(super) fn by_text(evidence: &Evidence<'_>) -> Option<Cause> {
    SIGNS.iter().find_map(|sign| {
        let console = (sign.place != Place::Logs).then_some(&evidence.console);
        let logs = evidence.logs.iter().filter(|_| sign.place != Place::Console);
        let mut lines = console.into_iter().chain(logs).flat_map(|text| text.lines());
        let line = lines.find(|line| is_sign(sign, line, evidence))?;
        Some(worded(sign, line, evidence))
    })
}

fn is_sign(sign: &Sign, line: &str, evidence: &Evidence<'_>) -> bool {
    if !sign.needles.iter().any(|needle| line.contains(needle)) {
        return false;
    }
    match sign.finding.id {
        // RocketMQ 4.7 on Java 17 logs this one on every start and works.
        "add-opens-missing" => !line.contains("sun.nio.ch.SelectorImpl"),
        "config-file-missing" => config_file(evidence).is_some_and(|file| line.contains(file)),
        "store-unusable" => evidence.launch.store.as_ref().is_some_and(|store| {
            [&store.root, &store.commit_log].iter().any(|folder| line.contains(&folder.display().to_string()))
        }),
        _ => true,
    }
}

fn worded(sign: &Sign, line: &str, evidence: &Evidence<'_>) -> Cause {
    let line = shortened(line);
    match sign.finding.id {
        "not-enough-memory" => found::not_enough_memory(evidence),
        "store-locked" => {
            let store = evidence.launch.store.as_ref().map_or(&evidence.launch.directory, |store| &store.root);
            found::store_locked(store, &evidence.store_holder.clone().unwrap_or_default())
        }
        "address-not-here" => found::address_not_here(&line),
        "port-in-use" => port_in_use(evidence),
        "config-file-missing" => {
            let file = config_file(evidence).unwrap_or_default();
            sign.finding.of(&[("file", &file)])
        }
        "store-unusable" => {
            let store = evidence.launch.store.as_ref().map_or(&evidence.launch.directory, |store| &store.root);
            sign.finding.of(&[("store", &store.display()), ("line", &line)])
        }
        "disk-full" => found::disk_full(found::full_disk(evidence)),
        _ => sign.finding.of(&[("line", &line)]),
    }
}

fn port_in_use(evidence: &Evidence<'_>) -> Cause {
    // RocketMQ 5.x `NettyRemotingServer.start` names the address; 4.x and every HA service do not.
    let named = evidence.console.split("Failed to bind to ").nth(1).and_then(|rest| {
        let address = rest.split_whitespace().next()?;
        address.rsplit(':').next()?.parse::<u16>().ok()
    });
    let busy = match named {
        Some(port) => evidence.busy_ports.iter().find(|(busy, _)| *busy == port),
        None => evidence.busy_ports.first(),
    };
    match (busy, named) {
        (Some((port, occupant)), _) => found::port_in_use(*port, occupant),
        (None, Some(port)) => found::port_in_use(port, &Occupant::default()),
        (None, None) => {
            let ports = evidence.launch.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            finding::PORT_WAS_IN_USE.of(&[("ports", &ports)])
        }
    }
}

fn config_file<'e>(evidence: &'e Evidence<'_>) -> Option<&'e str> {
    let arguments = &evidence.launch.arguments;
    let flag = arguments.iter().rposition(|argument| argument == "-c")?;
    arguments.get(flag + 1).map(String::as_str)
}

/// The last line that is not one of logback's own, a stack frame or empty.
pub(super) fn last_telling_line(evidence: &Evidence<'_>) -> Option<Line> {
    let telling = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.contains("|-INFO in ") && !line.starts_with("at ") && !line.starts_with("... ")
    };
    evidence.console.lines().rev().find(telling).map(shortened)
}

fn shortened(line: &str) -> Line {
    // Time, level and thread of a log are of no use in a sentence, and differ with every try.
    let line = line.split_once(" - ").filter(|(head, _)| head.starts_with("20")).map_or(line, |(_, rest)| rest);
    // RocketMQ puts tabs into its lines.
    Line::excerpt(&line.split_whitespace().collect::<Vec<_>>().join(" "))
}
