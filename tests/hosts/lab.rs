//! Hosts on one machine, and the switch between them.

use crate::real::{RunningCluster, runner::Logs, zip};
use crate::vm::{self, Vm, run};
use std::{fs, net::Ipv4Addr, ops::Deref, path::PathBuf};

/// The switch, which this machine is on too.
pub const SWITCH: &str = "switch";

/// What tells the control groups of two runs apart: seen from here both are process 1 or so.
pub fn run_id() -> String {
    std::env::var("HOSTS_RUN").unwrap_or_default()
}

/// All hosts, and the cluster on them.
pub struct Lab {
    pub vms: Vec<Vm>,
    debian: String,
    cluster: RunningCluster,
}

impl Deref for Lab {
    type Target = RunningCluster;

    fn deref(&self) -> &RunningCluster {
        &self.cluster
    }
}

/// The line that keys of all brokers come after.
pub const DATA_KEY: &str = "[broker.config]\n";

/// Small heaps; small commit log files, so that a few megabytes fill several; a hang is acted on soon.
const SMALL: &str = "[namesrv]\nheap = \"128M\"\n[broker]\nheap = \"256M\"\n[broker.config]\nmappedFileSizeCommitLog = 1048576\n\
                     [supervision]\non_hang = \"restart\"\nhang_after = \"30s\"\n";

impl Lab {
    /// Hosts of that Debian with these names, switched off; `mode` is the cluster's.
    pub fn new(debian: &str, version: &'static str, mode: &str, names: &[&'static str]) -> Self {
        let dir = PathBuf::from(format!("/var/tmp/rocketmq-agent-hosts-{}-{debian}", run_id()));
        fs::create_dir_all(&dir).unwrap();
        let mut text = format!(
            "[cluster]\nmode = \"{mode}\"\n[rocketmq]\nversion = \"{version}\"\nsource = \"/opt/rocketmq.zip\"\n{SMALL}"
        );
        if mode == "2m-2s-sync" {
            // No master acknowledges alone, however long a claim keeps its slave away.
            text = text.replace("[broker]\n", "[broker]\nsync = \"strict\"\n");
        }
        let mut vms = Vec::new();
        for (name, last) in names.iter().zip(1..) {
            let address = Ipv4Addr::new(10, 77, 0, last);
            text += &format!("[[host]]\nname = \"{name}\"\naddress = \"{address}\"\n");
            vms.push(Vm::new(&dir, name, address, debian));
        }
        fs::write(dir.join("cluster.toml"), text).unwrap();
        let at = |port| move |vm: &Vm| (vm.name, (vm.address, port).into());
        let hosts = vms.iter().map(at(9877)).collect();
        let namesrvs = vms.iter().map(at(9876)).map(|(_, address)| address).collect();
        let cluster = RunningCluster::new(version, dir, hosts, namesrvs);
        Self { vms, debian: debian.to_owned(), cluster }
    }

    /// The same with a key of all brokers in its cluster file.
    pub fn with_key(self, line: &str) -> Self {
        let file = fs::read_to_string(self.cluster_file()).unwrap();
        fs::write(self.cluster_file(), file.replacen(DATA_KEY, &format!("{DATA_KEY}{line}\n"), 1)).unwrap();
        self
    }

    pub fn vm(&mut self, name: &str) -> &mut Vm {
        self.vms.iter_mut().find(|vm| vm.name == name).unwrap()
    }

    /// One host more, with the package on it.
    pub fn another(&mut self, name: &'static str) -> &mut Vm {
        let address = Ipv4Addr::new(10, 77, 0, self.vms.len() as u8 + 1);
        let mut vm = Vm::new(&self.cluster.dir, name, address, &self.debian);
        install(&mut vm);
        self.cluster.hosts.push((name, (address, 9877).into()));
        self.vms.push(vm);
        self.vms.last_mut().unwrap()
    }

    pub fn cluster_file(&self) -> PathBuf {
        self.dir.join("cluster.toml")
    }

    /// Boots every host, and installs as the README says.
    pub fn install_everywhere(&mut self) {
        let (file, release) = (self.cluster_file(), zip(self.version));
        for vm in &mut self.vms {
            install(vm);
            vm.copy_in(&release, "opt/rocketmq.zip");
            vm.copy_in(&file, "etc/rocketmq-agent/cluster.toml");
            vm.ok(&["rocketmq-agent", "check"]);
        }
        for vm in &self.vms {
            vm.ok(&["systemctl", "enable", "--now", "rocketmq-agent"]);
        }
    }
}

/// Boots a host, and installs the package.
fn install(vm: &mut Vm) {
    vm.boot();
    vm.copy_in(&package(), "root/rocketmq-agent.deb");
    let said = vm.ok(&["dpkg", "-i", "/root/rocketmq-agent.deb"]);
    assert!(said.contains("systemctl enable --now rocketmq-agent"), "{said}");
    assert!(!vm.exec(&["systemctl", "is-active", "rocketmq-agent"]).status.success(), "installing started it");
}

/// The Debian package that `make hosts` built.
pub fn package() -> PathBuf {
    built(false)
}

/// The same one with a higher version.
pub fn next_package() -> PathBuf {
    built(true)
}

fn built(next: bool) -> PathBuf {
    let folder = crate::real::root().join("target/packages");
    let mut files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let found = files.find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.ends_with(".deb") && name.contains("+next") == next
    });
    found.unwrap_or_else(|| panic!("a package is missing in {}: run `make hosts`", folder.display()))
}

/// Makes the switch, which this machine has an address on.
pub fn plug_in_switch() {
    run("ip", &["link", "set", "lo", "up"]);
    run("ip", &["link", "add", SWITCH, "type", "bridge"]);
    run("ip", &["address", "add", "10.77.0.254/24", "dev", SWITCH]);
    run("ip", &["link", "set", SWITCH, "up"]);
    // This run's own, so that one that was ended leaves no name behind.
    fs::create_dir_all("/run/netns").unwrap();
    run("mount", &["-t", "tmpfs", "tmpfs", "/run/netns"]);
}

impl Logs for Lab {
    fn show_logs(&self) {
        for vm in self.vms.iter().filter(|vm| vm.is_on()) {
            println!("--- {}: units, and the agent's last lines", vm.name);
            println!("{}", vm::text(&vm.exec(&["systemctl", "--no-pager", "list-units", "rocketmq*", "--all"])));
            println!("{}", vm.journal("rocketmq-agent", 30));
            println!("{}", vm::text(&vm.exec(&["rocketmq-agent", "status"])));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.vms.clear();
        if std::env::var_os("KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
