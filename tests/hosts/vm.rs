//! One host: a systemd of its own on a root of its own, with its own network, disks and processes. It can be booted,
//! rebooted, and lose its power.

use crate::{
    disk::Disk,
    real::{LONG, poll},
};
use rustix::process::Signal;
use std::{
    fs::{self, File},
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// Where the disk is mounted that RocketMQ's folder lies on.
pub const DATA: &str = "var/lib/rocketmq";

/// Runs a program of this machine, which must do its work.
pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output));
}

/// What it printed, on both ends.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A host.
pub struct Vm {
    pub name: &'static str,
    pub address: Ipv4Addr,
    folder: PathBuf,
    disk: Disk,
    nspawn: Option<Child>,
}

impl Vm {
    /// A host that was never booted, on a root of that Debian.
    pub fn new(folder: &Path, name: &'static str, address: Ipv4Addr, debian: &str) -> Self {
        let base = crate::real::root().join("target/hosts/roots").join(debian);
        assert!(base.with_extension("made").exists(), "{} is missing: run `make hosts`", base.display());
        let folder = folder.join(name);
        for part in ["upper", "work", "root"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let [upper, work, root] = ["upper", "work", "root"].map(|part| folder.join(part).display().to_string());
        let layers = format!("lowerdir={},upperdir={upper},workdir={work}", base.display());
        run("mount", &["-t", "overlay", "overlay", "-o", &layers, &root]);
        let disk = Disk::new(&folder, &folder.join("root").join(DATA));
        let vm = Self { name, address, folder, disk, nspawn: None };
        vm.write("etc/hostname", &format!("{name}\n"));
        vm.write("etc/hosts", &format!("127.0.0.1 localhost\n{address} {name}\n"));
        vm.plug_in();
        vm
    }

    /// Its root, as this machine sees it.
    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// One of its files, as this machine sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    /// For root alone.
    pub fn write_secret(&self, path: &str, text: &str) {
        self.write(path, text);
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub fn copy_in(&self, from: &Path, to: &str) {
        fs::copy(from, self.path(to)).unwrap();
    }

    fn namespace(&self) -> String {
        format!("rocketmq-{}", self.name)
    }

    /// The cable from its network card to the switch.
    pub fn cable(&self) -> String {
        format!("to-{}", self.name)
    }

    fn plug_in(&self) {
        let (namespace, cable, address) = (self.namespace(), self.cable(), format!("{}/24", self.address));
        run("ip", &["netns", "add", &namespace]);
        run("ip", &["link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &namespace]);
        run("ip", &["link", "set", &cable, "master", super::lab::SWITCH, "up"]);
        run("ip", &["-n", &namespace, "address", "add", &address, "dev", "eth0"]);
        for card in ["lo", "eth0"] {
            run("ip", &["-n", &namespace, "link", "set", card, "up"]);
        }
    }

    /// Whether other hosts are reached; this machine always is.
    pub fn set_reachable(&self, reachable: bool) {
        run("bridge", &["link", "set", "dev", &self.cable(), "isolated", if reachable { "off" } else { "on" }]);
    }

    /// Whether nothing goes from it to that host.
    pub fn sends_nothing_to(&self, other: &Self, nothing: bool) {
        let (change, address) = (if nothing { "add" } else { "delete" }, other.address.to_string());
        run("ip", &["-n", &self.namespace(), "route", change, "blackhole", &address]);
    }

    /// Drops what comes in for this port, as a firewall does that says nothing; for none, lets all in again.
    pub fn drops_what_comes_to(&self, port: Option<u16>) {
        let (namespace, port) = (self.namespace(), port.map(|port| port.to_string()));
        let rule = |words: &[&str]| run("ip", &[&["-n", &namespace, "rule"], words].concat());
        match port {
            // Before the rule by which a host takes what is for itself, which is the first one otherwise.
            Some(port) => {
                rule(&["add", "pref", "10", "lookup", "local"]);
                rule(&["delete", "pref", "0"]);
                rule(&["add", "pref", "5", "iif", "eth0", "ipproto", "tcp", "dport", &port, "blackhole"]);
            }
            None => {
                rule(&["add", "pref", "0", "lookup", "local"]);
                rule(&["delete", "pref", "5"]);
                rule(&["delete", "pref", "10"]);
            }
        }
    }

    /// Has its sockets hold a few thousand bytes only, so that little of a large message is ever on its way.
    pub fn hold_little_on_the_way(&self) {
        for buffer in ["net.ipv4.tcp_rmem=4096 8192 8192", "net.ipv4.tcp_wmem=4096 8192 8192"] {
            run("ip", &["netns", "exec", &self.namespace(), "sysctl", "-q", "-w", buffer]);
        }
    }

    /// Whether its cable drops what is longer, and says nothing: its network card goes on to send the usual 1500 bytes.
    pub fn set_longest_packet(&self, longest: Option<u16>) {
        run("ip", &["link", "set", &self.cable(), "mtu", &longest.unwrap_or(1500).to_string()]);
        // A cable of this kind takes many packets as one, however long.
        let segments = if longest.is_some() { "1" } else { "65535" };
        run("ip", &["-n", &self.namespace(), "link", "set", "eth0", "gso_max_segs", segments]);
    }

    /// Lets nobody write to its data disk (`ro`), as the kernel does when a disk fails, or lets them again (`rw`).
    pub fn remount_data(&self, mode: &str) {
        self.disk.remount(mode);
    }

    /// Switches it on, and waits until its systemd takes orders.
    pub fn boot(&mut self) {
        assert!(self.nspawn.is_none(), "{} is on already", self.name);
        let console = File::options().create(true).append(true).open(self.folder.join("console")).unwrap();
        let namespace = format!("--network-namespace-path=/run/netns/{}", self.namespace());
        let root = self.root().display().to_string();
        // Into its own control group first, in every hierarchy that systemd manages. Then without the mounts of other
        // hosts: nspawn leaves them below its root, and holds their disks for as long as this one is on.
        let script = r#"for group in $GROUPS_OF_HOST; do mkdir -p $group; echo $$ > $group/cgroup.procs; done
            exec unshare --mount sh -c '
                while read -r _ place _; do
                    case $place in "$OWN"/*) ;; "$ALL"/*) umount -l "$place" ;; esac
                done < /proc/self/mounts
                exec "$@"' "$@""#;
        let groups: Vec<String> = self.control_groups().iter().map(|group| group.display().to_string()).collect();
        let nspawn = Command::new("sh")
            .env("GROUPS_OF_HOST", groups.join(" "))
            .env("OWN", &self.folder)
            .env("ALL", self.folder.parent().unwrap())
            .args(["-c", script, "sh", "sh", "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"])
            .args(["--console=pipe", "-M", self.name, "-D", &root, &namespace])
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        self.nspawn = Some(nspawn);
        self.until_up();
    }

    /// Waits until its systemd takes orders.
    pub fn until_up(&self) {
        poll(LONG, &format!("{} boots", self.name), || {
            self.init().ok_or_else(|| self.console())?;
            let said = self.exec(&["systemctl", "is-active", "basic.target", "dbus.socket"]);
            if said.status.success() { Ok(()) } else { Err(text(&said)) }
        });
    }

    fn console(&self) -> String {
        let all = fs::read(self.folder.join("console")).unwrap_or_default();
        let all = String::from_utf8_lossy(&all);
        all.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Its first process, as this machine numbers it.
    fn init(&self) -> Option<u32> {
        let nspawn = self.nspawn.as_ref()?.id();
        let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
        let pid: u32 = children.split_whitespace().next()?.parse().ok()?;
        // Before that it is nspawn's own, still setting up.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "systemd").then_some(pid)
    }

    /// Takes its power away: every process ends at once, and the data disk keeps only what had been written to it.
    ///
    /// The root keeps everything. The agent's own state lies there, and is synced before anything builds on it.
    pub fn power_off(&mut self) {
        self.kill_all();
        self.lose_what_was_not_written();
    }

    /// Ends every process at once; the disks keep everything.
    pub fn kill_all(&mut self) {
        let init = self.init().expect("it is on");
        crate::real::signal(init, Signal::KILL);
        self.until_off();
    }

    /// The second half of [`Self::power_off`], for a host whose processes have ended.
    pub fn lose_what_was_not_written(&self) {
        assert!(!self.is_on(), "{} is on", self.name);
        self.disk.lose_what_was_not_written();
    }

    /// Waits until nothing of it runs.
    pub fn until_off(&mut self) {
        let mut nspawn = self.nspawn.take().expect("it is on");
        poll(LONG, &format!("{} is off", self.name), || nspawn.try_wait().unwrap().ok_or(self.console()));
    }

    pub fn is_on(&self) -> bool {
        self.nspawn.is_some()
    }

    /// Reboots as a person does.
    pub fn reboot(&mut self) {
        let _ = self.exec(&["systemctl", "reboot"]);
        // What runs it ends, so that it is run anew.
        self.until_off();
        self.boot();
    }

    /// Runs a command in it, as root.
    pub fn exec(&self, command: &[&str]) -> Output {
        self.command(command).output().unwrap()
    }

    /// Begins a command in it, as root.
    pub fn begin(&self, command: &[&str]) -> Child {
        self.command(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn command(&self, command: &[&str]) -> Command {
        let init = self.init().unwrap_or_else(|| panic!("{} is off", self.name)).to_string();
        let mut enter = Command::new("nsenter");
        enter.args(["-t", &init, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]).args(command);
        enter.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C");
        enter
    }

    /// Runs a command that must do its work; gives what it printed.
    pub fn ok(&self, command: &[&str]) -> String {
        let output = self.exec(command);
        assert!(output.status.success(), "{} {command:?}: {:?} {}", self.name, output.status, text(&output));
        text(&output)
    }

    /// Sends a signal to one of its processes, by its own number for it.
    pub fn signal(&self, pid: u32, signal: &str) {
        self.ok(&["kill", "-s", signal, &pid.to_string()]);
    }

    /// A property of a unit.
    pub fn property(&self, unit: &str, property: &str) -> String {
        self.ok(&["systemctl", "show", unit, "-p", property, "--value"]).trim().to_owned()
    }

    /// The journal's last lines.
    pub fn journal(&self, unit: &str, lines: u32) -> String {
        text(&self.exec(&["journalctl", "--no-pager", "-o", "cat", "-n", &lines.to_string(), "-u", unit]))
    }

    /// Where systemd keeps groups of processes: one place on a host of today, two on an older one.
    pub fn control_groups(&self) -> Vec<PathBuf> {
        let top = Path::new("/sys/fs/cgroup");
        let hierarchies = [top.to_owned(), top.join("systemd"), top.join("unified")];
        let name = format!("rocketmq-agent-hosts-{}-{}", super::lab::run_id(), self.name);
        hierarchies
            .into_iter()
            .filter(|place| place.join("cgroup.procs").exists())
            .map(|place| place.join(&name))
            .collect()
    }

    /// Takes a program of it away, or puts it back.
    pub fn set_program(&self, path: &str, there: bool) {
        let (shown, hidden) = (self.path(path), self.path(path).with_extension("hidden"));
        let (from, to) = if there { (hidden, shown) } else { (shown, hidden) };
        fs::rename(from, to).unwrap();
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if self.init().is_some() {
            self.kill_all();
        }
        let _ = Command::new("umount").args(["-R", "-l"]).arg(self.root()).output();
        self.disk.abandon();
        // With its network it would go too, some time after.
        let _ = Command::new("ip").args(["link", "delete", &self.cable()]).output();
        let _ = Command::new("ip").args(["netns", "delete", &self.namespace()]).output();
        for group in self.control_groups() {
            remove_groups(&group);
        }
    }
}

fn remove_groups(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_groups(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
