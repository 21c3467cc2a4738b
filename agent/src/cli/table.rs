//! The cluster as a table that fits 100 columns, with what is wrong below it in whole sentences.

use crate::clock;
use comfy_table::{Table, presets};
use rocketmq_agent_domain::{
    health::{
        report::{ClusterReport, HostView, InstanceReport, State, in_words},
        verdict::Verdict,
    },
    rollout::Turn,
    size::Size,
};
use std::time::Duration;

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// A line of the table and how it is.
struct Row {
    cells: [String; 7],
    colour: &'static str,
}

/// Draws the whole cluster.
pub(super) fn cluster(report: &ClusterReport, colours: bool) -> String {
    let rows: Vec<Row> = report.hosts.iter().flat_map(rows_of).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["HOST", "INSTANCE", "ROLE", "ADDRESS", "STATE", "LAG", "UP"]);
    for row in &rows {
        table.add_row(row.cells.clone());
    }
    let verdict = match report.verdict {
        _ if report.ready => "ready",
        Verdict::Down => "down",
        _ => "not ready",
    };
    let colour = if report.ready { GREEN } else { RED };
    let mut text = format!(
        "{} ({}, RocketMQ {}): {}    seen from {}\n\n",
        report.cluster,
        report.mode,
        report.rocketmq,
        paint(verdict, colour, colours),
        report.seen_from
    );
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        match index.checked_sub(1).and_then(|row| rows.get(row)) {
            Some(row) => text += &paint(line, row.colour, colours),
            None => text += line,
        }
        text.push('\n');
    }
    let mut remarks = remarks(report);
    remarks.extend(config(report));
    if !remarks.is_empty() {
        text.push('\n');
        text += &remarks.join("\n");
        text.push('\n');
    }
    text
}

fn paint(text: &str, colour: &str, colours: bool) -> String {
    if colours && !colour.is_empty() { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
}

fn rows_of(view: &HostView) -> Vec<Row> {
    let stale = view.unknown_since.is_some();
    match &view.report {
        Some(report) if report.witness => {
            let (state, colour) = match report.ready {
                _ if stale => ("unknown", YELLOW),
                true => ("ready", GREEN),
                false => ("not ready", RED),
            };
            let cells = [view.host.as_str(), "-", "witness", &view.address, state, "", ""].map(str::to_owned);
            vec![Row { cells, colour }]
        }
        Some(report) => report.instances.iter().map(|instance| row(view, instance, stale)).collect(),
        None => vec![Row {
            cells: [
                view.host.to_string(),
                "?".into(),
                "?".into(),
                view.address.clone(),
                "unknown".into(),
                "".into(),
                "".into(),
            ],
            colour: YELLOW,
        }],
    }
}

fn row(view: &HostView, instance: &InstanceReport, stale: bool) -> Row {
    let state = if stale { format!("unknown (was {})", instance.state) } else { instance.state.to_string() };
    let lag = instance.lag.map_or(String::new(), |lag| Size(lag).to_string());
    let up = instance.started_at.filter(|_| !stale).map_or(String::new(), |at| duration(since(at)));
    let colour = match (stale, instance.state) {
        (true, _) | (_, State::Starting | State::Stopping | State::Unknown) => YELLOW,
        (_, State::Ready) if instance.warnings.is_empty() => GREEN,
        (_, State::Ready) => YELLOW,
        _ => RED,
    };
    let cells = [
        view.host.to_string(),
        instance.instance.to_string(),
        instance.role_in_words(),
        instance.address.clone(),
        state,
        lag,
        up,
    ];
    Row { cells, colour }
}

/// What is wrong or worth knowing, a line each.
fn remarks(report: &ClusterReport) -> Vec<String> {
    let mut lines: Vec<String> = report.problems.iter().map(|problem| format!("! {problem}")).collect();
    lines.extend(report.vulnerabilities.iter().map(|hole| format!("- {hole}")));
    for view in &report.hosts {
        let host = &view.host;
        if let Some(at) = view.unknown_since {
            let why = view.error.as_deref().unwrap_or("no answer");
            lines.push(format!("! {host}: unknown for {}: {why}", duration(since(at))));
            continue;
        }
        let Some(own) = &view.report else { continue };
        lines.extend(own.config.remarks.iter().map(|remark| format!("- {host} config: {remark}")));
        let of_host = format!("{host}: ");
        lines.extend(own.reasons().into_iter().map(|reason| match reason.starts_with(&of_host) {
            true => format!("! {reason}"),
            false => format!("! {host} {reason}"),
        }));
        for instance in &own.instances {
            let name = &instance.instance;
            lines.extend(instance.warnings.iter().map(|cause| format!("- {host} {name}: {}", in_words(cause))));
            match &instance.rollout {
                Some(turn) => lines.push(format!("- {host} {name}: {}", in_turn(turn))),
                None if instance.restart_pending => {
                    lines.push(format!("- {host} {name}: runs with an older configuration; its restart is pending"));
                }
                None => {}
            }
        }
        for name in &own.not_in_file {
            lines.push(format!(
                "- {host} {name}: runs and is not in cluster.toml; it is left running, and not started at boot"
            ));
        }
    }
    lines
}

/// How far its restart is, for how long, and what it waits for.
fn in_turn(turn: &Turn) -> String {
    let waits = turn.waits.as_ref().map(|cause| format!(": {}", in_words(cause))).unwrap_or_default();
    format!("{}, for {}{waits}", turn.in_words(), duration(since(turn.since)))
}

/// Where the cluster file comes from; nothing of agents that do not say so.
fn config(report: &ClusterReport) -> Option<String> {
    let own = report.hosts.iter().find(|view| view.host == report.seen_from)?.report.as_ref()?;
    let config = &own.config;
    let paused = config.paused.as_ref().map(|by| {
        let ago = duration(since(by.time));
        format!(
            "; paused by {} on {} for {ago} ({}): `rocketmq-agent resume` lets it go on",
            by.author, by.host, by.message
        )
    });
    let tried = config.confirm_until.map(|until| {
        let left = duration(Duration::from_millis(until.saturating_sub(clock::now())));
        format!("; taken back in {left} unless somebody says `rocketmq-agent confirm`")
    });
    match config.generation {
        Some(generation) => {
            let paused = paused.into_iter().chain(tried).collect::<String>();
            Some(format!("- config: generation {generation}; {} {}{paused}", own.host, config.standing))
        }
        None if config.standing.is_empty() => None,
        None => Some(format!("- config: {}", config.standing)),
    }
}

fn since(at: u64) -> Duration {
    Duration::from_millis(clock::now().saturating_sub(at))
}

/// `3d4h`, `2h5m`, `1m20s`, `9s`.
pub(super) fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn report() -> ClusterReport {
        let text = include_str!("../../../tests/fixtures/status/cluster.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_table_fits_a_hundred_columns_and_names_every_instance_and_reason() {
        let text = cluster(&report(), false);
        let table: Vec<&str> = text.lines().take_while(|line| !line.starts_with(['!', '-'])).collect();
        assert!(table.iter().all(|line| line.chars().count() <= 100), "{text}");
        for word in ["vm1", "vm2", "namesrv", "broker-a", "slave", "unknown", "no slave is connected"] {
            assert!(text.contains(word), "{word} in\n{text}");
        }
    }

    #[test]
    fn colours_are_for_terminals_only() {
        assert!(!cluster(&report(), false).contains('\x1b'));
        assert!(cluster(&report(), true).contains(RED));
    }

    #[test]
    fn times_are_short() {
        let shown = [9, 80, 7500, 273_600].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(shown, ["9s", "1m20s", "2h5m", "3d4h"]);
    }
}
