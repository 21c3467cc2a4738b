//! Losses of power where the group's own members elect a master and cut what the others do not have.

use crate::{
    lab::Lab,
    power::until_back,
    real::{Sender, Sent},
};
use std::fs;

const GROUP: &str = "broker-a";

/// Three hosts with a controller each.
pub const CONTROLLERS: &str = "[controller]\nheap = \"128M\"\n";

pub fn the_package_and_one_file_bring_up_a_group_that_elects_its_master(lab: &mut Lab) {
    lab.install_everywhere();
    lab.until_ready();
    lab.master_of(GROUP);
    lab.create_topic("Kept");
}

/// Takes the power of the master's host in turn, and once a slave's. What was sent.
fn lose_in_turn(lab: &mut Lab) -> Sent {
    let sender = Sender::start(lab, "Kept", "elected", 200);
    sender.until_acknowledged(400);
    for time in 0..4 {
        let leads = lab.master_of(GROUP);
        let others = lab.hosts.iter().map(|(host, _)| *host).filter(|host| *host != leads).collect::<Vec<_>>();
        let host = if time == 2 { others[0] } else { leads };
        lab.vm(host).power_off();
        println!("  {host} lost its power; {leads} was the master");
        sender.until_acknowledged(200);
        println!("  now {} is", lab.master_of(GROUP));
        until_back(lab, &[host]);
        sender.until_acknowledged(200);
    }
    sender.stop_with_retries()
}

pub fn a_group_of_controllers_whose_hosts_lose_their_power_keeps_what_was_acknowledged(lab: &mut Lab) {
    let sent = lose_in_turn(lab);
    lab.receive_all_once("Kept", "elected", &sent);
    println!("  {} acknowledged, all received", sent.acknowledged.len());
}

/// DLedger promises no more: a member that lost its tail may be elected with another one that has it no more, either.
pub fn a_dledger_group_whose_hosts_lose_their_power_serves_again(lab: &mut Lab) {
    let sent = lose_in_turn(lab);
    let file = lab.dir.join("elected.bodies");
    fs::write(&file, sent.acknowledged.join("\n") + "\n").unwrap();
    let file = file.display().to_string();
    let (_, said) = lab.java(&["receive", "--topic", "Kept", "--group", "GE", "--bodies", &file, "--timeout", "60"]);
    println!("  {} acknowledged: {said}", sent.acknowledged.len());
    assert!(said.contains("received="), "{said}");
}
