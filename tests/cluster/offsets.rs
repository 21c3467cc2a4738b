//! Consumer offsets of a master that was away, with the official Java client.

use crate::{
    acl::with_key,
    lab::{LONG, Lab, is_running, kill_9, poll, until},
    traps::with_frozen_agent,
};
use rocketmq_agent::remoting::{Broker, OutgoingMessage, SendStatus, TopicConfig};
use rocketmq_agent_domain::offsets::Offsets;
use std::fs;

const TOPIC: &str = "Away";
const ENTRY: &str = "Away@Shop";
const QUEUES: u32 = 2;

/// A group, and on which hosts it is.
struct Place {
    name: &'static str,
    master: &'static str,
    slave: &'static str,
}

/// Of two groups that whose slave gets what its master has: ACL 1.0 lets it in by its address, and on one machine that of
/// the other's is the first host's.
fn place(lab: &Lab) -> Place {
    match lab.version.starts_with('4') {
        true => Place { name: "broker-b", master: "vm2", slave: "vm1" },
        false => Place { name: "broker-a", master: "vm1", slave: "vm2" },
    }
}

fn send(lab: &Lab, text: &str, count: u32) -> Vec<String> {
    let at = place(lab);
    let master = lab.broker(at.master, at.name);
    let sent = (0..count).map(|number| {
        let body = format!("{text} {number}");
        let message = OutgoingMessage::new(TOPIC, number % QUEUES, body.clone());
        assert_eq!(lab.wait(master.send(message)).unwrap().status, SendStatus::SendOk);
        body
    });
    sent.collect()
}

/// What all queues of the group come to.
fn consumed(offsets: &Offsets) -> i64 {
    offsets.get(ENTRY).map_or(0, |queues| queues.values().sum())
}

/// Messages that were acknowledged at the slave, while the master was away, are not delivered again when it is back.
pub fn what_was_consumed_from_the_slave_is_not_consumed_again_when_the_master_is_back(lab: &mut Lab) {
    let at = place(lab);
    let master = lab.broker(at.master, at.name);
    let slave = lab.broker(at.slave, at.name);
    lab.wait(master.create_topic(&TopicConfig::new(TOPIC, QUEUES))).unwrap();
    // A consumer that ends as soon as it has got all may not have said so of all.
    let consume = |lab: &Lab, broker: &Broker, wanted: i64| {
        poll(2 * LONG, "all is consumed and said", || {
            let (_, said) =
                with_key(lab, &["receive", "--topic", TOPIC, "--group", "Shop", "--expect", "1000", "--timeout", "15"]);
            let found = lab.wait(broker.consumer_offsets()).map_err(|error| error.to_string())?;
            if consumed(&found) == wanted { Ok(()) } else { Err(format!("{:?} {said}", found.get(ENTRY))) }
        });
    };
    // A slave asks for topics every minute.
    until(2 * LONG, "the slave has the topic", || {
        lab.wait(slave.topics()).is_ok_and(|topics| topics.contains_key(TOPIC))
    });
    send(lab, "with its master", 20);
    let file = lab.folder(at.master, at.name).join("store/config/consumerOffset.json");
    consume(lab, &master, 20);
    until(LONG, "the master has written them down", || {
        let text = fs::read_to_string(&file).unwrap();
        text.split_whitespace().collect::<String>().contains("\"Away@Shop\":{0:10,1:10}")
    });
    send(lab, "without its master", 20);
    let unread = |lab: &Lab| {
        let output = lab.agents[1].run(&["unread", at.name]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    poll(LONG, "it is counted what the group has not read", || match unread(lab) {
        (Some(3), said) if said.contains("Shop: 20") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let pid = lab.pid(at.master, at.name);
    with_frozen_agent(lab, at.master, |lab| {
        kill_9(pid);
        until(LONG, "the master has ended", || !is_running(pid));
        consume(lab, &slave, 40);
    });
    let said = lab.until_reason(at.master, at.name, "offsets-carried");
    assert!(said.contains("so that 20 messages are not consumed again (Away@Shop)"), "{said}");
    let third = send(lab, "with its master again", 20);
    let bodies = lab.dir.join("third.bodies");
    fs::write(&bodies, third.join("\n") + "\n").unwrap();
    let bodies = bodies.display().to_string();
    let (ok, said) =
        with_key(lab, &["receive", "--topic", TOPIC, "--group", "Shop", "--bodies", &bodies, "--timeout", "240"]);
    assert!(ok && said.contains("received=20 distinct=20 "), "{said}");
    let kept = lab.folder(at.master, at.name).join("store/config/consumerOffset.json.before-carry");
    assert!(fs::read_to_string(kept).unwrap().contains(ENTRY));
    consume(lab, &master, 60);
    let said = unread(lab);
    assert!(said.0.is_some_and(|status| status == 0 || status == 3) && !said.1.contains("Shop"), "{said:?}");
}
