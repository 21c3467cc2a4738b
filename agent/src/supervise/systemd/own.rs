//! The agent's own unit, and how much memory it may take: a broker that was taken over may write tables of any size, and the
//! host's memory is for the brokers. In: whether JVMs live in the agent's control group. Out: limits, set at run time.

use super::{
    ANSWER, SupervisorError,
    bus::{self, ManagerProxy, ServiceProxy},
    manager,
};
use tracing::{debug, warn};
use zbus::{Connection, Variant, connection::Builder, proxy::CacheProperties};

/// The unit of the packages. An agent that runs in another one, or in a session, is limited by whoever made that.
const UNIT: &str = "rocketmq-agent.service";
/// Ten times what the agent of a busy host was seen to take; from here on it is slowed down, bytes.
const HIGH: u64 = 512 << 20;
/// Here the kernel ends it, and systemd starts it again.
const MAX: u64 = 1 << 30;
/// `infinity`, as systemd says it.
const NONE: u64 = u64::MAX;

/// Limits the memory of this agent's unit, or takes these limits back where JVMs are its children (`has_jvms`). Limits that
/// the operator set stay. Where systemd does not answer, the agent goes on without.
pub async fn limit_memory(has_jvms: bool) {
    if let Err(error) = set(has_jvms).await {
        warn!("the agent's memory is not limited: {:#}", anyhow::Error::from(error));
    }
}

async fn set(has_jvms: bool) -> Result<(), SupervisorError> {
    let failed = |source| SupervisorError::bus("limit the agent's memory".to_owned(), source);
    let connection = Builder::system().method_timeout(ANSWER).build().await.map_err(failed)?;
    let manager = manager(&connection).await?;
    change(&connection, &manager, has_jvms).await.map_err(failed)
}

async fn change(connection: &Connection, manager: &ManagerProxy<'_>, has_jvms: bool) -> zbus::Result<()> {
    let path = bus::path(UNIT);
    if manager.get_unit_by_pid(std::process::id()).await?.as_str() != path {
        return Ok(());
    }
    let service = ServiceProxy::builder(connection).path(path.as_str()).cache_properties(CacheProperties::No);
    let service = service.build().await?;
    let found = (service.memory_high().await?, service.memory_max().await?);
    let Some((high, max)) = wanted(found, has_jvms) else { return Ok(()) };
    let properties = [("MemoryHigh", Variant::from(high)), ("MemoryMax", Variant::from(max))];
    manager.set_unit_properties(UNIT, true, &properties).await?;
    debug!(high, max, "the limits of the agent's memory were set");
    Ok(())
}

/// `MemoryHigh` and `MemoryMax` to set, where those that were found are not the operator's.
fn wanted(found: (u64, u64), has_jvms: bool) -> Option<(u64, u64)> {
    match (found, has_jvms) {
        ((NONE, NONE), false) => Some((HIGH, MAX)),
        ((HIGH, MAX), true) => Some((NONE, NONE)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_agents_only_where_nobody_set_others() {
        assert_eq!(wanted((NONE, NONE), false), Some((HIGH, MAX)));
        assert_eq!(wanted((HIGH, MAX), false), None);
        assert_eq!(wanted((HIGH, MAX), true), Some((NONE, NONE)));
        for has_jvms in [true, false] {
            assert_eq!(wanted((NONE, 2 << 30), has_jvms), None, "the operator's");
            assert_eq!(wanted((300 << 20, NONE), has_jvms), None, "the operator's");
        }
        assert_eq!(wanted((NONE, NONE), true), None);
    }
}
