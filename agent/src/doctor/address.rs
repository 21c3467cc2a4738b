//! This host's address.

use super::{Check, Finding, Host};
use crate::host;

pub(super) static CHECK: Check = Check {
    id: "address",
    what: "The address that the cluster file gives this host is on one of its network cards.",
    why: "A broker registers under it; with another one clients and slaves find nobody.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let Ok(it) = &host.inventory else { return vec![Finding::skipped("no cluster file")] };
    let Some(address) = it.desired.local_address else {
        return vec![Finding::skipped("nat = true: the address is not on this host")];
    };
    vec![match host::addresses() {
        Ok(found) if address.is_loopback() || found.contains(&address) => Finding::ok(format!("{address} is here")),
        Ok(found) => {
            let found =
                found.iter().filter(|it| !it.is_loopback()).map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Finding::fail(
                format!("{address} is on no network card of this host (it has {found})"),
                "put host.address right in cluster.toml, or say nat = true there",
            )
        }
        Err(error) => Finding::skipped(error.to_string()),
    }]
}
