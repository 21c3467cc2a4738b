//! `render`: prints every file that a host would get, and the commands that its JVMs would be run with.

use crate::{cluster::Cluster, exit_code, host, java, settings::Settings};
use rocketmq_agent_domain::{
    desired::{Desired, HostFacts, Java, desired, javas},
    launch::Launch,
    names::HostName,
    topology::Host,
};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct Render {
    /// The cluster file [default: the one of the settings]
    file: Option<PathBuf>,
    /// Only this host's files
    #[arg(long)]
    host: Option<HostName>,
    /// Write the files below this folder instead of printing them
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

impl Render {
    pub(super) fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let cluster = Cluster::read(self.file.as_deref().unwrap_or(&settings.cluster_file), None)?;
        if let Some(name) = &self.host
            && cluster.topology.host(name).is_none()
        {
            return Err(host::HostError::unknown(&cluster.topology, name).into());
        }
        let wanted =
            cluster.topology.hosts.iter().filter(|host| self.host.as_ref().is_none_or(|name| *name == host.name));
        for host in wanted {
            let facts = facts(host)?;
            let desired = desired(&cluster.topology, &cluster.placement, &host.name, &facts)?;
            match &self.output {
                Some(folder) => write(&desired, &folder.join(host.name.as_str()))?,
                None => print(&desired)?,
            }
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

/// What is rendered for another host can only be as good as what is known of it here: its memory is taken to be this
/// machine's where the file does not say, and its Java a 17.
pub(super) fn facts(host: &Host) -> anyhow::Result<HostFacts> {
    let found = java::find(host.java_home.as_deref(), javas::accepts);
    let java = match (found, &host.java_home) {
        (Ok(java), _) => Java { program: java.program, release: java.version },
        (Err(_), Some(home)) => Java { program: home.join("bin/java"), release: 17 },
        (Err(_), None) => Java { program: PathBuf::from("/usr/bin/java"), release: 17 },
    };
    Ok(HostFacts { memory: host.memory.map_or_else(host::memory, Ok)?, java })
}

fn print(desired: &Desired) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if desired.instances.is_empty() {
        writeln!(out, "# {}: nothing of RocketMQ runs on it\n", desired.host)?;
    }
    for file in &desired.files {
        writeln!(out, "# {}: {}\n{}", desired.host, file.path.display(), file.text)?;
    }
    for instance in &desired.instances {
        writeln!(out, "# {}: {}\n{}\n", desired.host, instance.launch.instance, command(&instance.launch))?;
    }
    Ok(())
}

/// As a shell takes it: with the environment, which is all that the JVM gets, and every word as it is.
fn command(launch: &Launch) -> String {
    let environment = launch.environment.iter().map(|(name, value)| format!("{name}={value}"));
    let program = launch.program.display().to_string();
    let words = environment.chain([program]).chain(launch.arguments.iter().cloned());
    let lines: Vec<String> = words.map(quoted).collect();
    format!("env -i \\\n  {}", lines.join(" \\\n  "))
}

fn quoted(word: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./%@".contains(c);
    if word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn write(desired: &Desired, folder: &Path) -> io::Result<()> {
    for file in &desired.files {
        let path = folder.join(file.path.strip_prefix("/").unwrap_or(&file.path));
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, &file.text)?;
    }
    for instance in &desired.instances {
        std::fs::write(folder.join(format!("{}.command", instance.launch.instance)), command(&instance.launch) + "\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_every_word_as_it_is() {
        for (word, shown) in [("-Xmx1g", "-Xmx1g"), ("lib/*", "'lib/*'"), ("a b", "'a b'"), ("it's", "'it'\\''s'")] {
            assert_eq!(quoted(word.to_owned()), shown);
        }
    }
}
