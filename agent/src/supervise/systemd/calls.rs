//! What the rest of the agent calls: [`Supervisor`] for [`Systemd`].

use super::{Systemd, bus, bus::Snapshot, manager, units, view};
use crate::supervise::{
    Start, Supervisor, SupervisorError, ending, now, output,
    preflight::{self, Verdict},
    random,
    record::{self, Record, Run},
};
use rocketmq_agent_domain::{
    finding,
    launch::{Cause, Launch, ProcessState},
    limits::Limits,
    names::InstanceName,
    unit,
};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use zbus::Connection;

impl Supervisor for Systemd {
    async fn instances(&self) -> Result<Vec<InstanceName>, SupervisorError> {
        let folder = &self.shared.folder;
        let unusable = |source| SupervisorError::StateFolder { path: folder.clone(), source };
        let mut names = record::names(folder).map_err(unusable)?;
        let units = &self.shared.units;
        let look = |source| SupervisorError::Look { what: units.display().to_string(), source };
        names.extend(units::instances(units).map_err(look)?);
        names.sort();
        names.dedup();
        Ok(names)
    }

    async fn observe(&self, name: &InstanceName) -> Result<ProcessState, SupervisorError> {
        self.shared.know(name)?;
        let connection = self.shared.connection().await?;
        let _turn = self.shared.turn.lock().await;
        if let Some(record) = self.shared.lock().get(name)
            && let Some(state) = self.shared.still().state(record)?
        {
            return Ok(state);
        }
        let since = self.shared.still().now();
        let snapshot = self.shared.look(&connection, name).await?;
        let mut records = self.shared.lock();
        let Some(record) = records.get_mut(name) else { return view::state(None, &snapshot) };
        record.is_outside = view::outside(record, &snapshot)?.is_some();
        let state = view::state(Some(record), &snapshot)?;
        self.shared.still().keep(since, record, &snapshot, &state);
        Ok(state)
    }

    async fn start(&self, launch: &Launch) -> Result<Start, SupervisorError> {
        let name = &launch.instance;
        self.shared.know(name)?;
        let connection = self.shared.connection().await?;
        let _turn = self.shared.turn.lock().await;
        let snapshot = self.shared.look(&connection, name).await?;
        let state = view::state(self.shared.lock().get(name), &snapshot)?;
        match state {
            ProcessState::Running { pid, .. } => return Ok(Start::Running { pid }),
            ProcessState::Stopping { .. } => return Ok(Start::HeldBack { until: None }),
            // It waits for the network or a mount, or is being restarted.
            ProcessState::Stopped { .. } if snapshot.has_job => {
                return Ok(Start::HeldBack { until: None });
            }
            ProcessState::Stopped { .. }
                if self.shared.lock().get(name).is_some_and(|record| record.stopped_by_hand().is_some()) =>
            {
                return Ok(Start::HeldBack { until: None });
            }
            ProcessState::Stopped { .. } => {}
        }
        let until = {
            let mut records = self.shared.lock();
            let record = records.entry(name.clone()).or_insert_with(|| Record::new(launch));
            record.backoff.launching(&launch.fingerprint);
            record.backoff.next_start_at(now())
        };
        if let Some(until) = until {
            return Ok(Start::HeldBack { until: Some(until) });
        }
        match preflight::check(launch, self.shared.account)? {
            Verdict::Clear(lock) => {
                // The JVM takes it next. Should another one be quicker, flock says so.
                drop(lock);
                self.order_start(&connection, launch, &snapshot).await
            }
            Verdict::Runs(process, _) => self.refuse(&connection, launch, &snapshot, outside(process.pid)).await,
            Verdict::Refused(cause) => self.refuse(&connection, launch, &snapshot, cause).await,
        }
    }

    async fn stop(&self, name: &InstanceName) -> Result<(), SupervisorError> {
        self.shared.know(name)?;
        let connection = self.shared.connection().await?;
        let _turn = self.shared.turn.lock().await;
        let snapshot = self.shared.look(&connection, name).await?;
        let outside =
            self.shared.lock().get(name).map(|record| view::outside(record, &snapshot)).transpose()?.flatten();
        if outside.is_none() && snapshot.main_pid == 0 && !snapshot.waits_for_restart() && !snapshot.has_job {
            return Ok(());
        }
        {
            let mut records = self.shared.lock();
            if let Some(record) = records.get_mut(name)
                && let Some(run) = &mut record.run
                && !run.stopping
            {
                run.stopping = true;
                self.shared.write(record);
                tracing::info!(instance = %name, pid = snapshot.main_pid, "{name}: told to stop");
            }
        }
        if let Some(process) = outside {
            let failed = |error: Errno| SupervisorError::Signal { pid: process.pid, source: error.into() };
            let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH).map_err(failed)?;
            return kill_process(pid, Signal::TERM).map_err(failed);
        }
        stop_unit(&connection, name).await
    }

    async fn hold(&self, launch: &Launch) -> Result<(), SupervisorError> {
        self.shared.know(&launch.instance)?;
        let mut records = self.shared.lock();
        let record = records.entry(launch.instance.clone()).or_insert_with(|| Record::new(launch));
        record.hold()?;
        self.shared.write(record);
        Ok(())
    }

    fn release(&self, name: &InstanceName) -> Result<(), SupervisorError> {
        self.shared.know(name)?;
        if let Some(record) = self.shared.lock().get_mut(name)
            && record.release()
        {
            self.shared.write(record);
            self.shared.tell();
        }
        Ok(())
    }

    async fn end(&self, name: &InstanceName, cause: &Cause) -> Result<(), SupervisorError> {
        self.shared.know(name)?;
        let process = {
            let mut records = self.shared.lock();
            let Some(record) = records.get_mut(name) else { return Ok(()) };
            let Some(process) = record.run.as_ref().and_then(|run| run.process.clone()) else { return Ok(()) };
            record.hung = Some((process.pid, cause.clone()));
            self.shared.write(record);
            process
        };
        self.shared.spawn(ending::end(name.clone(), process));
        Ok(())
    }

    async fn keep(&self, launch: &Launch) -> Result<(), SupervisorError> {
        self.shared.know(&launch.instance)?;
        if let Some(gate) = self.shared.gate.get() {
            gate.runs(launch);
        }
        let connection = self.shared.connection().await?;
        let _turn = self.shared.turn.lock().await;
        let manager = manager(&connection).await?;
        if let Err(cause) = units::keep(&self.shared, &manager, launch).await? {
            tracing::warn!(instance = %launch.instance, cause = %cause.id, "{}: {}", launch.instance, cause.what);
        }
        // A unit that runs and that nobody wrote down is known from now on.
        if !self.shared.lock().contains_key(&launch.instance) {
            self.shared.lock().insert(launch.instance.clone(), Record::new(launch));
            self.shared.look(&connection, &launch.instance).await?;
        }
        Ok(())
    }

    fn wants(&self, launch: &Launch) {
        // One that cannot be known now is an error of its observation.
        let _ = self.shared.know(&launch.instance);
        if let Some(record) = self.shared.lock().get_mut(&launch.instance) {
            record.backoff.launching(&launch.fingerprint);
            record.is_wanted = record.launch == *launch;
        }
    }

    async fn limit(&self, limits: &Limits) -> Result<(), SupervisorError> {
        units::limit(&self.shared, &self.shared.connection().await?, limits).await
    }

    async fn retire(&self, name: &InstanceName) -> Result<(), SupervisorError> {
        units::retire(&self.shared, &self.shared.connection().await?, name).await
    }

    fn warnings(&self, name: &InstanceName) -> Vec<Cause> {
        if !self.shared.lock().get(name).is_some_and(|record| record.is_outside) {
            return Vec::new();
        }
        vec![finding::RUNS_OUTSIDE.of(&[("unit", &format!("rocketmq-{name}.service"))])]
    }

    fn settled(&self, name: &InstanceName) {
        let mut records = self.shared.lock();
        let Some(record) = records.get_mut(name) else { return };
        if record.backoff.failures() > 0 {
            record.backoff.settled();
            self.shared.write(record);
        }
    }

    async fn changed(&self) {
        // The sender lives as long as this object does.
        let _ = self.seen.lock().await.changed().await;
    }

    async fn last_lines(&self, name: &InstanceName, count: usize) -> Result<Vec<String>, SupervisorError> {
        self.shared.know(name)?;
        let console = self.shared.lock().get(name).map(|record| record.launch.console.clone());
        Ok(console.map(|console| output::last_lines(&console, count)).unwrap_or_default())
    }
}

impl Systemd {
    async fn order_start(
        &self,
        connection: &Connection,
        launch: &Launch,
        before: &Snapshot,
    ) -> Result<Start, SupervisorError> {
        let (name, shared) = (&launch.instance, &self.shared);
        let manager = manager(connection).await?;
        if let Err(cause) = units::keep(shared, &manager, launch).await? {
            return self.refuse(connection, launch, before, cause).await;
        }
        if let Err(error) = output::rotate_console(launch) {
            tracing::warn!(instance = %name, %error, "{name}: cannot put its long console aside");
        }
        let run = Run { process: None, started_at: now(), stopping: false, marks: output::marks(launch) };
        self.amend(launch, |record| {
            record.launch = launch.clone();
            record.run = Some(run);
        });
        let unit = unit::name(name).map_err(SupervisorError::unit)?;
        let asked = |source| SupervisorError::bus(format!("start {unit}"), source);
        let ordered = match before.waits_for_restart() {
            // systemd lets a start wait until its own restart is due, and does a restart at once (`service_start`).
            true => manager.restart_unit(&unit, "replace").await,
            false => manager.start_unit(&unit, "replace").await,
        };
        if let Err(error) = ordered {
            self.amend(launch, |record| record.run = None);
            return match bus::error_name(&error) {
                // The host goes down, and this with it.
                Some("org.freedesktop.systemd1.TransactionIsDestructive") => Ok(Start::HeldBack { until: None }),
                Some(_) => {
                    let cause = finding::UNIT_REFUSED.of(&[("unit", &unit), ("why", &error)]);
                    self.refuse(connection, launch, before, cause).await
                }
                None => Err(asked(error)),
            };
        }
        // The job lasts until the instance serves; what becomes of it is seen later (`Shared::follow`).
        let after = shared.look(connection, name).await?;
        let state = view::state(shared.lock().get(name), &after)?;
        Ok(match state {
            ProcessState::Running { pid, .. } => Start::Running { pid },
            ProcessState::Stopped { next_start_at, .. } => Start::HeldBack { until: next_start_at },
            ProcessState::Stopping { .. } => Start::HeldBack { until: None },
        })
    }

    async fn refuse(
        &self,
        connection: &Connection,
        launch: &Launch,
        snapshot: &Snapshot,
        cause: Cause,
    ) -> Result<Start, SupervisorError> {
        let name = &launch.instance;
        self.amend(launch, |record| {
            record.launch = launch.clone();
            record.run = None;
            record.cause = Some(cause.clone());
            record.backoff.failed(&launch.fingerprint, now(), random());
        });
        tracing::warn!(instance = %name, cause = %cause.id, "{name}: not started: {}", cause.what);
        self.shared.wake_after_backoff(name);
        if snapshot.waits_for_restart() {
            // What the agent may not start, systemd must not start either.
            stop_unit(connection, name).await?;
        }
        Ok(Start::Refused(cause))
    }

    fn amend(&self, launch: &Launch, change: impl FnOnce(&mut Record)) {
        let mut records = self.shared.lock();
        let record = records.entry(launch.instance.clone()).or_insert_with(|| Record::new(launch));
        change(record);
        self.shared.write(record);
    }
}

async fn stop_unit(connection: &Connection, name: &InstanceName) -> Result<(), SupervisorError> {
    let unit = unit::name(name).map_err(SupervisorError::unit)?;
    let stopped = manager(connection).await?.stop_unit(&unit, "replace").await;
    stopped.map(drop).map_err(|source| SupervisorError::bus(format!("stop {unit}"), source))
}

fn outside(pid: u32) -> Cause {
    finding::RUNS_ALREADY.of(&[("pid", &pid)])
}
