//! What the commands print, word for word: the help of each, and what `check` and `render` say of one cluster file.
//! `UPDATE_EXPECTED=1 cargo test --test command_line` writes the words anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program as in a pipe, on no host in particular.
fn agent(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocketmq-agent"));
    let of_language = ["LC_ALL", "LC_MESSAGES", "LANG"];
    for variable in ["ROCKETMQ_AGENT_CONFIG", "COLUMNS", "CLICOLOR_FORCE"].into_iter().chain(of_language) {
        command.env_remove(variable);
    }
    command.current_dir(root()).args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = agent(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn is_kept(text: &str, below_fixtures: &str) {
    let path = root().join("tests/fixtures").join(below_fixtures);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
}

/// The commands that the program itself lists.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

#[test]
fn every_help_fits_100_columns_and_is_as_it_was() {
    let commands = commands();
    assert!(commands.contains(&"run".to_owned()), "{commands:?}");
    let mut files = vec!["rocketmq-agent.txt".to_owned()];
    let mut helps = vec![printed(&["--help"])];
    for command in &commands {
        files.push(format!("{command}.txt"));
        helps.push(printed(&[command, "--help"]));
        assert_eq!(printed(&["help", command]), helps[helps.len() - 1]);
    }
    for (file, help) in files.iter().zip(&helps) {
        let long: Vec<&str> = help.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{file}: {long:#?}");
        is_kept(help, &format!("help/{file}"));
    }
    for entry in fs::read_dir(root().join("tests/fixtures/help")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(files.contains(&name), "{name} is the help of no command");
    }
}

#[test]
fn check_and_render_print_what_they_did() {
    let file = "tests/fixtures/outputs/cluster.toml";
    is_kept(&printed(&["check", file]), "outputs/check.txt");
    is_kept(&printed(&["render", "--host", "vm2", file]), "outputs/render.txt");
    let before = "tests/fixtures/outputs/before.toml";
    is_kept(&printed(&["check", file, "--against", before]), "outputs/check-against.txt");
    is_kept(&printed(&["check", before]), "outputs/check-vulnerable.txt");
    is_kept(&printed(&["check", "tests/fixtures/outputs/voters.toml"]), "outputs/check-voters.txt");
    is_kept(&printed(&["check", "conf/examples/proxies.toml"]), "outputs/check-proxies.txt");
    let witness = "conf/examples/2m-2s-witness.toml";
    is_kept(&printed(&["check", witness]), "outputs/check-witness.txt");
    is_kept(&printed(&["render", "--host", "vm3", witness]), "outputs/render-witness.txt");
}

#[test]
fn check_says_it_in_chinese_with_the_same_exit_status() {
    let voters = "tests/fixtures/outputs/voters.toml";
    is_kept(&printed(&["check", voters, "--lang", "zh"]), "outputs/check-voters.zh.txt");
    let against = ["check", "tests/fixtures/outputs/cluster.toml", "--lang", "zh", "--against"];
    let against = [&against[..], &["tests/fixtures/outputs/before.toml"]].concat();
    is_kept(&printed(&against), "outputs/check-against.zh.txt");
    let wrong = "tests/fixtures/rejected/config-keys-unknown.toml";
    let [english, chinese] = [&["check", wrong][..], &["check", wrong, "--lang", "zh"]].map(agent);
    assert_eq!((english.status.code(), chinese.status.code()), (Some(78), Some(78)));
    let said = String::from_utf8(chinese.stderr).unwrap();
    is_kept(&said, "outputs/check-wrong.zh.txt");
    for other in [&["plan", wrong, "--lang", "zh"][..], &["--lang", "zh", "render", "--host", "vm1", wrong]].map(agent)
    {
        assert_eq!((other.status.code(), String::from_utf8(other.stderr).unwrap()), (Some(78), said.clone()));
    }
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(printed(&["--version"]), format!("rocketmq-agent {}\n", env!("CARGO_PKG_VERSION")));
}
