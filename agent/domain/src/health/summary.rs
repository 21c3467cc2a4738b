//! A host in one line, for whoever has room for no more: `systemctl status` of the agent. In: its report. Out: words.

use super::report::HostReport;

/// The most characters of a line that is still read in a terminal.
const LONGEST: usize = 240;

/// How many instances are ready, and the first of what is wrong.
pub fn in_one_line(report: &HostReport) -> String {
    let ready = report.instances.iter().filter(|instance| instance.is_ready()).count();
    let count = match report.instances.len() {
        0 if report.witness => "a witness: it votes on the cluster file and runs nothing".to_owned(),
        0 => "nothing is to run on this host".to_owned(),
        1 => format!("{ready} of 1 instance ready"),
        all => format!("{ready} of {all} instances ready"),
    };
    let reasons = report.reasons();
    let mut line = match &reasons[..] {
        [] => count,
        [only] => format!("{count}; {only}"),
        [first, more @ ..] => format!("{count}; {first}; and {} more", more.len()),
    };
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{launch::cause, plan::Blocked};
    use serde_json::{Value, json};

    fn instance(name: &str, reasons: &[&str]) -> Value {
        let cause = |what: &&str| json!({ "id": "x", "what": what, "fix": "" });
        json!({
            "instance": name, "role": "master", "broker_id": 0, "address": "10.0.0.1:10911",
            "state": if reasons.is_empty() { "ready" } else { "not-ready" }, "answers": true, "pid": 1,
            "started_at": 1, "version": null, "reasons": reasons.iter().map(cause).collect::<Vec<_>>(),
            "warnings": [], "lag": null, "max_offset": null, "no_history_before": null, "missing_history": null,
            "restart_pending": false, "failures": 0, "next_start_at": null, "figures": {},
        })
    }

    fn report(instances: &[Value]) -> HostReport {
        let json = json!({
            "host": "vm1", "cluster": "c", "mode": "single", "rocketmq": "5.5.0", "agent": "0.1.0", "at": 0,
            "cluster_file": "", "placement": "", "ready": false, "blocked": [], "steps": [], "not_in_file": [],
            "instances": instances,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn it_says_how_many_are_ready_and_what_the_first_of_the_others_waits_for() {
        let all = [instance("namesrv", &[]), instance("broker-a", &["waits\nfor x", "y"]), instance("broker-b", &[])];
        assert_eq!(in_one_line(&report(&all)), "2 of 3 instances ready; broker-a: waits\\nfor x; and 1 more");
        assert_eq!(in_one_line(&report(&all[..1])), "1 of 1 instance ready");
        assert_eq!(in_one_line(&report(&all[1..2])), "0 of 1 instance ready; broker-a: waits\\nfor x; and 1 more");
        assert_eq!(in_one_line(&report(&[])), "nothing is to run on this host");
        let witness = HostReport { witness: true, ..report(&[]) };
        assert_eq!(in_one_line(&witness), "a witness: it votes on the cluster file and runs nothing");
    }

    #[test]
    fn what_holds_up_the_whole_host_comes_first() {
        let mut report = report(&[instance("broker-a", &["it does not run yet"])]);
        let cause = cause("no-source", "RocketMQ is missing", "");
        report.blocked.push(Blocked { instance: None, cause });
        assert_eq!(in_one_line(&report), "0 of 1 instance ready; vm1: RocketMQ is missing; and 1 more");
    }

    #[test]
    fn a_long_reason_is_cut() {
        let line = in_one_line(&report(&[instance("broker-a", &["é".repeat(1000).as_str()])]));
        assert_eq!(line.chars().count(), LONGEST + 1);
    }
}
