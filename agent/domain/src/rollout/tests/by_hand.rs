//! What people order, and how they let everything stand still.

use super::*;

impl World {
    pub(super) fn wish(&mut self, at: usize, which: usize, verb: Verb) {
        let agent = &mut self.agents[at];
        let instance = agent.truth.instances[which % agent.truth.instances.len()].instance.clone();
        agent.wish = Some(Wish { instance, verb });
    }

    fn nothing_is_due(&mut self) {
        self.restart = Restart::Manual;
        for at in 0..self.agents.len() {
            self.agents[at].truth.instances.iter_mut().for_each(|it| it.restart_pending = false);
            self.publish(at);
        }
    }

    fn waits(&self, at: usize) -> Vec<String> {
        self.agents[at].turns.values().filter_map(|turn| Some(turn.waits.as_ref()?.what.to_string())).collect()
    }
}

#[test]
fn an_order_goes_through_the_gate_whatever_the_file_says_of_restarts_and_a_stop_stays() {
    let mut world = World::new(2);
    world.nothing_is_due();
    world.wish(1, 2, Verb::Stop);
    while world.moved.is_empty() || world.agents[0].record.is_some() {
        world.everybody_in_turn();
    }
    world.wish(0, 1, Verb::Restart);
    let master = world.agents[0].wish.clone().unwrap().instance;
    let mut drained = false;
    for _ in 0..100 {
        world.everybody_in_turn();
        drained |= world.agents[0].permission.get(&master).is_some_and(|it| it == "4");
    }
    let moved = ["vm2/broker-a", &format!("vm1/{master}")];
    assert_eq!(world.moved, moved[..1], "without its slave the master may not");
    assert_eq!(world.waits(0), ["the slave of broker-a on vm2 is stopped"]);
    assert!(!drained);
    world.agents[1].held.clear();
    for _ in 0..100 {
        world.everybody_in_turn();
        drained |= world.agents[0].permission.get(&master).is_some_and(|it| it == "4");
    }
    assert_eq!(world.moved, moved);
    assert!(drained && world.is_over());
}

#[test]
fn while_it_is_paused_nothing_moves_and_a_drain_is_undone() {
    let mut world = World::new(2);
    world.nothing_is_due();
    world.wish(0, 1, Verb::Restart);
    let draining = |world: &World| world.agents[0].permission.values().any(|it| it == "4");
    while !draining(&world) {
        world.everybody_in_turn();
    }
    let paused = crate::launch::cause("paused", "ann paused it", "");
    world.agents[0].paused = Some(paused);
    for _ in 0..20 {
        world.everybody_in_turn();
    }
    assert!(world.moved.is_empty() && !draining(&world) && world.agents[0].record.is_none());
    world.wish(0, 1, Verb::Restart);
    world.everybody_in_turn();
    assert_eq!(world.waits(0), ["ann paused it"]);
}

#[test]
fn who_leaves_before_it_moves_has_ordered_nothing_and_the_only_master_stays() {
    let mut world = World::new(2);
    world.nothing_is_due();
    world.wish(0, 1, Verb::Restart);
    world.look(0);
    world.step(0);
    assert!(world.agents[0].record.is_some(), "it is announced");
    world.agents[0].wish = None;
    for _ in 0..20 {
        world.everybody_in_turn();
    }
    assert!(world.moved.is_empty() && world.is_over());
    world.order.retain(|seat| seat.role != Role::Master || seat.host == world.agents[0].truth.host);
    world.wish(0, 1, Verb::Stop);
    for _ in 0..20 {
        world.everybody_in_turn();
    }
    assert_eq!(world.waits(0), ["it is the only master: without it nobody takes messages"]);
}
