//! A small systemd: Manager, Unit and Service over a peer-to-peer D-Bus connection. Its units' commands are run for real,
//! through a shell that reads double quotes as systemd does; a crash leaves the unit in auto-restart until somebody
//! restarts or stops it.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::symlink, net::UnixStream, process::ExitStatusExt},
    path::PathBuf,
    sync::{Arc, Mutex},
};
use zbus::{Connection, Guid, OwnedObjectPath, connection, fdo, interface, object_server::SignalEmitter};

#[derive(Default)]
struct State {
    units: PathBuf,
    loaded: BTreeMap<String, Unit>,
    calls: Vec<String>,
    questions: usize,
    refuse: Option<fdo::Error>,
    jobs: u32,
}

/// Holds a link to each unit that is enabled.
const WANTED: &str = "multi-user.target.wants";

impl State {
    fn link(&self, unit: &str) -> PathBuf {
        self.units.join(WANTED).join(unit)
    }
}

#[derive(Default, Clone)]
struct Unit {
    active: String,
    sub: String,
    main_pid: u32,
    exec_pid: u32,
    code: i32,
    status: i32,
    result: String,
    stopping: bool,
}

/// The tests' end of it.
pub struct Fake {
    state: Arc<Mutex<State>>,
    servers: Mutex<Vec<Connection>>,
}

impl Fake {
    pub async fn new(units: PathBuf) -> Self {
        fs::create_dir(units.join(WANTED)).unwrap();
        let state = State { units, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), servers: Mutex::default() }
    }

    /// What an agent gets for the system bus.
    pub async fn connect(&self) -> Connection {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let guid = Guid::generate();
        let manager = Manager { state: Arc::clone(&self.state) };
        let server = connection::Builder::unix_stream(ours).server(&guid).p2p();
        let server = server.serve_at("/org/freedesktop/systemd1", manager).build();
        let (server, client) = tokio::join!(server, connection::Builder::unix_stream(theirs).p2p().build());
        let server = server.unwrap();
        for name in ["namesrv", "broker-a"] {
            expose(&server, &self.state, &format!("rocketmq-{name}.service")).await;
        }
        self.servers.lock().unwrap().push(server);
        client.unwrap()
    }

    pub fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    /// How often it was asked how a unit or its file is.
    pub fn questions(&self) -> usize {
        self.state.lock().unwrap().questions
    }

    pub fn refuse_starts(&self, error: fdo::Error) {
        self.state.lock().unwrap().refuse = Some(error);
    }

    /// Waits until this systemd knows that the unit's process has ended.
    pub async fn sees_the_end_of(&self, unit: &str) {
        let waiting = async {
            while self.state.lock().unwrap().loaded[unit].main_pid != 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.unwrap();
    }

    /// systemd's own restart comes due.
    pub async fn restart_by_itself(&self, unit: &str) {
        let server = self.servers.lock().unwrap().last().unwrap().clone();
        run(&server, &self.state, unit).await;
    }

    /// `systemctl stop`.
    pub async fn stop_by_hand(&self, unit: &str) {
        let server = self.servers.lock().unwrap().last().unwrap().clone();
        stop(&server, &self.state, unit).await;
    }

    /// `systemctl disable`.
    pub fn disable_by_hand(&self, unit: &str) {
        fs::remove_file(self.state.lock().unwrap().link(unit)).unwrap();
    }

    /// The unit as systemd saw its process end.
    pub fn set_result(&self, unit: &str, result: &str) {
        self.state.lock().unwrap().loaded.entry(unit.to_owned()).or_default().result = result.to_owned();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        for unit in self.state.lock().unwrap().loaded.values().filter(|unit| unit.main_pid != 0) {
            signal(unit.main_pid, Signal::KILL);
        }
    }
}

pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = kill_process(pid, signal);
}

async fn expose(server: &Connection, state: &Arc<Mutex<State>>, unit: &str) {
    let path = super::bus::path(unit);
    let (name, state) = (unit.to_owned(), Arc::clone(state));
    state.lock().unwrap().loaded.entry(name.clone()).or_insert_with(|| Unit {
        active: "inactive".to_owned(),
        sub: "dead".to_owned(),
        result: "success".to_owned(),
        ..Unit::default()
    });
    let objects = server.object_server();
    objects.at(path.as_str(), UnitObject { name: name.clone(), state: Arc::clone(&state) }).await.unwrap();
    objects.at(path.as_str(), ServiceObject { name, state }).await.unwrap();
}

/// Runs the unit's command and follows its process.
async fn run(server: &Connection, state: &Arc<Mutex<State>>, unit: &str) {
    let text = fs::read_to_string(state.lock().unwrap().units.join(unit)).unwrap();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
    let environment: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Environment=\"")?.strip_suffix('"')?.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let console = value("StandardOutput=append:");
    let console = fs::File::options().append(true).create(true).open(console).unwrap();
    let mut command = std::process::Command::new("/bin/sh");
    command.arg("-c").arg(format!("exec {}", value("ExecStart=").replace("$$", "\\$"))).env_clear().envs(environment);
    let mut child = command
        .current_dir(value("WorkingDirectory="))
        .stdout(console.try_clone().unwrap())
        .stderr(console)
        .spawn()
        .unwrap();
    let pid = child.id();
    change(server, state, unit, |unit| {
        *unit = Unit {
            active: "active".to_owned(),
            sub: "running".to_owned(),
            main_pid: pid,
            exec_pid: pid,
            result: "success".to_owned(),
            ..Unit::default()
        };
    })
    .await;
    let (server, state, unit) = (server.clone(), Arc::clone(state), unit.to_owned());
    tokio::spawn(async move {
        let (ended, end) = tokio::sync::oneshot::channel();
        // Not a task: the runtime would wait for it, and so for the process.
        std::thread::spawn(move || ended.send(child.wait().unwrap()));
        let status = end.await.unwrap();
        if state.lock().unwrap().loaded[&unit].main_pid != pid {
            return;
        }
        change(&server, &state, &unit, |unit| {
            unit.main_pid = 0;
            (unit.code, unit.status) = match (status.code(), status.signal()) {
                (Some(code), _) => (1, code),
                (_, signal) => (2, signal.unwrap()),
            };
            let clean = unit.stopping || matches!((unit.code, unit.status), (1, 0 | 143));
            if unit.result == "success" && !clean {
                unit.result = if unit.code == 1 { "exit-code" } else { "signal" }.to_owned();
            }
            (unit.active, unit.sub) = match unit.stopping {
                true => ("inactive".to_owned(), "dead".to_owned()),
                false => ("activating".to_owned(), "auto-restart".to_owned()),
            };
        })
        .await;
    });
}

async fn stop(server: &Connection, state: &Arc<Mutex<State>>, unit: &str) {
    let pid = state.lock().unwrap().loaded[unit].main_pid;
    change(server, state, unit, |unit| {
        unit.stopping = true;
        (unit.active, unit.sub) = match pid {
            0 => ("inactive".to_owned(), "dead".to_owned()),
            _ => ("deactivating".to_owned(), "stop-sigterm".to_owned()),
        };
    })
    .await;
    if pid != 0 {
        signal(pid, Signal::TERM);
    }
}

async fn change(server: &Connection, state: &Arc<Mutex<State>>, unit: &str, change: impl FnOnce(&mut Unit)) {
    change(state.lock().unwrap().loaded.get_mut(unit).unwrap());
    let path = super::bus::path(unit);
    // The agent's end may be gone by now.
    if let Ok(object) = server.object_server().interface::<_, UnitObject>(path.as_str()).await {
        let _ = object.get().await.active_state_changed(object.signal_emitter()).await;
    }
}

struct Manager {
    state: Arc<Mutex<State>>,
}

impl Manager {
    fn called(&self, what: String) {
        self.state.lock().unwrap().calls.push(what);
    }

    fn job(&self) -> (u32, OwnedObjectPath) {
        let mut state = self.state.lock().unwrap();
        state.jobs += 1;
        (state.jobs, OwnedObjectPath::try_from(format!("/org/freedesktop/systemd1/job/{}", state.jobs)).unwrap())
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn start_unit(
        &self,
        name: String,
        _mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        #[zbus(connection)] server: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        self.called(format!("start {name}"));
        if let Some(error) = self.state.lock().unwrap().refuse.take() {
            return Err(error);
        }
        run(server, &self.state, &name).await;
        let (id, job) = self.job();
        Self::job_removed(&emitter, id, job.clone(), name, "done".to_owned()).await?;
        Ok(job)
    }

    async fn restart_unit(
        &self,
        name: String,
        _mode: String,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        #[zbus(connection)] server: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        self.called(format!("restart {name}"));
        run(server, &self.state, &name).await;
        let (id, job) = self.job();
        Self::job_removed(&emitter, id, job.clone(), name, "done".to_owned()).await?;
        Ok(job)
    }

    async fn stop_unit(
        &self,
        name: String,
        _mode: String,
        #[zbus(connection)] server: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        self.called(format!("stop {name}"));
        stop(server, &self.state, &name).await;
        Ok(self.job().1)
    }

    /// Tells of every unit of the host before it answers, as systemd does.
    async fn reload(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> fdo::Result<()> {
        self.called("reload".to_owned());
        for _ in 0..300 {
            let (id, job) = self.job();
            Self::job_removed(&emitter, id, job, "another.service".to_owned(), "done".to_owned()).await?;
        }
        Ok(())
    }

    fn get_unit_file_state(&self, name: String) -> String {
        let mut state = self.state.lock().unwrap();
        state.questions += 1;
        if state.link(&name).exists() { "enabled" } else { "disabled" }.to_owned()
    }

    fn enable_unit_files(
        &self,
        files: Vec<String>,
        _runtime: bool,
        _force: bool,
    ) -> (bool, Vec<(String, String, String)>) {
        self.called(format!("enable {}", files.join(" ")));
        let state = self.state.lock().unwrap();
        files.iter().for_each(|unit| drop(symlink(state.units.join(unit), state.link(unit))));
        (true, Vec::new())
    }

    fn disable_unit_files(&self, files: Vec<String>, _runtime: bool) -> Vec<(String, String, String)> {
        self.called(format!("disable {}", files.join(" ")));
        files.iter().for_each(|unit| fs::remove_file(self.state.lock().unwrap().link(unit)).unwrap());
        Vec::new()
    }

    #[zbus(property)]
    fn system_state(&self) -> String {
        "running".to_owned()
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

struct UnitObject {
    name: String,
    state: Arc<Mutex<State>>,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitObject {
    #[zbus(property)]
    fn active_state(&self) -> String {
        self.state.lock().unwrap().questions += 1;
        self.state.lock().unwrap().loaded[&self.name].active.clone()
    }

    #[zbus(property)]
    fn sub_state(&self) -> String {
        self.state.lock().unwrap().loaded[&self.name].sub.clone()
    }

    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        (0, OwnedObjectPath::try_from("/").unwrap())
    }
}

struct ServiceObject {
    name: String,
    state: Arc<Mutex<State>>,
}

#[interface(name = "org.freedesktop.systemd1.Service")]
impl ServiceObject {
    #[zbus(property, name = "MainPID")]
    fn main_pid(&self) -> u32 {
        self.state.lock().unwrap().loaded[&self.name].main_pid
    }

    #[zbus(property)]
    fn result(&self) -> String {
        self.state.lock().unwrap().loaded[&self.name].result.clone()
    }

    #[zbus(property, name = "ExecMainPID")]
    fn exec_main_pid(&self) -> u32 {
        self.state.lock().unwrap().loaded[&self.name].exec_pid
    }

    #[zbus(property)]
    fn exec_main_code(&self) -> i32 {
        self.state.lock().unwrap().loaded[&self.name].code
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        self.state.lock().unwrap().loaded[&self.name].status
    }
}
