//! Hosts that lose their power, under load.

use crate::{lab::Lab, real::Sender};

/// How often in an ordinary run.
const TIMES: usize = 6;

pub fn what_was_acknowledged_survives_hosts_that_lose_their_power(lab: &mut Lab) {
    let times = std::env::var("SOAK").map_or(TIMES, |times| times.parse().unwrap());
    let sender = Sender::start(lab, "Kept", "power", 50);
    for time in 0..times {
        let name = ["vm1", "vm2"][time % 2];
        lab.vm(name).power_off();
        // What is acknowledged while it is off was so without it.
        sender.until_sent(4);
        lab.vm(name).boot();
        lab.until_ready();
        let said = lab.vm(name).journal("rocketmq-agent", 100);
        assert!(said.contains("broker-a: ended: the host was restarted while it ran"), "{said}");
        sender.until_acknowledged(50);
        println!("  power-off {} of {times}: {} acknowledged so far", time + 1, sender.acknowledged().0.len());
    }
    let acknowledged = sender.stop();
    lab.receive_all("Kept", "Power", &acknowledged);
    println!("  {} acknowledged, all received", acknowledged.len());
}

pub fn both_hosts_that_lose_their_power_at_once_come_back_with_every_message(lab: &mut Lab) {
    let sender = Sender::start(lab, "Kept", "both", 50);
    lab.vms.iter_mut().for_each(|vm| vm.power_off());
    lab.vms.iter_mut().for_each(|vm| vm.boot());
    lab.until_ready();
    sender.until_acknowledged(50);
    let acknowledged = sender.stop();
    lab.receive_all("Kept", "Both", &acknowledged);
}

pub fn hosts_that_reboot_one_by_one_and_at_once_come_back_by_themselves(lab: &mut Lab) {
    lab.vms[0].reboot();
    lab.until_ready();
    std::thread::scope(|scope| {
        for vm in &mut lab.vms {
            scope.spawn(|| vm.reboot());
        }
    });
    lab.until_ready();
}
