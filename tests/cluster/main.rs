//! Promises kept on real RocketMQ: real JVMs under real agents, reached by the official Java client of each release.
//!
//! An argument picks the claims whose name holds it; `--more` the suites that `make test` leaves out,
//! `--not=SUITE` all but that one, `--only=SUITE` that one alone; `KEEP=1` keeps the folders.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

mod acl;
mod adoption;
mod bad_change;
mod by_hand;
mod claims;
mod demo;
mod elections;
mod hangs;
mod lab;
mod more;
mod offsets;
mod online;
mod outside;
mod proxies;
#[path = "../real/mod.rs"]
mod real;
mod rollout;
mod starts;
mod stories;
mod tls;
mod topics;
mod traps;
mod upgrades;

use lab::Lab;
use real::runner::{self, Claim, Logs, Suite, claims};
use std::process::ExitCode;

/// What holds for both lines of releases; of the older one, `make test` shows [`older`].
fn everywhere() -> Vec<Claim<Lab>> {
    claims![Lab:
        claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
        claims::after_convergence_nothing_is_planned_and_nothing_is_written,
        claims::the_java_client_sends_1000_messages_and_receives_them_all,
        claims::smoke_sends_through_every_master,
        claims::a_master_killed_under_load_comes_back_and_nothing_acknowledged_is_lost,
        claims::an_agent_killed_and_started_again_disturbs_no_jvm,
        traps::without_its_slave_a_sync_master_does_not_say_send_ok,
        traps::with_its_master_down_a_slave_is_read_from,
        offsets::what_was_consumed_from_the_slave_is_not_consumed_again_when_the_master_is_back,
        traps::a_second_agent_on_a_live_store_starts_nothing,
        traps::a_host_may_be_removed_only_while_the_others_are_known_to_be_whole,
        traps::a_rendered_file_that_is_changed_by_hand_is_put_right,
        traps::a_key_changed_online_is_named,
        online::a_changed_key_is_taken_by_brokers_that_run_on,
        traps::two_claimants_of_one_name_and_id_are_named,
        traps::a_new_empty_slave_says_that_it_has_no_history,
        claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
    ]
}

/// What most likely differs in the older line: how it comes up, sends, dies, copies and is read from.
fn older() -> Vec<Claim<Lab>> {
    claims![Lab:
        claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
        claims::the_java_client_sends_1000_messages_and_receives_them_all,
        claims::a_master_killed_under_load_comes_back_and_nothing_acknowledged_is_lost,
        traps::without_its_slave_a_sync_master_does_not_say_send_ok,
        online::a_changed_key_is_taken_by_brokers_that_run_on,
        claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
    ]
}

/// And what does not depend on the release.
fn newest() -> Vec<Claim<Lab>> {
    let mut claims = everywhere();
    // Before there are other topics.
    claims.splice(
        2..2,
        claims![Lab:
            topics::a_master_without_the_topics_of_the_others_is_named_and_gets_them_when_somebody_says_so,
        ],
    );
    // Before the slave that loses its history.
    let before = claims.len() - 2;
    claims.splice(
        before..before,
        claims![Lab:
            outside::haproxy_routes_away_from_a_name_server_that_is_not_ready_and_back,
            traps::each_host_says_what_the_other_reaches_of_it_and_what_time_it_is_there,
            outside::the_exit_status_of_status_says_whether_clients_can_work,
        ],
    );
    claims
}

/// Before the last two, which lose a slave's history and end all.
fn with_a_stranger(mut claims: Vec<Claim<Lab>>) -> Vec<Claim<Lab>> {
    let before = claims.len() - 2;
    let stranger = claims![Lab: traps::a_store_that_a_stranger_uses_is_left_alone_and_the_stranger_named];
    claims.splice(before..before, stranger);
    claims
}

/// What waits longest.
fn slow() -> Vec<Claim<Lab>> {
    claims![Lab:
        claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
        traps::a_store_that_a_stranger_uses_is_left_alone_and_the_stranger_named,
        hangs::a_hang_is_named_and_clears_and_nothing_is_restarted_unasked,
        hangs::a_hang_is_ended_where_that_is_asked_for_and_the_other_member_answers,
        claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
    ]
}

/// Groups whose master does not wait for the slave, and what may be lost of them and comes back.
fn asynchronous(more: Vec<Claim<Lab>>) -> Vec<Claim<Lab>> {
    let mut claims = claims![Lab:
        claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
        claims::the_java_client_sends_1000_messages_and_receives_them_all,
        claims::a_master_killed_under_load_comes_back_and_nothing_acknowledged_is_lost,
    ];
    claims.extend(more);
    claims.extend(claims![Lab: claims::ending_the_agents_leaves_no_jvm_and_no_abort_file]);
    claims
}

/// What of [`elected`] the release makes a difference to.
fn elections() -> Vec<Claim<Lab>> {
    claims![Lab:
        elections::one_file_brings_up_a_group_that_elects_its_master,
        elections::a_master_lost_with_its_host_is_followed_by_another_and_nothing_acknowledged_is_lost,
        claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
    ]
}

fn elected() -> Vec<Claim<Lab>> {
    claims![Lab:
        elections::one_file_brings_up_a_group_that_elects_its_master,
        elections::a_master_lost_with_its_host_is_followed_by_another_and_nothing_acknowledged_is_lost,
        elections::a_changed_file_is_rolled_out_with_the_master_last_and_nothing_acknowledged_is_lost,
        elections::a_store_is_not_taken_to_another_mode,
    ]
}

fn tls_only() -> Vec<Claim<Lab>> {
    claims![Lab:
        tls::nobody_is_taken_in_plain_text_and_all_come_up_in_sync,
        tls::a_client_that_speaks_tls_sends_and_receives_and_one_that_does_not_is_shut_out,
        tls::doctor_names_what_is_wrong_with_certificate_and_key_and_is_content_again,
        tls::a_new_certificate_and_its_key_are_taken_by_all_while_they_run,
        claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
    ]
}

/// Small commit log files, so that a few megabytes fill several.
const SMALL_FILES: &str = "[broker.config]\nmappedFileSizeCommitLog = 1048576\n";
/// And brokers that look at their list of NameServers every 2 s instead of every two minutes.
const QUICK_LISTS: &str = "[broker.config]\nmappedFileSizeCommitLog = 1048576\nupdateNameServerAddrPeriod = 2000\n";

/// And masters that acknowledge nothing alone, so that a slave may be away for as long as a claim takes.
const STRICT: &str = "sync = \"strict\"\n[broker.config]\nmappedFileSizeCommitLog = 1048576\n";

fn suites() -> Vec<Suite<Lab>> {
    vec![
        Suite { name: "5.5.0", lab: || Lab::new(0, "5.5.0", "2m-2s-sync", 2, STRICT), claims: newest() },
        Suite { name: "4.9.4", lab: || Lab::new(1, "4.9.4", "2m-2s-sync", 2, SMALL_FILES), claims: older() },
        Suite {
            name: "stories",
            lab: stories::lab,
            claims: claims![Lab:
                claims::it_starts_and_registers,
                stories::the_way_through_a_store_that_was_not_closed_is_told_in_percent_and_nothing_restarts_it,
                stories::the_first_error_is_told_and_not_the_exception_in_the_shutdown_after_it,
                stories::a_kill_by_the_kernel_for_want_of_memory_is_told_from_any_other,
                stories::a_full_disk_is_told_and_nothing_acknowledged_is_lost,
                stories::a_broker_started_on_a_full_disk_takes_nothing_until_there_is_room_and_then_without_a_restart,
                stories::a_broker_whose_log_has_a_gap_is_given_no_more_messages_until_it_is_restarted,
                stories::ending_the_agent_leaves_no_jvm,
            ],
        },
        Suite {
            name: "rollout",
            lab: || Lab::new(6, "5.5.0", "2m-2s-sync", 2, SMALL_FILES),
            claims: claims![Lab:
                claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
                by_hand::a_restart_of_a_master_by_hand_under_load_loses_nothing_and_no_send_fails,
                by_hand::without_its_slave_a_master_is_restarted_only_where_that_is_insisted_on,
                by_hand::of_two_who_restart_both_members_of_a_group_at_once_one_waits,
                rollout::hosts_with_different_files_move_nothing_and_say_why,
                rollout::a_changed_file_is_rolled_out_in_order_under_load_and_nothing_is_lost,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "controller",
            lab: || Lab::new(7, "5.5.0", "controller", 3, elections::CONTROLLERS),
            claims: elections(),
        },
        Suite {
            name: "async-5.5.0",
            lab: || Lab::new(12, "5.5.0", "2m-2s-async", 2, bad_change::IN_TURN).with_secret(),
            claims: asynchronous(claims![Lab:
                bad_change::a_change_that_no_broker_starts_with_stops_at_the_first_and_rollback_heals_it,
            ]),
        },
        Suite {
            name: "alone",
            lab: || Lab::new(5, "5.5.0", "2m-2s-sync", 2, QUICK_LISTS),
            claims: claims![Lab:
                claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
                online::the_list_of_namesrvs_changes_under_brokers_that_run_on,
                online::strictly_no_send_is_acknowledged_while_the_other_host_is_dead,
                online::with_the_other_host_dead_a_master_goes_on_alone_and_waits_again_when_its_slave_is_back,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "proxies",
            lab: || Lab::new(9, "5.5.0", "multi-master", 2, proxies::PROXIES),
            claims: claims![Lab:
                proxies::a_grpc_client_sends_through_one_proxy_and_receives_through_the_other,
                proxies::a_proxy_that_is_killed_comes_back_and_serves,
                proxies::haproxy_routes_away_from_a_proxy_that_is_not_ready_and_back,
                proxies::a_jar_with_another_checksum_is_never_run_and_the_right_one_is_kept_running,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "acl",
            lab: acl::two,
            claims: claims![Lab:
                acl::without_its_key_nothing_that_needs_one_starts_and_with_it_all_comes_up_in_sync,
                acl::who_has_no_key_is_refused_and_who_has_it_sends_and_receives,
                acl::a_slave_gets_the_topics_of_its_master,
                acl::a_client_with_the_key_sends_and_receives_through_proxies_and_one_without_is_refused,
                acl::the_key_is_in_the_files_that_need_it_and_shown_nowhere,
                acl::a_host_with_another_key_says_that_it_is_refused_and_never_that_a_broker_is_down,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite { name: "tls", lab: || tls::enforcing("5.5.0"), claims: tls_only() },
        Suite {
            name: "adoption",
            lab: adoption::lab,
            claims: claims![Lab:
                adoption::a_tree_that_was_run_by_hand_is_taken_over_with_its_messages,
                adoption::after_remove_the_kept_store_is_adopted_again_with_its_messages,
                adoption::a_tree_of_another_broker_stops_the_plan,
            ],
        },
        Suite {
            name: "demo",
            lab: || Lab::new(3, "5.5.0", "single", 1, ""),
            claims: claims![Lab:demo::the_demo_runs_and_ctrl_c_ends_it_cleanly],
        },
    ]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let are_named = arguments.iter().any(|argument| !argument.starts_with('-'));
    let mut suites = match arguments.iter().any(|argument| argument == "--more") {
        true => more::more(),
        false if are_named => suites().into_iter().chain(more::more()).collect(),
        false => suites(),
    };
    suites.retain(|suite| !arguments.contains(&format!("--not={}", suite.name)));
    let only = arguments.iter().any(|argument| argument.starts_with("--only="));
    suites.retain(|suite| !only || arguments.contains(&format!("--only={}", suite.name)));
    runner::run(suites)
}

impl Logs for Lab {
    fn show_logs(&self) {
        for agent in &self.agents {
            let text = std::fs::read_to_string(agent.config.with_file_name("agent.log")).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            println!("--- last lines of the agent of {}", agent.host);
            println!("{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}
