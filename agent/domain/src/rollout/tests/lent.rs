//! Masters that give up their writers while their slaves are away.
use super::*;
use crate::launch::cause;

/// The slave of broker-a is on vm2, its master on vm1.
const MASTER: usize = 0;
const SLAVE: usize = 1;

impl World {
    fn phase(&self, at: usize) -> Option<Phase> {
        Some(self.agents[at].record.as_ref()?.phase)
    }

    fn until(&mut self, what: &str, holds: impl Fn(&World) -> bool) {
        for _ in 0..400 {
            if holds(self) {
                return;
            }
            self.everybody_in_turn();
            self.check().unwrap();
        }
        assert!(holds(self), "{what}: {:?}", self.agents.iter().map(|it| (&it.record, &it.turns)).collect::<Vec<_>>());
    }

    /// The slave of broker-a is away, and its master without writers.
    fn lent() -> Self {
        let mut world = World::new(2);
        let both = [Some(Phase::Drained), Some(Phase::Stopping)];
        world.until("its slave is stopped", |it| [MASTER, SLAVE].map(|at| it.phase(at)) == both);
        world
    }

    fn only_masters_agent_goes_on(&mut self, steps: u64) {
        for _ in 0..steps {
            self.look(MASTER);
            self.step(MASTER);
            self.publish(MASTER);
        }
    }
}

#[test]
fn a_slave_is_stopped_when_its_master_has_no_writers_and_the_master_has_them_back_before_anything_else_moves() {
    let mut world = World::new(2);
    let mut moved = world.moved.clone();
    for _ in 0..400 {
        world.everybody_in_turn();
        world.check().unwrap();
        let read_only: Vec<usize> = (0..2).filter(|at| !world.read_only(*at).is_empty()).collect();
        for name in world.moved.iter().filter(|it| !moved.contains(it)) {
            let lender = ["vm2/broker-a", "vm1/broker-b"].iter().position(|slave| slave == name);
            assert_eq!(read_only.first().copied(), lender, "{name}");
        }
        assert!(read_only.len() <= 1);
        moved.clone_from(&world.moved);
    }
    assert!(world.is_over());
    let said = Turn { verb: Verb::Lend, phase: Phase::Draining, since: 0, waits: None };
    assert_eq!(said.in_words(), "gives up its writers, as its slave is restarted");
}

#[test]
fn no_master_is_drained_where_no_other_one_takes_messages_or_no_send_waits_for_a_slave() {
    let one = World::with("2m-2s-sync", 2, "");
    for (mut world, groups) in [(one, 1), (World::of("2m-2s-async", 2), 2)] {
        if groups == 1 {
            let of_a = |seat: &Seat| !seat.role.is_broker() || seat.instance.as_str() == "broker-a";
            world.order.retain(of_a);
            for agent in &mut world.agents {
                agent.truth.instances.retain(|it| !it.role.is_broker() || it.instance.as_str() == "broker-a");
            }
            (0..2).for_each(|at| world.publish(at));
        }
        while !world.moved.iter().any(|it| it == "vm2/broker-a") {
            world.everybody_in_turn();
            assert!((0..2).all(|at| world.read_only(at).is_empty()));
        }
    }
}

#[test]
fn a_lost_host_a_turn_that_is_withdrawn_and_one_that_never_ends_give_the_writers_back() {
    let mut world = World::lent();
    world.agents[SLAVE].alive = false;
    world.only_masters_agent_goes_on(5);
    assert_eq!(world.phase(MASTER), Some(Phase::Drained), "an agent may be away for a moment");
    world.only_masters_agent_goes_on(15);
    assert!(world.read_only(MASTER).is_empty() && world.phase(MASTER).is_none());

    let mut world = World::new(2);
    world.until("it drains", |it| !it.read_only(MASTER).is_empty());
    let paused = cause("paused", "ann paused it", "");
    world.agents[SLAVE].paused = Some(paused.clone());
    (0..5).for_each(|_| world.everybody_in_turn());
    assert!(world.read_only(MASTER).is_empty() && world.phase(MASTER).is_none());

    let mut world = World::lent();
    world.only_masters_agent_goes_on(190);
    assert_eq!(world.phase(MASTER), Some(Phase::Drained), "a store may take minutes to be read");
    world.only_masters_agent_goes_on(20);
    assert!(world.read_only(MASTER).is_empty() && world.phase(MASTER).is_none());
    world.until("all is well in the end", World::is_over);
}

#[test]
fn a_master_that_goes_on_alone_has_its_writers_back_and_one_that_is_to_waits_for_that() {
    let mut world = World::lent();
    let master = world.agents[MASTER].truth.instances.iter().position(|it| it.role == Role::Master).unwrap();
    world.agents[MASTER].truth.instances[master].sync_lowered = Some(false);
    // Stopped by hand, as far as anybody can see.
    let slave = world.agents[SLAVE].record.take().unwrap().instance;
    world.agents[SLAVE].turns.clear();
    let slave = world.agents[SLAVE].truth.instances.iter_mut().find(|it| it.instance == slave).unwrap();
    slave.reasons.push(cause("stopped-by-hand", "", ""));
    world.agents[MASTER].truth.instances[master].state = State::NotReady;
    world.publish(SLAVE);
    world.only_masters_agent_goes_on(20);
    assert_eq!(world.phase(MASTER), Some(Phase::Drained));
    world.agents[MASTER].truth.instances[master].sync_lowered = Some(true);
    world.only_masters_agent_goes_on(4);
    assert!(world.read_only(MASTER).is_empty() && world.phase(MASTER).is_none());
}

#[test]
fn agents_that_are_killed_at_any_point_go_on_or_give_the_writers_back() {
    for steps in 0..60 {
        for killed in [MASTER, SLAVE] {
            let mut world = World::new(2);
            world.until("the slave waits", |it| it.phase(SLAVE) == Some(Phase::MasterDrains));
            for step in 0..steps {
                world.look(step % 2);
                world.step(step % 2);
                world.publish(step % 2);
            }
            world.restart_agent(killed);
            world.until("all is well in the end", World::is_over);
        }
    }
}
