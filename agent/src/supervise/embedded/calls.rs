//! What the rest of the agent calls: [`Supervisor`] for [`Embedded`].

use super::{Embedded, Instance, now};
use crate::{
    offsets,
    supervise::{
        Start, Supervisor, SupervisorError, ending, output,
        preflight::{self, Verdict},
        record,
    },
};
use rocketmq_agent_domain::{
    launch::{Cause, Launch, ProcessState},
    names::InstanceName,
};
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};
use std::sync::Arc;

impl Supervisor for Embedded {
    async fn instances(&self) -> Result<Vec<InstanceName>, SupervisorError> {
        let folder = &self.shared.folder;
        let recorded =
            record::names(folder).map_err(|source| SupervisorError::StateFolder { path: folder.clone(), source })?;
        let mut names: Vec<InstanceName> = self.shared.lock().keys().cloned().chain(recorded).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    async fn observe(&self, instance: &InstanceName) -> Result<ProcessState, SupervisorError> {
        self.know(instance)?;
        Ok({
            let instances = self.shared.lock();
            let state = instances.get(instance).map(|it| self.shared.state(instance, it, now()));
            state.unwrap_or_else(ProcessState::never_started)
        })
    }

    async fn start(&self, launch: &Launch) -> Result<Start, SupervisorError> {
        self.know(&launch.instance)?;
        {
            let mut instances = self.shared.lock();
            let instance = instances.entry(launch.instance.clone()).or_insert_with(|| Instance::new(launch));
            match instance.state(now()) {
                ProcessState::Running { pid, .. } => return Ok(Start::Running { pid }),
                ProcessState::Stopping { .. } => return Ok(Start::HeldBack { until: None }),
                ProcessState::Stopped { .. } if instance.record.stopped_by_hand().is_some() => {
                    return Ok(Start::HeldBack { until: None });
                }
                ProcessState::Stopped { .. } => {}
            }
            instance.record.backoff.launching(&launch.fingerprint);
            if let Some(until) = instance.record.backoff.next_start_at(now()) {
                return Ok(Start::HeldBack { until: Some(until) });
            }
        }
        match preflight::check(launch, self.shared.run_as)? {
            Verdict::Clear(lock) if let Some(gate) = self.shared.gate.get().filter(|gate| !gate.admits(launch)) => {
                // Whoever seeks the permit takes the lock meanwhile.
                drop(lock);
                let shared = Arc::clone(&self.shared);
                Arc::clone(gate).seek(launch, Box::new(move || shared.tell()));
                Ok(Start::HeldBack { until: None })
            }
            Verdict::Clear(lock) => {
                let has_all = self.shared.gate.get().is_some_and(|gate| gate.has_all_of_slave(&launch.instance));
                offsets::before_start(launch, self.shared.run_as, has_all).await;
                self.spawn_process(launch, lock)
            }
            Verdict::Runs(process, arguments) => self.adopt_found(launch, process, arguments),
            Verdict::Refused(cause) => Ok(self.refuse(launch, cause)),
        }
    }

    async fn stop(&self, name: &InstanceName) -> Result<(), SupervisorError> {
        self.know(name)?;
        let mut instances = self.shared.lock();
        let Some(instance) = instances.get_mut(name) else { return Ok(()) };
        let (Some(live), Some(run)) = (&instance.live, &mut instance.record.run) else { return Ok(()) };
        if run.stopping {
            return Ok(());
        }
        let pid = live.process.pid;
        match pidfd_send_signal(live.pidfd.get_ref(), Signal::TERM) {
            // Gone already: its task is about to say so.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(SupervisorError::Signal { pid, source: error.into() }),
        }
        tracing::info!(instance = %name, pid, "{name}: told to stop");
        run.stopping = true;
        live.stop_asked.notify_one();
        self.shared.write(&instance.record);
        Ok(())
    }

    async fn hold(&self, launch: &Launch) -> Result<(), SupervisorError> {
        self.know(&launch.instance)?;
        let mut instances = self.shared.lock();
        let instance = instances.entry(launch.instance.clone()).or_insert_with(|| Instance::new(launch));
        instance.record.hold()?;
        self.shared.write(&instance.record);
        Ok(())
    }

    fn release(&self, name: &InstanceName) -> Result<(), SupervisorError> {
        self.know(name)?;
        if let Some(instance) = self.shared.lock().get_mut(name)
            && instance.record.release()
        {
            self.shared.write(&instance.record);
            self.shared.tell();
        }
        Ok(())
    }

    async fn end(&self, name: &InstanceName, cause: &Cause) -> Result<(), SupervisorError> {
        self.know(name)?;
        let process = {
            let mut instances = self.shared.lock();
            let Some(instance) = instances.get_mut(name) else { return Ok(()) };
            let Some(live) = &instance.live else { return Ok(()) };
            let process = live.process.clone();
            instance.record.hung = Some((process.pid, cause.clone()));
            self.shared.write(&instance.record);
            process
        };
        self.spawn(ending::end(name.clone(), process));
        Ok(())
    }

    async fn keep(&self, launch: &Launch) -> Result<(), SupervisorError> {
        if let Some(gate) = self.shared.gate.get() {
            gate.runs(launch);
        }
        Ok(())
    }

    fn wants(&self, launch: &Launch) {
        // One that cannot be known now is an error of its observation.
        let _ = self.know(&launch.instance);
        if let Some(instance) = self.shared.lock().get_mut(&launch.instance) {
            instance.record.backoff.launching(&launch.fingerprint);
        }
    }

    fn settled(&self, name: &InstanceName) {
        let mut instances = self.shared.lock();
        let Some(instance) = instances.get_mut(name) else { return };
        if instance.record.backoff.failures() > 0 {
            instance.record.backoff.settled();
            self.shared.write(&instance.record);
        }
    }

    async fn changed(&self) {
        // The sender lives as long as this object does.
        let _ = self.seen.lock().await.changed().await;
    }

    async fn last_lines(&self, name: &InstanceName, count: usize) -> Result<Vec<String>, SupervisorError> {
        self.know(name)?;
        let Some(console) = self.shared.lock().get(name).map(|it| it.record.launch.console.clone()) else {
            return Ok(Vec::new());
        };
        Ok(output::last_lines(&console, count))
    }
}
