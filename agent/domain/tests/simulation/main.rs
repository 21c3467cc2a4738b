//! The register under everything that hosts, disks and networks do, from seeds; and every order of events in small
//! scopes. `make sim` runs many more; `SEED=n make sim` replays one with all that happened.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod chaos;
mod dead;
mod model;
mod truth;
mod world;

use chaos::{Seen, run};
use model::{Scope, explore};
use world::Broken;

fn number(name: &str) -> Option<u64> {
    #[allow(clippy::disallowed_methods)]
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The first seed that shows a violation.
fn search(broken: Broken, seeds: std::ops::Range<u64>) -> Result<Seen, (u64, String)> {
    let mut sum = Seen::default();
    for seed in seeds {
        let run = run(seed, broken, false);
        if let Some(violation) = run.violation {
            return Err((seed, violation));
        }
        sum.commits += run.seen.commits;
        sum.conflicts += run.seen.conflicts;
        sum.overrides += run.seen.overrides;
    }
    Ok(sum)
}

#[test]
fn no_order_of_faults_breaks_a_promise() {
    if let Some(seed) = number("SEED") {
        let run = run(seed, Broken::Nothing, true);
        return assert!(run.violation.is_none(), "{}\n{:?}", run.trace.join("\n"), run.violation);
    }
    let seeds = number("SEEDS").unwrap_or(3_000);
    match search(Broken::Nothing, 0..seeds) {
        Ok(seen) => {
            // A run that commits nothing shows nothing.
            assert!(seen.commits as u64 > 2 * seeds, "{seen:?}");
            assert!(seen.overrides > 0 && seen.conflicts > 0, "{seen:?}");
            #[allow(clippy::disallowed_macros)]
            {
                println!("{seeds} seeds: {seen:?}");
            }
        }
        Err((seed, violation)) => panic!("{violation}; replay it with SEED={seed}"),
    }
}

/// A simulation that cannot fail shows nothing: each of these is done wrong on purpose, and must be found.
#[test]
fn what_is_done_wrong_on_purpose_is_found() {
    let rare = number("SEEDS").map(|_| Broken::PromisesNotWritten);
    let common = [
        Broken::PromisesIgnored,
        Broken::AnswersBeforeWrites,
        Broken::AcceptedNotHeard,
        Broken::OldMajorityOnly,
        Broken::OldLifeAfterWipe,
        Broken::OldVoteTaken,
    ];
    // Some twenty thousand seeds for the rare one: for `make sim`.
    for broken in common.into_iter().chain(rare) {
        let found = search(broken, 0..100_000);
        #[allow(clippy::disallowed_macros)]
        match found {
            Ok(seen) => panic!("{broken:?} was not found: {seen:?}"),
            Err((seed, violation)) => println!("{broken:?} is found by seed {seed}: {violation}"),
        }
    }
}

/// Of the scopes below, those that are looked at as a whole, and the states that the next one needs for that.
const COMPLETE: usize = 4;
const TWO_BECOME_THREE: usize = 80_000;

/// Small scopes: two or three hosts, two writers that change the same document.
fn scopes(states: usize) -> Vec<(&'static str, Scope)> {
    let scope = |hosts, config: &[usize], changes: &[&[usize]]| Scope {
        hosts,
        config: config.to_vec(),
        changes: changes.iter().map(|change| change.to_vec()).collect(),
        crashes: 0,
        ticks: 1,
        wipe: None,
        states,
        buries: true,
    };
    let two_hosts = Scope { states: states.max(20_000), ..scope(2, &[1, 2], &[&[1, 2], &[1, 2]]) };
    vec![
        ("two hosts, two writers", two_hosts.clone()),
        ("two hosts, two writers, a crash", Scope { crashes: 1, ..two_hosts.clone() }),
        ("two hosts, two writers, a wiped disk", Scope { wipe: Some(2), ..two_hosts }),
        ("three hosts, one writer, a crash", Scope { crashes: 1, ..scope(3, &[1, 2, 3], &[&[1, 2, 3]]) }),
        ("two hosts become three", scope(3, &[1, 2], &[&[1, 2, 3], &[1, 2]])),
        ("three hosts, two writers", scope(3, &[1, 2, 3], &[&[1, 2, 3], &[1, 2, 3]])),
        ("three hosts become two", scope(3, &[1, 2, 3], &[&[1, 2], &[2, 3]])),
    ]
}

/// Or what is looked at as a whole would not be the whole.
#[test]
fn without_dead_messages_the_same_is_reached() {
    let small = [1, 3].map(|index| scopes(20_000).swap_remove(index));
    for (name, scope) in small.map(|(name, scope)| (name, Scope { ticks: 0, ..scope })) {
        let [with, without] = [false, true].map(|buries| explore(&Scope { buries, ..scope.clone() }, Broken::Nothing));
        let (with, without) = (with.unwrap(), without.unwrap());
        assert!(with.complete && without.complete && without.states < with.states, "{name}: {with:?} {without:?}");
        assert!(with.reached == without.reached, "{name}: {} {}", with.reached.len(), without.reached.len());
    }
}

#[test]
fn no_order_of_events_in_a_small_scope_breaks_a_promise() {
    let states = number("STATES").unwrap_or(1_500) as usize;
    let complete = COMPLETE + usize::from(states >= TWO_BECOME_THREE);
    for (index, (name, scope)) in scopes(states).into_iter().enumerate() {
        let explored = explore(&scope, Broken::Nothing).unwrap_or_else(|violation| panic!("{name}: {violation}"));
        #[allow(clippy::disallowed_macros)]
        {
            println!("{name}: {explored:?}");
        }
        assert!(explored.commits > 1, "{name}: nothing was committed, {explored:?}");
        assert!(explored.complete || index >= complete, "{name}: {explored:?}");
    }
    // Two hosts are too few to fail by what the network does: each one's own vote is in every majority.
    let (name, scope) = scopes(states).swap_remove(3);
    assert!(explore(&scope, Broken::AnswersBeforeWrites).is_err(), "{name}: it cannot fail");
}
