//! Sends that are held back from a broker whose disk is full. RocketMQ refuses them from 90 % on, but looks at its disk for
//! the first time a minute after its start (`DefaultMessageStore.addScheduleTask`, 4.7.0-5.5.0); what it takes until then on a
//! disk without a free byte it acknowledges, and has not written. `startAcceptSendRequestTimeStamp` has it refuse sends
//! from its first moment on: it is read at each send (`SendMessageProcessor.preSend`), from the file and online.

use crate::{
    desired::{Desired, Instance, properties},
    names::{InstanceName, Version},
    online::OnlineKey,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The key, milliseconds since 1970; 0 where it is not set.
pub const KEY: OnlineKey = OnlineKey::StartAcceptSendRequestTimeStamp;
/// The agent's value, by which it knows its own: the first of January 2100.
pub const HELD: &str = "4102444800000";
/// From here on RocketMQ takes no messages (`diskSpaceWarningLevelRatio`; 5.x does not let it be more).
const FULL: f64 = 0.90;
/// So much less counts as room again.
const ROOM: f64 = 0.01;
/// 4.x has more where this says so (`CleanCommitLogService`, 4.5.2-4.9.7).
const OPTION: &str = "-Drocketmq.broker.diskSpaceWarningLevelRatio=";

/// Whether sends are to be held back from an instance; `used` says how much of its disk is, and `before` whether they are,
/// where that makes a difference.
/// What is not known changes nothing, and what the cluster file sets is left alone.
pub fn is_held(version: Version, instance: &Instance, used: Option<f64>, before: impl FnOnce() -> bool) -> bool {
    let (Some(broker), Some(used)) = (&instance.broker, used) else { return before() };
    let set = instance.launch.arguments.iter().rev().find_map(|it| it.strip_prefix(OPTION)?.parse().ok());
    let full = set.filter(|_| !version.is_5()).map_or(FULL, |set: f64| set.max(FULL));
    !broker.config.contains_key(KEY.name()) && (used > full || used > full - ROOM && before())
}

/// Whether a broker.conf, or what a broker says that it runs with, has sends held back by the agent.
pub fn says_so(config: &BTreeMap<String, String>) -> bool {
    config.get(KEY.name()).is_some_and(|value| value == HELD)
}

/// Where a broker's broker.conf lies.
pub fn conf(instance: &Instance) -> PathBuf {
    instance.launch.directory.join("conf/broker.conf")
}

/// What the host should have, with sends held back in the files of these brokers. A fingerprint does not change with it.
pub fn held<'d>(desired: &'d Desired, brokers: &BTreeSet<InstanceName>) -> Cow<'d, Desired> {
    if brokers.is_empty() {
        return Cow::Borrowed(desired);
    }
    let mut desired = desired.clone();
    for instance in desired.instances.iter().filter(|it| brokers.contains(&it.launch.instance)) {
        let conf = conf(instance);
        if let Some(file) = desired.files.iter_mut().find(|file| file.path == conf) {
            file.text += &properties::line(KEY.name(), HELD);
        }
    }
    Cow::Owned(desired)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        desired::{HostFacts, Java, desired},
        placement::place,
        size::Size,
        topology::read,
    };

    fn host(version: &str, broker: &str) -> Desired {
        let file = format!(
            "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"{version}\"\nsource = \"/opt/rocketmq.zip\"\n\
             {broker}\n[[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n"
        );
        let topology = read(&file).unwrap();
        let placement = place(&topology, None).unwrap();
        let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/usr/bin/java".into(), release: 17 } };
        desired(&topology, &placement, &"vm1".parse().unwrap(), &facts).unwrap()
    }

    fn broker<'d>(host: &'d Desired, name: &str) -> &'d Instance {
        host.instance(&name.parse().unwrap()).unwrap()
    }

    fn held_of(host: &Desired, before: bool, used: Option<f64>) -> bool {
        is_held(host.version, broker(host, "broker-a"), used, || before)
    }

    #[test]
    fn sends_are_held_back_where_rocketmq_would_refuse_them_and_until_there_is_some_room_more() {
        let host = host("5.5.0", "");
        assert!(!held_of(&host, false, Some(0.90)));
        assert!(held_of(&host, false, Some(0.9001)));
        assert!(held_of(&host, true, Some(0.8901)));
        assert!(!held_of(&host, true, Some(0.89)));
        assert!(!held_of(&host, false, Some(0.8901)));
    }

    #[test]
    fn a_disk_that_cannot_be_asked_is_neither_full_nor_has_it_room() {
        let host = host("5.5.0", "");
        assert!(!held_of(&host, false, None));
        assert!(held_of(&host, true, None));
    }

    #[test]
    fn a_key_that_the_cluster_file_sets_is_the_users() {
        let host = host("5.5.0", "[broker.config]\nstartAcceptSendRequestTimeStamp = 0");
        assert!(!held_of(&host, false, Some(1.0)));
    }

    #[test]
    fn a_ratio_that_4_x_has_been_given_counts_and_one_that_5_x_does_not_let_be_does_not() {
        let option = "[broker]\njava_options = [\"-Drocketmq.broker.diskSpaceWarningLevelRatio=0.95\"]";
        assert!(!held_of(&host("4.9.4", option), false, Some(0.94)));
        assert!(held_of(&host("4.9.4", option), false, Some(0.96)));
        assert!(held_of(&host("5.5.0", option), false, Some(0.94)));
    }

    #[test]
    fn a_namesrv_has_no_sends_to_be_held_back() {
        let host = host("5.5.0", "");
        assert!(!is_held(host.version, broker(&host, "namesrv"), Some(1.0), || false));
    }

    /// As it is read from its file by an agent that begins anew, and asks for no restart.
    #[test]
    fn sends_are_held_back_by_one_line_in_the_file_of_one_broker() {
        let host = host("5.5.0", "");
        let name = broker(&host, "broker-a").launch.instance.clone();
        assert_eq!(*held(&host, &BTreeSet::new()), host);
        let held = held(&host, &BTreeSet::from([name]));
        assert_eq!(held.instances, host.instances);
        let differ: Vec<_> = held.files.iter().zip(&host.files).filter(|(held, before)| held != before).collect();
        let [(file, before)] = differ[..] else { unreachable!("{} files differ", differ.len()) };
        assert_eq!(file.path, conf(broker(&host, "broker-a")));
        assert_eq!(file.text, format!("{}startAcceptSendRequestTimeStamp=4102444800000\n", before.text));
        assert!(says_so(&properties::parse(file.text.as_bytes())));
        assert!(!says_so(&properties::parse(before.text.as_bytes())));
    }
}
