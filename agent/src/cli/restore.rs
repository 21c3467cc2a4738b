//! `restore`: puts the newest good copy in the place of a broker's files of topics, consumer groups or offsets that neither
//! it nor RocketMQ can read any more. Shows them first, and asks.

use super::{language::say, noted::Noted, question::asked};
use crate::{
    accounts, clock,
    copies::{self, Torn},
    exit_code,
    inventory::Inventory,
    settings::Settings,
    supervise::occupant_of,
};
use anyhow::{Context, bail};
use rocketmq_agent_domain::{launch::Launch, meaning::Language, names::InstanceName};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// A broker of this host, such as broker-a
    instance: InstanceName,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Restore {
    pub(super) fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let inventory = Inventory::applied(&settings)?.context("there is no cluster file of this host")?;
        let instance = inventory.desired.instance(&self.instance);
        let launch = &instance.with_context(|| format!("this host has no {}", self.instance))?.launch;
        let account = accounts::intended(settings.embedded.run_as);
        let (torn, without): (Vec<Torn>, Vec<Torn>) =
            copies::torn(launch, account)?.into_iter().partition(|torn| torn.copy.is_some());
        for torn in &without {
            say(language, &format!("{} cannot be read, and there is no copy of it", torn.path.display()))?;
        }
        if torn.is_empty() {
            say(language, &format!("there is nothing to put back for {}", self.instance))?;
            return Ok(exit_code::code(if without.is_empty() { exit_code::OK } else { exit_code::FAILED }));
        }
        for Torn { path, copy } in &torn {
            let at = copy.as_ref().map_or(0, |(at, _)| *at);
            let found = format!("{} cannot be read; the newest copy is of {}", path.display(), clock::in_words(at));
            say(language, &found)?;
        }
        say(language, "what was changed since then is not in the copies")?;
        if !self.yes && !asked(language, "put them back")? {
            say(language, "nothing was changed")?;
            return Ok(exit_code::code(exit_code::FAILED));
        }
        let names: Vec<_> = torn.iter().filter_map(|it| it.path.file_name()?.to_str()).collect();
        let noted = Noted::begins(&settings, language, "restore", format!("{}: {}", self.instance, names.join(", ")));
        let done = put_back(launch, &torn, &settings);
        noted.ended("put back from the newest copies", &done);
        done?;
        for it in &torn {
            say(language, &format!("{} is put back; what lay there is beside it as .torn", it.path.display()))?;
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

fn put_back(launch: &Launch, torn: &[Torn], settings: &Settings) -> anyhow::Result<()> {
    let account = accounts::run_as(settings.embedded.run_as)?;
    if let Some(occupant) = occupant_of(launch)? {
        bail!("{occupant} works on this store: nothing is changed there before it has ended");
    }
    Ok(torn.iter().try_for_each(|it| copies::put_back(it, account))?)
}
