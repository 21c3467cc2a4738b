//! The clock.

use super::{Check, Finding, Host};
use rocketmq_agent_domain::observed::Fact;

pub(super) static CHECK: Check = Check {
    id: "clock",
    what: "The clock follows a time server.",
    why: "Retention, delayed messages and what consumers read by time go by the clocks of the brokers; a slave with another \
          time than its master deletes other files.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    vec![match &host.clock {
        Fact::Known(true) => Finding::ok("it is synchronised"),
        Fact::Known(false) => Finding::warn(
            "it is not synchronised with any time server",
            "`timedatectl set-ntp true`, or install chrony; `timedatectl` shows what is so",
        ),
        Fact::Unknown(why) => Finding::skipped(format!("whether it is synchronised cannot be told: {why}")),
    }]
}
