//! User and group that the instances run as.

use super::{Check, Finding, Host};
use crate::{
    accounts,
    settings::{RunAs, SupervisorKind},
};
use std::fs;

pub(super) static CHECK: Check = Check {
    id: "account",
    what: "User and group rocketmq have the ids 3000, and nobody else has these.",
    why: "Data of RocketMQ's container images belong to 3000:3000. An account with other ids could not write them, and \
          another user with these ids could read and change every message.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let with_units = host.settings.supervisor == SupervisorKind::Systemd;
    match &host.account {
        Err(error) => {
            let fix = "`getent passwd rocketmq 3000` and `getent group rocketmq 3000` show who has what; change that, or \
                       set embedded.run_as = \"self\" in agent.toml";
            vec![Finding::fail(error.to_string(), fix)]
        }
        Ok(None) if host.settings.embedded.run_as == RunAs::Agent => {
            vec![Finding::warn(
                "run_as = \"self\": the instances run as the agent's own user",
                "leave run_as out where the ids 3000 can be had: what a broker lets in has root's rights otherwise",
            )]
        }
        Ok(None) => vec![Finding::skipped("not root here: the instances would run as this user")],
        Ok(Some(_)) => match accounts::is_named() {
            Ok(()) => named(&fs::read_to_string("/etc/passwd").unwrap_or_default()),
            Err(error) if with_units => vec![Finding::fail(error.to_string(), "")],
            Err(_) => vec![Finding::warn(
                "nobody has the name rocketmq or the ids 3000: the instances run by number",
                "systemd-sysusers makes the account that the package describes",
            )],
        },
    }
}

/// A user of a directory service is as good while the service answers.
fn named(passwd: &str) -> Vec<Finding> {
    if passwd.lines().any(|line| line.starts_with(&format!("{}:", accounts::NAME))) {
        return vec![Finding::ok("rocketmq is 3000:3000")];
    }
    vec![Finding::warn(
        "rocketmq is 3000:3000, and comes from a directory service (LDAP, SSSD), not from /etc/passwd",
        "accepted; but at a boot without that service no instance starts: a local account is safer",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_user_of_a_directory_service_is_accepted_with_a_warning() {
        assert_eq!(named("root:x:0:0\nrocketmq:x:3000:3000::/:/bin/false\n")[0].verdict, Verdict::Ok);
        assert_eq!(named("root:x:0:0\nrocketmq2:x:1:1\n")[0].verdict, Verdict::Warn);
    }
}
