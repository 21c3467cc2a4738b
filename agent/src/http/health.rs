//! The words and the status of `/readyz` and `/health/…`. In: a host's report. Out: answers. Judges nothing anew:
//! what is ready was decided when the report was made.

use super::answer::Answer;
use axum::http::StatusCode;
use rocketmq_agent_domain::{
    health::report::{HostReport, InstanceReport, State, in_words},
    launch::{Cause, Role},
    names::InstanceName,
    size::Size,
};
use std::fmt::Write;

/// The id that the domain's rules give to a slave beyond `broker.max_lag`.
const LAGGING: &str = "lagging";
/// What a NameServer that answers can have: it is about the controller inside, of which clients know nothing.
const OF_THE_CONTROLLER: [&str; 3] = ["no-leader", "leaders-differ", "not-answering"];

/// `/readyz`.
pub(super) fn readyz(report: &HostReport) -> Answer {
    if report.ready {
        return Answer::text(StatusCode::OK, "ready\n");
    }
    let lines: String = why_not(report).iter().map(|reason| format!("{}\n", reason)).collect();
    Answer::text(StatusCode::SERVICE_UNAVAILABLE, lines)
}

/// `/readyz?verbose`.
pub(super) fn verbose(report: &HostReport) -> Answer {
    let mut text = String::from(if report.ready { "ready\n" } else { "not ready\n" });
    // Writing to a String cannot fail.
    for instance in &report.instances {
        let mark = if instance.is_ready() { '+' } else { '-' };
        let _ = write!(text, "[{mark}] {} {} {}: ", instance.instance, instance.role_in_words(), instance.address);
        let _ = match (instance.role, instance.lag) {
            (Role::Slave, Some(lag)) => writeln!(text, "{}, {} behind its master", instance.state, Size(lag)),
            (Role::Master, Some(lag)) => writeln!(text, "{}, its slave is {} behind", instance.state, Size(lag)),
            _ => writeln!(text, "{}", instance.state),
        };
        for (word, causes) in [("why", &instance.reasons), ("warning", &instance.warnings)] {
            for cause in causes {
                let _ = writeln!(text, "    {word}: {}", in_words(cause));
            }
        }
    }
    if report.witness {
        let mark = if report.ready { '+' } else { '-' };
        let _ = writeln!(text, "[{mark}] witness: it runs nothing; config sync: {}", report.config.standing);
    }
    for blocked in &report.blocked {
        let scope = blocked.instance.as_ref().map_or(report.host.as_str(), InstanceName::as_str);
        let _ = writeln!(text, "[-] {scope}: {}", in_words(&blocked.cause));
    }
    for instance in &report.not_in_file {
        let _ = writeln!(text, "[!] {instance}: runs and is not in the cluster file");
    }
    for remark in &report.config.remarks {
        let _ = writeln!(text, "[!] config: {}", remark);
    }
    for step in &report.steps {
        let _ = writeln!(text, "doing: {}", step);
    }
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Answer::text(status, text)
}

/// Why the host is not ready; never empty, or a person would be left with a blank 503.
fn why_not(report: &HostReport) -> Vec<String> {
    let reasons = report.reasons();
    match (reasons.is_empty(), report.steps.is_empty()) {
        (false, _) => reasons,
        (true, false) => report.steps.iter().map(|step| format!("{}: {step}", report.host)).collect(),
        (true, true) => vec![format!("{}: not ready; no reason is known", report.host)],
    }
}

/// The answers for one instance, whoever asks how.
#[derive(Debug)]
pub(super) struct InstanceAnswers {
    pub any: Answer,
    pub master: Answer,
    pub slave: Answer,
}

impl InstanceAnswers {
    pub fn of(instance: &InstanceReport) -> Self {
        let any = any_role(instance);
        let as_role = |role| if instance.role == role { any.clone() } else { other_role(instance, role) };
        Self { master: as_role(Role::Master), slave: as_role(Role::Slave), any }
    }
}

fn any_role(instance: &InstanceReport) -> Answer {
    if instance.is_ready() {
        return Answer::text(StatusCode::OK, "ready\n");
    }
    // Without a leader all NameServers are in this state at once, and clients must find the brokers that serve.
    let is_its = |cause: &Cause| OF_THE_CONTROLLER.contains(&cause.id.as_str());
    if instance.role == Role::Namesrv && instance.answers && instance.reasons.iter().all(is_its) {
        return Answer::text(StatusCode::OK, "serves clients; its controller is not ready\n");
    }
    let reasons = instance.reasons.iter().map(|cause| in_words(cause) + "\n");
    let text: String = std::iter::once(format!("{}\n", instance.state)).chain(reasons).collect();
    Answer::text(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// The broker is here in the other role: 503, since a role can move between hosts, and a load balancer that asks
/// every host for the master must see "not this one" and not "you asked for the wrong thing".
fn other_role(instance: &InstanceReport, asked: Role) -> Answer {
    let name = &instance.instance;
    match instance.role {
        role if !role.is_broker() => {
            let what = if role == Role::Namesrv { "NameServer" } else { role.word() };
            Answer::text(StatusCode::NOT_FOUND, format!("{name} is a {what}, never a {asked}\n"))
        }
        role => Answer::text(StatusCode::SERVICE_UNAVAILABLE, format!("{name} is a {role} here\n")),
    }
}

/// `/health/{instance}/slave?max_lag=…`: the asker's limit stands in for the cluster file's.
pub(super) fn slave_within(instance: &InstanceReport, max_lag: Size) -> Answer {
    if instance.role != Role::Slave {
        return other_role(instance, Role::Slave);
    }
    let only_lags = instance.state == State::NotReady && instance.reasons.iter().all(|cause| cause.id == LAGGING);
    if !instance.is_ready() && !only_lags {
        return any_role(instance);
    }
    let (status, text) = match instance.lag {
        Some(lag) if lag <= max_lag.0 => (StatusCode::OK, format!("ready, {} behind\n", Size(lag))),
        Some(lag) => {
            let text = format!("it is {} behind its master, and at most {max_lag} is asked for\n", Size(lag));
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "how far it is behind its master is unknown\n".to_owned()),
    };
    Answer::text(status, text)
}

/// 404, with what there is.
pub(super) fn not_here(report: &HostReport) -> Answer {
    let instances: Vec<String> = report
        .instances
        .iter()
        .map(|instance| match instance.role {
            role if role.is_broker() => format!("{} ({role})", instance.instance),
            _ => instance.instance.to_string(),
        })
        .collect();
    let has = if instances.is_empty() { "nothing".to_owned() } else { instances.join(", ") };
    Answer::text(StatusCode::NOT_FOUND, format!("{} does not run it; it runs {has}\n", report.host))
}
