//! Where the agent's own words go: to the journal with their fields when it is listening, else to stderr, one line a
//! decision. `ROCKETMQ_AGENT_LOG` sets the level as `RUST_LOG` does elsewhere.

use std::io::IsTerminal;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Set by systemd for what it connects to the journal (systemd.exec(5)).
const JOURNAL: &str = "JOURNAL_STREAM";

/// Starts logging.
pub fn init() {
    let filter = || EnvFilter::try_from_env("ROCKETMQ_AGENT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    if std::env::var_os(JOURNAL).is_some()
        && let Ok(journal) = tracing_journald::layer()
    {
        // What runs as it should is information, and what only helps to search is less: "notice" stands out in journalctl.
        let journal = journal.with_priority_mappings(PriorityMappings {
            info: Priority::Informational,
            debug: Priority::Debug,
            ..PriorityMappings::default()
        });
        tracing_subscriber::registry().with(filter()).with(journal.with_field_prefix(None)).init();
        return;
    }
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry().with(filter()).with(stderr).init();
}
