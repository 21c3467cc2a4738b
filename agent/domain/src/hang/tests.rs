//! When an instance hangs, and when it is ended for it.

use super::*;

const RESTART: Policy = Policy { on_hang: OnHang::Restart, after: Duration::from_secs(60) };
const REPORT: Policy = Policy { on_hang: OnHang::Report, ..RESTART };

/// Silent for 75 s, with another member that answers.
fn silence() -> Silence {
    Silence {
        quiet_for: Duration::from_secs(75),
        has_answered: true,
        accepts: true,
        activity: Fact::Known(Activity::Runs),
        others: Others::Answer,
    }
}

fn reason(silence: &Silence, last_end: Option<Duration>) -> String {
    match judge(RESTART, silence, last_end) {
        Verdict::NotNow(why) => why,
        other => format!("{other:?}"),
    }
}

#[test]
fn a_silence_is_a_hang_from_the_configured_time_on() {
    let short = Silence { quiet_for: Duration::from_secs(59), ..silence() };
    assert_eq!(judge(RESTART, &short, None), Verdict::Patience);
    let enough = Silence { quiet_for: Duration::from_secs(60), ..silence() };
    assert_eq!(judge(RESTART, &enough, None), Verdict::End);
}

#[test]
fn an_instance_whose_port_takes_no_connection_is_never_ended() {
    let closed = Silence { accepts: false, quiet_for: Duration::from_secs(9000), ..silence() };
    assert_eq!(judge(RESTART, &closed, None), Verdict::Patience);
}

#[test]
fn a_hang_is_only_named_unless_a_restart_is_asked_for() {
    assert_eq!(judge(REPORT, &silence(), None), Verdict::Named);
}

#[test]
fn a_member_is_not_ended_while_the_other_one_is_not_known_to_answer() {
    let alone = Silence { others: Others::Unknown("its slave does not answer".to_owned()), ..silence() };
    assert_eq!(reason(&alone, None), "its slave does not answer");
    let only = Silence { others: Others::Nobody, ..silence() };
    assert_eq!(judge(RESTART, &only, None), Verdict::End);
}

#[test]
fn it_is_ended_at_most_once_in_half_an_hour() {
    let ago = AGAIN_AFTER - Duration::from_secs(1);
    assert_eq!(reason(&silence(), Some(ago)), "it was restarted for a hang 29 min ago");
    assert_eq!(judge(RESTART, &silence(), Some(AGAIN_AFTER)), Verdict::End);
}

#[test]
fn a_process_that_a_restart_does_not_help_is_left_alone() {
    for activity in [Activity::Traced, Activity::WaitsForDisk] {
        let held = Silence { activity: Fact::Known(activity), ..silence() };
        assert!(matches!(judge(RESTART, &held, None), Verdict::NotNow(_)), "{activity:?}");
    }
    let unseen = Silence { activity: Fact::Unknown("no rights".to_owned()), ..silence() };
    assert_eq!(reason(&unseen, None), "what its process does cannot be told: no rights");
    let stopped = Silence { activity: Fact::Known(Activity::Stopped), ..silence() };
    assert_eq!(judge(RESTART, &stopped, None), Verdict::End);
}

#[test]
fn a_hang_says_for_how_long_and_what_its_process_does() {
    let words = |activity| {
        let silence = Silence { activity: Fact::Known(activity), ..silence() };
        cause(&Verdict::Named, &silence, 10911, 812).what
    };
    let silent = "it accepts connections on 10911 and has not answered for 75 s";
    assert_eq!(words(Activity::Runs), silent);
    assert_eq!(words(Activity::Stopped), format!("{silent}: pid 812 is stopped (SIGSTOP)"));
    assert_eq!(words(Activity::WaitsForDisk), format!("{silent}: pid 812 waits for its disk"));
    let never = Silence { has_answered: false, ..silence() };
    let never = cause(&Verdict::Named, &never, 10911, 812).what;
    assert_eq!(never, format!("{silent}, nor ever since this agent runs"));
    let held = cause(&Verdict::NotNow("its slave does not answer".to_owned()), &silence(), 10911, 812);
    assert!(held.fix.starts_with("it is not restarted now: its slave does not answer; "), "{}", held.fix);
}
