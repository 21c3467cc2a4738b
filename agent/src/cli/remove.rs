//! `remove`: gives this host up. Says what it will do, does it, and says what is left.

use super::language;
use crate::{
    accounts, exit_code,
    inventory::Inventory,
    peers::Peers,
    remove::{self, AgentState, Known, Remains},
    settings::Settings,
    supervise::{self, systemd},
    sync::{AddressBook, RemoteReports},
};
use anyhow::{Context, bail};
use rocketmq_agent_domain::{
    health::report::HostReport,
    meaning::Language,
    names::{HostName, InstanceName},
    observed::Fact,
    removal::objections,
    sentences::in_language,
    size::Size,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// Print everything that would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also where a broker group would be left without a member that serves
    #[arg(long)]
    force: bool,
    /// Delete the messages too; the cluster's name says that it is meant, and is asked for on a terminal
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, default_missing_value = "")]
    delete_data: Option<String>,
}

/// Prints a line. A reader that has seen enough, `| head`, must not end this half-way.
macro_rules! say {
    ($language:expr, $($words:tt)*) => {{
        let _ = language::say($language, &format!($($words)*));
    }};
}

/// What there is to take away.
struct Found {
    inventory: Option<Inventory>,
    known: Vec<Known>,
    units: systemd::removal::UnitFiles,
    running: BTreeSet<InstanceName>,
    agent: AgentState,
}

impl Remove {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let found = look(&settings).await?;
        let mut remains = remains(&settings, &found)?;
        let nothing_to_do = found.units.own.is_empty()
            && found.running.is_empty()
            && remains.files.is_empty()
            && remains.trees.is_empty();
        if nothing_to_do && (self.delete_data.is_none() || remains.data.is_empty()) {
            match remains.data.is_empty() {
                true => say!(language, "nothing of rocketmq-agent is left on this host"),
                false => say!(language, "nothing of rocketmq-agent is left on this host but data"),
            }
            tell_left(language, &remains, false);
            return Ok(exit_code::code(exit_code::OK));
        }
        self.judge(language, &settings, &found).await?;
        if let (AgentState::ByHand { lock }, false) = (&found.agent, self.dry_run) {
            bail!("an agent runs that systemd did not start (it holds {}): end it first", lock.display());
        }
        if self.dry_run {
            self.announce(language, &found, &remains);
            return Ok(exit_code::code(exit_code::OK));
        }
        self.consent(language, &found)?;
        if found.agent == AgentState::Unit {
            say!(language, "stopping rocketmq-agent.service");
            remove::stop_agent().await?;
        }
        if !found.units.own.is_empty() || settings.state_dir.join("run").exists() {
            let account = accounts::run_as(settings.embedded.run_as)?;
            let told =
                |name: &InstanceName| say!(language, "stopping {name}, for as long as it takes to write its store");
            let gone = remove::stop_instances(&settings, account, &found.known, &found.units, told).await?;
            gone.iter().for_each(|file| say!(language, "removed {}", file.display()));
        }
        for known in &found.known {
            if let Some(occupant) = supervise::occupant_of(&known.launch)? {
                let folder = known.launch.directory.display();
                bail!("{occupant} works in {folder} and was not started by this agent: end it, then say this again");
            }
        }
        // What the instances wrote while they stopped goes too.
        remains = self::remains(&settings, &found)?;
        if self.delete_data.is_some() {
            for data in remains.data.iter().filter(|data| data.kept.is_none()) {
                remove::delete_data(data)?;
                say!(language, "deleted {} ({})", data.path.display(), Size(data.bytes));
            }
        }
        remove::sweep(&remains)?;
        let left = self::remains(&settings, &found)?;
        say!(language, "removed what rocketmq-agent made on this host");
        tell_left(language, &left, self.delete_data.is_some());
        Ok(exit_code::code(exit_code::OK))
    }

    /// Refuses where somebody would miss this host.
    async fn judge(&self, language: Language, settings: &Settings, found: &Found) -> anyhow::Result<()> {
        let Some(inventory) = &found.inventory else { return Ok(()) };
        let others = others(settings, inventory).await?;
        let objections = objections(&inventory.desired, &found.running, &others, self.delete_data.is_some());
        if objections.is_empty() {
            return Ok(());
        }
        let listed = objections.iter().map(|it| in_language(language, it)).collect::<Vec<_>>().join("\n  ");
        match (self.dry_run, self.force) {
            (_, true) => eprintln!("{}", in_language(language, &format!("forced, although\n  {listed}"))),
            (true, false) => say!(language, "would be refused without --force:\n  {listed}"),
            (false, false) => bail!(
                "nothing was done:\n  {listed}\nput that right first; --force takes this host away all the same, which is \
                 right where the whole cluster goes"
            ),
        }
        Ok(())
    }

    fn announce(&self, language: Language, found: &Found, remains: &Remains) {
        if found.agent == AgentState::Unit {
            say!(language, "would stop and disable rocketmq-agent.service");
        }
        let waves =
            rocketmq_agent_domain::removal::waves(found.known.iter().map(|it| (&it.launch.instance, it.launch.role)));
        for name in waves.iter().flatten().filter(|name| found.running.contains(*name)) {
            say!(language, "would stop {name}");
        }
        found.units.own.iter().for_each(|file| say!(language, "would disable and remove {}", file.display()));
        remains.files.iter().for_each(|file| say!(language, "would delete {}", file.display()));
        remains.trees.iter().for_each(|tree| say!(language, "would delete {} and everything in it", tree.display()));
        remains
            .folders
            .iter()
            .for_each(|folder| say!(language, "would delete folder {} if it is empty", folder.display()));
        for data in &remains.data {
            let (what, size) = (data.path.display(), Size(data.bytes));
            match (&data.kept, &self.delete_data) {
                (None, Some(_)) => say!(language, "would delete THE DATA of {}: {what} ({size})", data.instance),
                (Some(why), Some(_)) => say!(language, "would keep {what} ({size}): {why}"),
                (_, None) => say!(language, "would keep the data of {}: {what} ({size})", data.instance),
            }
        }
    }

    /// The name of the cluster, typed.
    fn consent(&self, language: Language, found: &Found) -> anyhow::Result<()> {
        let Some(typed) = &self.delete_data else { return Ok(()) };
        let name = found.inventory.as_ref().map(|it| it.cluster.topology.name.to_string());
        let name = name.context("no cluster file says which cluster's data lie here, so none are deleted")?;
        let mut typed = typed.clone();
        if typed.is_empty() && io::stdin().is_terminal() {
            let asks = "The messages on this host will be gone. Type the cluster's name to delete them: ";
            print!("{}", in_language(language, asks));
            io::stdout().flush()?;
            io::stdin().read_line(&mut typed)?;
        }
        if typed.trim() != name {
            bail!(
                "nothing was done: data are deleted only where --delete-data is followed by the cluster's name, {name}"
            );
        }
        Ok(())
    }
}

async fn look(settings: &Settings) -> anyhow::Result<Found> {
    let inventory = Inventory::applied(settings)?;
    let mut known: Vec<Known> = Vec::new();
    for instance in inventory.iter().flat_map(|it| &it.desired.instances) {
        let conf = instance.launch.directory.join("conf");
        let files = inventory.iter().flat_map(|it| &it.desired.files).filter(|file| file.path.parent() == Some(&conf));
        let rendered = files.filter_map(|file| Some(file.path.file_name()?.to_str()?.to_owned())).collect();
        known.push(Known { launch: instance.launch.clone(), rendered });
    }
    // Instances that left the cluster file.
    for launch in supervise::recorded(&settings.state_dir)? {
        if !known.iter().any(|it| it.launch.directory == launch.directory) {
            let names = ["broker.conf", "namesrv.conf", "logback_broker.xml", "logback_namesrv.xml"];
            known.push(Known { launch, rendered: names.map(str::to_owned).into() });
        }
    }
    let mut running = BTreeSet::new();
    for it in &known {
        if supervise::occupant_of(&it.launch)?.is_some() {
            running.insert(it.launch.instance.clone());
        }
    }
    let units = systemd::removal::unit_files()?;
    let agent = remove::agent_state(settings).await?;
    Ok(Found { inventory, known, units, running, agent })
}

fn remains(settings: &Settings, found: &Found) -> anyhow::Result<Remains> {
    let inventory = found.inventory.as_ref();
    let base = inventory.and_then(|it| it.cluster.topology.host(&it.desired.host)).map(|host| host.base_dir.as_path());
    let cluster = inventory.map(|it| &it.cluster.topology.name);
    let mut remains = Remains::look(&found.known, base, &settings.state_dir, cluster)?;
    remains.foreign.extend(found.units.foreign.iter().cloned());
    Ok(remains)
}

async fn others(settings: &Settings, inventory: &Inventory) -> anyhow::Result<BTreeMap<HostName, Fact<HostReport>>> {
    let (host, topology) = (inventory.desired.host.clone(), &inventory.cluster.topology);
    let reports = AddressBook::find(host.clone(), topology, settings)?.and_then(RemoteReports::of);
    let hosts = topology.hosts.iter();
    let agents = hosts.map(|host| (host.name.clone(), SocketAddr::new(host.address, host.agent_port))).collect();
    Ok(Peers::new(host, agents).trusted(reports.map(Arc::new)).others().await)
}

fn tell_left(language: Language, remains: &Remains, deletes_data: bool) {
    for data in &remains.data {
        let (path, size) = (data.path.display(), Size(data.bytes));
        match &data.kept {
            Some(why) if deletes_data => say!(language, "kept {path} ({size}): {why}"),
            _ => say!(language, "kept the data of {}: {path} ({size})", data.instance),
        }
    }
    remains
        .foreign
        .iter()
        .filter(|path| Path::exists(path))
        .for_each(|path| say!(language, "left, not the agent's: {}", path.display()));
}
