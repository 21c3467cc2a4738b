//! What systemd itself has put into the journal about a unit. In: a unit, and since when. Out: its lines, oldest first.
//! What cannot be read is left out: this explains an end that is already known.

use sdjournal::Journal;

/// A start that comes to nothing is a handful of lines.
const MOST: usize = 50;

/// `since`: milliseconds since 1970.
pub(super) fn of_unit(unit: &str, since: u64) -> Vec<String> {
    let read = || {
        let mut query = Journal::open_default()?.query();
        // systemd.journal-fields(7): UNIT is of messages about a unit, _UID is journald's own finding of who sent them.
        query.match_exact("UNIT", unit.as_bytes()).match_exact("_UID", b"0");
        query.since_realtime(since * 1000).limit(MOST).collect_owned()
    };
    let entries = read().unwrap_or_else(|error| {
        tracing::debug!(%error, "the journal cannot be read");
        Vec::new()
    });
    let messages = entries.iter().filter_map(|entry| entry.get("MESSAGE"));
    messages.map(|message| String::from_utf8_lossy(message).into_owned()).collect()
}
