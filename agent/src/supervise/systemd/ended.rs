//! What became of an instance between two looks. In: its record and what systemd says now. Out: the record brought up to
//! date: a process that is new, how one ended and why, and what that costs the instance.

use super::{Shared, bus::Snapshot, journal, manager, view};
use crate::{
    accounts::Account,
    supervise::{
        SupervisorError, evidence, locks, now, output,
        process::{self, Identity},
        random,
        record::{Record, Run},
    },
};
use rocketmq_agent_domain::{
    cause::{self, Oom, explain},
    finding,
    launch::{Cause, Exit, Launch},
    names::InstanceName,
    unit,
};
use std::{path::Path, sync::Arc};
use zbus::Connection;

impl Shared {
    /// Notes what is new; whether systemd must be kept from starting the instance by itself.
    pub(super) async fn note(
        self: &Arc<Self>,
        connection: &Connection,
        name: &InstanceName,
        snapshot: &Snapshot,
    ) -> Result<bool, SupervisorError> {
        let Some(mut record) = self.lock().get(name).cloned() else { return Ok(false) };
        let running = view::process(snapshot)?;
        if running.is_none() && (snapshot.main_pid != 0 || snapshot.is_stopping()) {
            // It has ended, and systemd is not done with that: how it ended is told in a moment.
            return Ok(false);
        }
        let is_being_stopped = running.is_some() && snapshot.is_stopping();
        if let Some(record) = self.lock().get_mut(name) {
            record.is_being_stopped = is_being_stopped;
        }
        if view::outside(&record, snapshot)?.is_some() {
            // Its unit takes over when it has ended; until then flock would only turn systemd away every few seconds.
            return Ok(running.is_some() || snapshot.waits_for_restart());
        }
        match record.run.clone() {
            Some(run) if run.process.is_some() && run.process == running => return Ok(false),
            // Its start was ordered a moment ago, here or by an agent that died over it.
            Some(run) if run.process.is_none() && running.is_some() => {
                let program = record.launch.program.display();
                tracing::info!(instance = %name, pid = snapshot.main_pid, %program, "{name}: started");
                record.run = Some(Run { process: running, ..run });
            }
            Some(run) if run.process.is_none() && snapshot.has_job => return Ok(false),
            // The order never reached systemd.
            Some(run) if run.process.is_none() && snapshot.exec_pid == 0 => record.run = None,
            Some(run) => {
                let ended = end(&record, &run, snapshot, &self.flock, self.account)?;
                let going_down = || async {
                    manager(connection)
                        .await?
                        .system_state()
                        .await
                        .map_err(|source| SupervisorError::bus("ask systemd about this host".to_owned(), source))
                };
                let going_down = !run.stopping && going_down().await? == "stopping";
                // With a job, somebody has it restarted.
                if !going_down && !snapshot.has_job {
                    record.stopped_by_another = ended.stopped_by_another.clone();
                }
                let forgiven = ended.forgiven || going_down;
                self.put_down(&mut record, ended, forgiven);
                record.run = running.map(|process| begun(&mut record.launch, process)).transpose()?;
            }
            None => match running {
                Some(process) => {
                    tracing::info!(instance = %name, pid = process.pid, "{name}: runs, started by systemd");
                    record.run = Some(begun(&mut record.launch, process)?);
                }
                None => return Ok(is_held_back(&record, snapshot)),
            },
        }
        if record.run.is_some() {
            // It is another process than the one that was stopped.
            (record.stopped_by_another, record.held) = (None, None);
        }
        self.write(&record);
        let held_back = is_held_back(&record, snapshot);
        record.is_being_stopped = is_being_stopped;
        self.lock().insert(name.clone(), record);
        self.wake_after_backoff(name);
        Ok(held_back)
    }

    fn put_down(&self, record: &mut Record, ended: Ended, forgiven: bool) {
        let name = record.launch.instance.clone();
        let what = ended.cause.as_ref().map_or("as it was told to", |cause| cause.what.as_str());
        match forgiven {
            true => tracing::info!(instance = %name, exit = %ended.exit, "{name}: ended: {what}"),
            false => tracing::error!(instance = %name, exit = %ended.exit, "{name}: ended: {what}"),
        }
        record.last_exit = Some(ended.exit);
        record.cause = ended.cause;
        record.hung = None;
        if !forgiven {
            record.backoff.failed(&record.launch.fingerprint.clone(), now(), random());
        }
    }
}

/// systemd is about to start what must wait.
fn is_held_back(record: &Record, snapshot: &Snapshot) -> bool {
    record.run.is_none() && snapshot.waits_for_restart() && record.backoff.hold(now()).is_some()
}

/// A process that this agent did not see start: systemd restarted it, or started it at boot.
fn begun(launch: &mut Launch, process: Identity) -> Result<Run, SupervisorError> {
    let look = |source| SupervisorError::Look { what: format!("pid {}", process.pid), source };
    if let Some(fingerprint) = view::fingerprint(process.pid) {
        launch.fingerprint = fingerprint;
    }
    let started_at = process.started_at().map_err(look)?;
    Ok(Run { process: Some(process), started_at, stopping: false, marks: output::marks(launch) })
}

/// How a run ended.
struct Ended {
    exit: Exit,
    cause: Option<Cause>,
    forgiven: bool,
    /// In which boot somebody else had it stopped.
    stopped_by_another: Option<String>,
}

fn end(
    record: &Record,
    run: &Run,
    snapshot: &Snapshot,
    flock: &Path,
    account: Option<Account>,
) -> Result<Ended, SupervisorError> {
    let launch = &record.launch;
    let look = |source| SupervisorError::Look { what: "which boot this is".to_owned(), source };
    let boot_id = process::boot_id().map_err(look)?;
    // One that nobody saw alive: systemd still says how it ended.
    let unseen = || Identity { pid: snapshot.exec_pid, start_ticks: 0, boot_id: boot_id.clone() };
    let process = run.process.clone().unwrap_or_else(unseen);
    let exit = snapshot.exit(process.pid);
    if process.is_of_an_earlier_boot().map_err(look)? {
        let cause = Some(cause::host_restarted());
        return Ok(Ended { exit: Exit::Unknown, cause, forgiven: true, stopped_by_another: None });
    }
    let clean = matches!(exit, Exit::Status(0 | 143) | Exit::Signal(15) | Exit::Unknown);
    let by_another = !run.stopping && snapshot.was_told_to_stop(process.pid);
    // Of a restart by hand there may be no more to see than that it was being stopped.
    let forgiven = run.stopping || by_another || record.is_being_stopped;
    let cause = match forgiven {
        true if clean => None,
        true if snapshot.result == "timeout" => Some(finding::KILLED_IN_TIME.of(&[])),
        _ => record.hung(process.pid).or_else(|| Some(why(launch, exit, run, &process, snapshot, (flock, account)))),
    };
    Ok(Ended { exit, cause, forgiven, stopped_by_another: by_another.then_some(boot_id) })
}

fn why(
    launch: &Launch,
    exit: Exit,
    run: &Run,
    process: &Identity,
    snapshot: &Snapshot,
    (flock, account): (&Path, Option<Account>),
) -> Cause {
    if let Exit::Status(status) = exit {
        if status == unit::LOCKED_STATUS {
            let holders = locks::holders(launch).unwrap_or_default();
            let holder = holders.first().map(|pid| process::occupant(*pid)).unwrap_or_default();
            return cause::instance_locked(&locks::path(launch), &holder);
        }
        let mut named = unit::writable(launch).into_iter().chain(launch.console.parent().map(Path::to_owned));
        let missing = named.find(|folder| !folder.exists());
        if let Some(cause) = cause::unmade(launch, status, missing.as_deref(), flock, &locks::path(launch)) {
            let Ok(unit) = unit::name(&launch.instance) else { return cause };
            return cause::in_systemds_words(cause, &unit, &journal::of_unit(&unit, run.started_at));
        }
    }
    let mut evidence = evidence::gather(launch, exit, process, &run.marks, account);
    if snapshot.exec_pid == process.pid && snapshot.result == "oom-kill" {
        evidence.oom = Oom::Named;
    }
    explain(&evidence)
}
