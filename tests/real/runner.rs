//! Runs claims about real clusters. A runner of its own, because the claims of one cluster share its expensive start and
//! go in order. An argument picks a suite by its name, or the claims whose name holds it, and the first and last of their suite,
//! which they build on; one that picks nothing is an error. `--list` names all.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Instant,
};

/// One claim and how it is shown.
pub type Claim<L> = (&'static str, fn(&mut L));

/// A cluster and what is claimed of it, in order: the first claim brings it up, the last takes it down.
pub struct Suite<L> {
    pub name: &'static str,
    pub lab: fn() -> L,
    pub claims: Vec<Claim<L>>,
}

/// What a suite's cluster runs on.
pub trait Logs {
    /// Prints what tells why a claim failed.
    fn show_logs(&self);
}

/// Names each claim as its function is named.
macro_rules! claims {
    ($lab:ty: $($module:ident :: $name:ident),* $(,)?) => {
        vec![$((stringify!($name), $module::$name as fn(&mut $lab))),*]
    };
}
pub(crate) use claims;

/// Runs what the arguments of this program pick.
pub fn run<L: Logs>(suites: Vec<Suite<L>>) -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if std::env::args().any(|argument| argument == "--list") {
        for suite in &suites {
            suite.claims.iter().for_each(|(claim, _)| println!("{}::{claim}: test", suite.name));
        }
        return ExitCode::SUCCESS;
    }
    let picks = |filter: &String, suite: &Suite<L>, claim: &str| claim.contains(filter) || suite.name == filter;
    let picks_any =
        |filter: &&String| suites.iter().any(|suite| suite.claims.iter().any(|(claim, _)| picks(filter, suite, claim)));
    if let Some(nothing) = filters.iter().find(|filter| !picks_any(filter)) {
        eprintln!("no suite is called {nothing:?}, and no claim's name holds it; --list names all");
        return ExitCode::from(2);
    }
    let (mut passed, mut failed, mut left_out) = (0, 0, 0);
    for suite in suites {
        let wanted = |claim: &str| filters.is_empty() || filters.iter().any(|filter| picks(filter, &suite, claim));
        if !suite.claims.iter().any(|(claim, _)| wanted(claim)) {
            left_out += suite.claims.len();
            continue;
        }
        let mut lab = (suite.lab)();
        let last = suite.claims.len() - 1;
        for (index, (name, show)) in suite.claims.iter().enumerate() {
            if !wanted(name) && index != 0 && index != last {
                left_out += 1;
                continue;
            }
            let began = Instant::now();
            let shown = catch_unwind(AssertUnwindSafe(|| show(&mut lab)));
            let verdict = if shown.is_ok() { "ok" } else { "FAILED" };
            println!("test {}::{name} ... {verdict} ({} s)", suite.name, began.elapsed().as_secs());
            if shown.is_ok() {
                passed += 1;
                continue;
            }
            failed += 1;
            lab.show_logs();
            // What comes after stands on a cluster that is as it should be.
            left_out += last - index;
            break;
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {left_out} ignored; 0 measured; 0 filtered out"
    );
    ExitCode::from(u8::from(failed != 0))
}
