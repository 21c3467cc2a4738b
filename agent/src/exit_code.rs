//! What the program's exit statuses mean; scripts and the unit file rely on them.

use rocketmq_agent_domain::health::verdict::Verdict;
use std::process::ExitCode;

/// It did what was asked.
pub const OK: u8 = 0;
/// It could not.
pub const FAILED: u8 = 1;
/// What was typed is wrong; clap ends with it as well.
pub const USAGE: u8 = 2;
/// `plan`: something would change.
pub const CHANGES_PENDING: u8 = 3;
/// The configuration is wrong (`EX_CONFIG` of sysexits.h): starting again will not help.
pub const BAD_CONFIGURATION: u8 = 78;

/// An exit status as the standard library wants it.
pub fn code(status: u8) -> ExitCode {
    ExitCode::from(status)
}

/// `status --exit-code`: what Nagios and its kin call OK, WARNING and CRITICAL. Where the agent cannot be asked it is
/// [`FAILED`], which is degraded: what is not known is not called down.
pub fn of_verdict(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Degraded => 1,
        Verdict::Down => 2,
    }
}
