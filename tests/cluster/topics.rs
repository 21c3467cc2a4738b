//! Topics of a master that was added, or came back with none.

use crate::{
    lab::{LONG, Lab, is_running, kill_9, poll, until},
    traps::with_frozen_agent,
};
use rocketmq_agent::remoting::{SubscriptionGroup, TopicConfig};

const GROUP: &str = "OrdersShop";

pub fn a_master_without_the_topics_of_the_others_is_named_and_gets_them_when_somebody_says_so(lab: &mut Lab) {
    let (first, second) = (lab.broker("vm1", "broker-a"), lab.broker("vm2", "broker-b"));
    let topic = TopicConfig { write_queue_nums: 3, ..TopicConfig::new("Orders", 5) };
    let pid = lab.pid("vm2", "broker-b");
    with_frozen_agent(lab, "vm2", |lab| {
        kill_9(pid);
        until(LONG, "the second master has ended", || !is_running(pid));
        lab.wait(first.create_topic(&topic)).unwrap();
        lab.wait(first.create_subscription_group(&SubscriptionGroup::new(GROUP))).unwrap();
    });
    let said = lab.until_reason("vm2", "broker-b", "topics-missing");
    assert_eq!(said, "it has not 1 topics that the other masters have: Orders");
    let copy = |lab: &Lab, arguments: &[&str], status: i32| {
        let output = lab.agents[0].run(&[&["copy-topics"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{said}");
        said
    };
    let said = copy(lab, &["--dry-run"], 3);
    assert!(said.contains("broker-b: consumer group OrdersShop\n"), "{said}");
    let line = "broker-b: topic Orders (5 queues to read, 3 to write, perm 6), as on broker-a\n";
    assert!(said.contains(line) && !said.contains("TBW102"), "{said}");
    assert!(!lab.wait(second.topics()).unwrap().contains_key("Orders"), "nothing was changed");
    copy(lab, &["broker-a", "--yes"], 0);
    copy(lab, &["--yes"], 0);
    let there = lab.wait(second.topics()).unwrap().remove("Orders");
    assert_eq!(there.map(|it| (it.read_queue_nums, it.write_queue_nums, it.perm)), Some((5, 3, topic.perm)));
    assert!(lab.wait(second.subscription_groups()).unwrap().contains_key(GROUP));
    assert!(copy(lab, &["--dry-run"], 0).contains("every master has"));
    let audit = lab.agents[0].run(&["history", "--audit"]).stdout;
    let audit = String::from_utf8_lossy(&audit);
    let lines: Vec<&str> = audit.lines().filter(|line| line.contains("copy-topics")).collect();
    let said = "broker-b: consumer group OrdersShop, topic Orders";
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains(said)), "{audit}");
    assert!(lines[0].ends_with("made, and read back") && lines[1].ends_with("asked for"), "{audit}");
    poll(LONG, "nothing is said any more", || match lab.instance("vm2", "broker-b")?.warnings {
        warnings if warnings.iter().any(|it| it.id == "topics-missing") => Err(format!("{warnings:?}")),
        _ => Ok(()),
    });
}
