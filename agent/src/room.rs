//! Whether a broker's store has room for messages, and the files of this host where it has none. What is decided is in
//! `rocketmq_agent_domain::held`.

use rocketmq_agent_domain::{
    desired::{Desired, Instance, properties},
    held::{self, is_held, says_so},
};
use rustix::{fs::statvfs, io::Errno};
use std::{borrow::Cow, fs};

/// How much of the fullest disk that a broker's messages lie on is used, 0.0 to 1.0, by RocketMQ's rule
/// (`UtilAll.getDiskPartitionSpaceUsedPercent`, 4.9.0-5.5.0); `None` where one of them cannot be asked.
pub fn used(instance: &Instance) -> Option<f64> {
    let store = instance.launch.store.as_ref()?;
    let folders = [&store.root, &store.commit_log, &store.root.join("consumequeue")];
    let used = folders.into_iter().map(|folder| {
        // A folder that is not there yet will be made where the one above it lies.
        let space = folder.ancestors().map(statvfs).find(|space| !matches!(space, Err(Errno::NOENT)))?.ok()?;
        let used = space.f_blocks.saturating_sub(space.f_bfree) as f64;
        (space.f_blocks > 0).then(|| used / (used + space.f_bavail as f64))
    });
    used.collect::<Option<Vec<f64>>>()?.into_iter().max_by(f64::total_cmp)
}

/// What this host should have now: sends are held back in the broker.conf of those whose disk is full, and stay so in those of
/// which that is not known.
pub fn with_sends_held(desired: &Desired) -> Cow<'_, Desired> {
    let brokers = desired.instances.iter().filter(|it| it.broker.is_some());
    let held = brokers.filter(|instance| {
        let conf = fs::read(held::conf(instance)).unwrap_or_default();
        let before = says_so(properties::parse(&conf).get(held::KEY.name()));
        is_held(desired.version, instance, before, used(instance))
    });
    held::held(desired, &held.map(|it| it.launch.instance.clone()).collect())
}
