//! The cluster as a table that fits 100 columns, with what is wrong below it in whole sentences.

use crate::clock;
use comfy_table::{Table, presets};
use rocketmq_agent_domain::{
    finding::turn_in_language,
    health::{
        report::{ClusterReport, HostView, InstanceReport, State, in_words},
        verdict::Verdict,
    },
    line::Line,
    meaning::Language,
    rollout::Turn,
    sentences::in_language,
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
pub(super) fn cluster(language: Language, report: &ClusterReport, colours: bool) -> String {
    let said = |text: &str| in_language(language, text);
    let rows: Vec<Row> = report.hosts.iter().flat_map(|view| rows_of(language, view)).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["HOST", "INSTANCE", "ROLE", "ADDRESS", "STATE", "LAG", "UP"].map(said));
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
        "{} ({}, RocketMQ {}): {}    {}\n\n",
        report.cluster,
        report.mode,
        report.rocketmq,
        paint(&said(verdict), colour, colours),
        said(&format!("seen from {}", report.seen_from))
    );
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        match index.checked_sub(1).and_then(|row| rows.get(row)) {
            Some(row) => text += &paint(line, row.colour, colours),
            None => text += line,
        }
        text.push('\n');
    }
    let mut remarks = remarks(language, report);
    remarks.extend(config(language, report));
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

fn rows_of(language: Language, view: &HostView) -> Vec<Row> {
    let said = |text: &str| in_language(language, text);
    let stale = view.unknown_since.is_some();
    match &view.report {
        Some(report) if report.witness => {
            let (state, colour) = match report.ready {
                _ if stale => ("unknown", YELLOW),
                true => ("ready", GREEN),
                false => ("not ready", RED),
            };
            let [witness, state] = ["witness", state].map(said);
            let cells = [view.host.as_str(), "-", &witness, &view.address, &state, "", ""].map(str::to_owned);
            vec![Row { cells, colour }]
        }
        Some(report) => report.instances.iter().map(|instance| row(language, view, instance, stale)).collect(),
        None => vec![Row {
            cells: [
                view.host.to_string(),
                "?".into(),
                "?".into(),
                view.address.to_string(),
                said("unknown"),
                "".into(),
                "".into(),
            ],
            colour: YELLOW,
        }],
    }
}

fn row(language: Language, view: &HostView, instance: &InstanceReport, stale: bool) -> Row {
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
        in_language(language, &instance.role_in_words()),
        instance.address.to_string(),
        in_language(language, &state),
        lag,
        up,
    ];
    Row { cells, colour }
}

/// What is wrong or worth knowing, a line each.
fn remarks(language: Language, report: &ClusterReport) -> Vec<String> {
    let said = |text: &str| in_language(language, text);
    let mut lines: Vec<String> = report.problems.iter().map(|problem| format!("! {problem}")).collect();
    lines.extend(report.vulnerabilities.iter().map(|hole| format!("- {}", said(hole))));
    for view in &report.hosts {
        let host = &view.host;
        if let Some(at) = view.unknown_since {
            let why = view.error.as_deref().unwrap_or("no answer");
            let unknown = format!("{host}: unknown for {}: {why}", duration(since(at)));
            lines.push(format!("! {}", said(&unknown)));
            continue;
        }
        let Some(own) = &view.report else { continue };
        lines
            .extend(own.config.remarks.iter().map(|remark| format!("- {}", said(&format!("{host} config: {remark}")))));
        let of_host = format!("{host}: ");
        lines.extend(own.reasons().into_iter().map(|reason| match reason.starts_with(&of_host) {
            true => format!("! {reason}"),
            false => format!("! {host} {reason}"),
        }));
        for instance in &own.instances {
            let name = &instance.instance;
            lines.extend(instance.warnings.iter().map(|cause| format!("- {host} {name}: {}", in_words(cause))));
            match &instance.rollout {
                Some(turn) => lines.push(format!("- {host} {name}: {}", in_turn(language, turn))),
                None if instance.restart_pending => {
                    let pending = said("runs with an older configuration; its restart is pending");
                    lines.push(format!("- {host} {name}: {pending}"));
                }
                None => {}
            }
        }
        for name in &own.not_in_file {
            let left = said("runs and is not in cluster.toml; it is left running, and not started at boot");
            lines.push(format!("- {host} {name}: {left}"));
        }
    }
    lines
}

/// How far its restart is, for how long, and what it waits for.
fn in_turn(language: Language, turn: &Turn) -> String {
    let waits = turn.waits.as_ref().map(|cause| format!(": {}", in_words(cause))).unwrap_or_default();
    format!("{}{}{waits}", turn_in_language(language, turn.in_words()), so_long(language, turn.since))
}

/// Where the cluster file comes from; nothing of agents that do not say so.
fn config(language: Language, report: &ClusterReport) -> Option<String> {
    let said = |text: &str| in_language(language, text);
    let own = report.hosts.iter().find(|view| view.host == report.seen_from)?.report.as_ref()?;
    let config = &own.config;
    let paused = config.paused.as_ref().map(|by| {
        let ago = duration(since(by.time));
        format!(
            "paused by {} on {} for {ago} ({}): `rocketmq-agent resume` lets it go on",
            Line::from(&by.author),
            by.host,
            Line::from(&by.message)
        )
    });
    let tried = config.confirm_until.map(|until| {
        let left = duration(Duration::from_millis(until.saturating_sub(clock::now())));
        format!("taken back in {left} unless somebody says `rocketmq-agent confirm`")
    });
    match config.generation {
        Some(generation) => {
            let held = format!("config: generation {generation}; {} {}", own.host, config.standing);
            let all = [Some(held), paused, tried].into_iter().flatten().map(|it| said(&it)).collect::<Vec<_>>();
            Some(format!("- {}", all.join("; ")))
        }
        None if config.standing.is_empty() => None,
        None => Some(format!("- {}", said(&format!("config: {}", config.standing)))),
    }
}

/// For how long, as the end of a sentence.
pub(super) fn so_long(language: Language, at: u64) -> String {
    in_language(language, &format!(", for {}", duration(since(at))))
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
    use rocketmq_agent_domain::{document::Change, finding::report_in_language};

    fn report() -> ClusterReport {
        let text = include_str!("../../../tests/fixtures/status/cluster.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_table_fits_a_hundred_columns_and_names_every_instance_and_reason() {
        let text = cluster(Language::English, &report(), false);
        let table: Vec<&str> = text.lines().take_while(|line| !line.starts_with(['!', '-'])).collect();
        assert!(table.iter().all(|line| line.chars().count() <= 100), "{text}");
        for word in ["vm1", "vm2", "namesrv", "broker-a", "slave", "unknown", "no slave is connected"] {
            assert!(text.contains(word), "{word} in\n{text}");
        }
    }

    #[test]
    fn in_chinese_the_table_fits_a_hundred_columns_its_columns_begin_below_their_heads_and_nothing_is_english() {
        let report = report_in_language(Language::Chinese, report());
        let text = cluster(Language::Chinese, &report, false);
        let columns = |text: &str| text.chars().map(|it| if it.is_ascii() { 1 } else { 2 }).sum::<usize>();
        assert!(
            text.lines().take_while(|line| !line.starts_with(['!', '-'])).all(|line| columns(line) <= 100),
            "{text}"
        );
        let begins = |line: &str, word: &str| line.find(word).map(|at| columns(&line[..at]));
        let heads = text.lines().find(|line| line.contains("主机")).unwrap();
        let broker = text.lines().find(|line| line.contains("主节点")).unwrap();
        for (head, cell) in [("实例", "broker-a"), ("角色", "主节点"), ("地址", "10.0.0.1"), ("状态", "未就绪")]
        {
            assert!(begins(heads, head).is_some() && begins(heads, head) == begins(broker, cell), "{head}\n{text}");
        }
        for english in ["HOST", "ready", "master", "slave", "seen from", "unknown", "pending", " for "] {
            assert!(!text.contains(english), "{english} in\n{text}");
        }
    }

    #[test]
    fn every_state_and_role_has_its_chinese() {
        use State::{NotReady, Quarantined, Ready, Starting, Stopped, Stopping, Unknown};
        for state in [Ready, Starting, NotReady, Stopping, Stopped, Quarantined, Unknown] {
            for text in [state.to_string(), format!("unknown (was {state})")] {
                assert!(!in_language(Language::Chinese, &text).is_ascii(), "{text}");
            }
        }
        for role in ["master", "slave", "member", "member (leader)", "controller (leader)", "witness"] {
            assert!(!in_language(Language::Chinese, role).is_ascii(), "{role}");
        }
    }

    #[test]
    fn what_hosts_say_holds_no_commands_for_a_terminal() {
        let hostile = "\u{1b}[2J\u{9b}1m\u{202e}ready\r\n";
        let text = include_str!("../../../tests/fixtures/status/cluster.json");
        let json = serde_json::to_string(hostile).unwrap();
        let text = text.replace("no slave is connected", json.trim_matches('"'));
        let mut report: ClusterReport = serde_json::from_str(&text).unwrap();
        let own = report.hosts.iter_mut().find(|view| view.host == report.seen_from).unwrap();
        let config = &mut own.report.as_mut().unwrap().config;
        (config.synced, config.generation) = (true, Some(2));
        let host = report.seen_from.clone();
        let change = Change { author: hostile.into(), host, time: 0, message: hostile.into() };
        config.paused = Some(change);
        for language in [Language::English, Language::Chinese] {
            let shown = cluster(language, &report_in_language(language, report.clone()), false);
            assert_eq!(shown.matches("\\u{1b}[2J").count(), 3, "{shown}");
            assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r']), "{shown}");
        }
    }

    #[test]
    fn colours_are_for_terminals_only() {
        assert!(!cluster(Language::English, &report(), false).contains('\x1b'));
        assert!(cluster(Language::English, &report(), true).contains(RED));
    }

    #[test]
    fn times_are_short() {
        let shown = [9, 80, 7500, 273_600].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(shown, ["9s", "1m20s", "2h5m", "3d4h"]);
    }
}
