//! Writes the man pages and shell completions that the packages carry, from the command line's own description.
//! In: a folder; out: `man/*.1` and `completions/*` in it. A tool for building packages; it is not shipped.

// It writes into a folder of whoever builds, where nobody else works.
#![allow(clippy::disallowed_methods)]

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};
use clap_mangen::{Man, roff::Roff};
use rocketmq_agent::cli::Arguments;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let Some(out) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: manual FOLDER"));
    };
    // A page of a command that is no more must not stay.
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let (man, completions) = (out.join("man"), out.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut command = Arguments::command().disable_help_subcommand(true);
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "rocketmq-agent", &completions)?;
    }
    fs::rename(completions.join("rocketmq-agent.bash"), completions.join("rocketmq-agent"))?;
    command.build();
    let source = format!("rocketmq-agent {}", command.get_version().unwrap_or_default());
    main_page(&command, &man, &source)?;
    pages(&command, &man, &source)
}

/// A page for each command.
fn pages(command: &Command, folder: &Path, source: &str) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        // `Command::build` names them rocketmq-agent-check and so on.
        let name = subcommand.get_display_name().unwrap_or_else(|| subcommand.get_name()).to_owned();
        let page = Man::new(subcommand.clone()).source(source).manual("rocketmq-agent");
        let mut text = Vec::new();
        page.render(&mut text)?;
        fs::write(folder.join(format!("{name}.1")), text)?;
    }
    Ok(())
}

fn main_page(command: &Command, folder: &Path, source: &str) -> io::Result<()> {
    let page = Man::new(command.clone()).source(source).manual("rocketmq-agent");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    page.render_subcommands_section(&mut text)?;
    for (title, entries) in SECTIONS {
        section(title, entries).to_writer(&mut text)?;
    }
    page.render_version_section(&mut text)?;
    fs::write(folder.join("rocketmq-agent.1"), text)
}

/// What clap does not know.
const SECTIONS: [(&str, &[(&str, &str)]); 3] = [
    (
        "FILES",
        &[
            ("/etc/rocketmq-agent/cluster.toml", "The cluster, the same file on every host."),
            (
                "/etc/rocketmq-agent/agent.toml",
                "What is this host's own: its name, paths, and what happens at the end.",
            ),
            ("/var/lib/rocketmq-agent", "The agent's state: what was applied last, and which processes it started."),
            (
                "/var/lib/rocketmq",
                "RocketMQ's releases, and one folder an instance, unless the cluster file says other.",
            ),
            ("/usr/share/doc/rocketmq-agent/cluster-file.md", "Every key of the cluster file."),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "Done."),
            ("1", "Failed."),
            ("2", "The command line is wrong."),
            ("3", "Something would change (plan)."),
            ("78", "The configuration is wrong; starting again does not cure it."),
        ],
    ),
    (
        "HTTP",
        &[
            ("/readyz?verbose", "Port 9877: 200 when everything that this host should run is ready, else why not."),
            ("/livez, /health/..., /v1/..., /metrics, /", "More of the same; /openapi.json describes them."),
        ],
    ),
];

fn section(title: &str, entries: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, text) in entries {
        roff.control("TP", []);
        roff.text([clap_mangen::roff::bold(*term)]);
        roff.text([clap_mangen::roff::roman(*text)]);
    }
    roff
}
