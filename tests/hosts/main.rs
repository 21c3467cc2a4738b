//! Promises kept on hosts that boot a systemd of their own, with real RocketMQ under it, installed from the package.
//!
//! Needs root. Everything is made in namespaces of this run's own: network, mounts and processes end with it. An argument
//! picks the claims whose name holds it; `--more` and `--soak` pick from the longer ones, which `make more` and `make soak`
//! run; `KEEP=1` keeps the hosts' disks; `SOAK=n` sets how often power is lost.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

mod bench;
mod boundary;
mod bring_up;
mod commit_logs;
mod crashes;
mod disk;
mod doctor;
mod faults;
mod lab;
mod losses;
mod losses_elected;
mod one_file;
#[path = "../sync/pki.rs"]
mod pki;
mod power;
#[path = "../real/mod.rs"]
mod real;
mod refusals;
mod services;
mod vm;
mod watcher;

use lab::Lab;
use real::runner::{self, Suite, claims};
use std::process::{Command, ExitCode};

/// Set in the process that has the namespaces.
const INSIDE: &str = "HOSTS_RUN";

fn suites() -> Vec<Suite<Lab>> {
    vec![
        Suite {
            name: "two-hosts",
            lab: || Lab::new("bookworm", "5.5.0", "2m-2s-sync", &["vm1", "vm2"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
                bring_up::systemd_finds_nothing_wrong_with_the_units_and_their_sandbox,
                bring_up::a_client_sends_and_receives,
                bring_up::one_archive_tells_how_a_host_is,
                doctor::doctor_names_what_is_wrong_with_files_and_says_when_it_is_right,
                doctor::doctor_names_what_is_wrong_with_a_machine_and_says_when_it_is_right,
                doctor::doctor_names_what_does_not_get_through_between_hosts_and_says_when_it_does,
                crashes::every_instance_that_is_killed_comes_back,
                crashes::an_agent_killed_or_frozen_disturbs_no_jvm_and_no_send,
                crashes::an_upgrade_of_the_package_disturbs_no_jvm_and_no_send,
                power::what_was_acknowledged_survives_hosts_that_lose_their_power,
                crashes::without_the_agents_program_a_booted_host_starts_its_brokers,
                faults::hosts_that_cannot_reach_each_other_say_so_and_come_together_again,
                faults::a_full_disk_is_named_and_clears,
                crashes::a_host_that_is_given_up_and_taken_back_has_its_messages,
                crashes::a_removed_package_leaves_the_brokers_and_a_purged_one_the_messages,
                one_file::with_one_secret_and_a_witness_three_hosts_keep_one_file,
                boundary::boundary_floods_of_connections_keep_no_change_out,
                one_file::a_host_that_loses_its_power_in_the_middle_of_its_apply_catches_up,
                one_file::a_host_that_is_cut_off_refuses_changes_and_its_brokers_run_on,
                one_file::a_lost_majority_is_left_behind_and_returns,
                refusals::of_two_changes_at_once_one_wins_and_the_other_one_is_told_so,
                refusals::the_secret_may_come_from_systemd_as_a_credential,
                refusals::what_was_recorded_on_the_way_and_is_sent_again_changes_nothing_and_is_counted,
                refusals::a_cluster_file_of_garbage_or_of_five_megabytes_is_refused_and_kept_and_the_brokers_run_on,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "debian-13",
            lab: || Lab::new("trixie", "5.5.0", "single", &["vm1"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_a_single_broker,
                bring_up::systemd_finds_nothing_wrong_with_the_units_and_their_sandbox,
                boundary::boundary_an_instances_folder_is_roots_and_its_account_changes_nothing_in_it,
                boundary::boundary_the_agent_limits_its_own_memory_and_leaves_the_operators_limit,
                boundary::boundary_an_agent_whose_port_a_broker_took_supervises_and_says_so,
                boundary::boundary_an_earlier_agents_folders_are_taken_over_while_the_broker_runs,
                boundary::boundary_names_that_change_hands_all_the_time_harm_nothing_of_roots,
                services::a_proxy_and_an_exporter_that_are_added_run_beside_the_brokers,
                services::a_proxy_and_an_exporter_that_are_killed_come_back,
                services::a_reboot_starts_the_proxy_after_the_brokers_that_it_needs,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
    ]
}

/// What takes too long for `make test`: `--more`.
fn more() -> Vec<Suite<Lab>> {
    vec![
        Suite {
            name: "slow",
            lab: || Lab::new("bookworm", "5.5.0", "2m-2s-sync", &["vm1", "vm2"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
                bring_up::a_client_sends_and_receives,
                crashes::a_broker_that_hangs_is_named_and_started_anew,
                power::hosts_that_reboot_one_by_one_and_at_once_come_back_by_themselves,
                faults::a_read_only_disk_is_named_and_clears,
                faults::a_port_that_another_program_took_is_named_with_that_program_and_clears,
                faults::a_user_with_other_ids_is_named_and_clears,
                faults::a_unit_that_systemd_cannot_start_is_named_in_systemds_words_and_clears,
                power::both_hosts_whose_processes_end_at_once_come_back_with_every_message,
                faults::a_store_that_belongs_to_another_user_is_named_and_clears,
                one_file::with_one_secret_and_a_witness_three_hosts_keep_one_file,
                refusals::a_host_with_a_wrong_secret_or_none_takes_no_change_and_its_brokers_run_on,
                refusals::a_host_whose_own_certificate_ran_out_takes_no_change_until_it_has_a_new_one,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "debian-11",
            lab: || Lab::new("bullseye", "5.5.0", "single", &["vm1"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_a_single_broker,
                bring_up::systemd_finds_nothing_wrong_with_the_units_and_their_sandbox,
                boundary::boundary_an_instances_folder_is_roots_and_its_account_changes_nothing_in_it,
                boundary::boundary_the_agent_limits_its_own_memory_and_leaves_the_operators_limit,
                boundary::boundary_an_agent_whose_port_a_broker_took_supervises_and_says_so,
                boundary::boundary_an_earlier_agents_folders_are_taken_over_while_the_broker_runs,
                boundary::boundary_names_that_change_hands_all_the_time_harm_nothing_of_roots,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
    ]
}

/// What takes too long for `make test`, losses of power above all: `--soak`.
fn soak() -> Vec<Suite<Lab>> {
    vec![
        Suite {
            name: "losses",
            lab: || Lab::new("bookworm", "5.5.0", "2m-2s-sync", &["vm1", "vm2"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
                power::what_was_acknowledged_survives_hosts_that_lose_their_power,
                losses::a_loss_of_power_while_the_last_one_is_made_good_loses_no_message,
                losses::losses_of_power_right_after_the_boot_lose_no_message,
                losses::a_slave_lost_while_its_master_takes_back_its_tail_loses_no_message,
                losses::an_admission_that_is_killed_again_and_again_loses_no_message,
                losses::a_lost_tail_of_several_files_comes_back,
                losses::a_shorter_master_that_runs_is_stopped_and_takes_back_its_tail,
                losses::a_repair_on_a_full_disk_waits_until_there_is_room,
                boundary::boundary_what_a_broker_planted_leads_its_admission_nowhere,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "boundary",
            lab: || Lab::new("bullseye", "5.5.0", "single", &["vm1"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_a_single_broker,
                boundary::boundary_an_earlier_package_and_this_one_take_turns_without_a_restart,
                boundary::boundary_links_fifos_and_trees_of_a_broker_lead_root_nowhere,
                boundary::boundary_removing_a_host_with_its_messages_deletes_nothing_behind_links,
                boundary::boundary_embedded_jvms_of_a_root_agent_lead_root_nowhere_either,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "losses-of-4.9.4",
            lab: || Lab::new("bookworm", "4.9.4", "2m-2s-sync", &["vm1", "vm2"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
                power::what_was_acknowledged_survives_hosts_that_lose_their_power,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "losses-of-both",
            lab: || {
                let lab = Lab::new("bookworm", "5.5.0", "2m-2s-sync", &["vm1", "vm2"]);
                lab.with_key("flushDiskType = \"SYNC_FLUSH\"")
            },
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
                losses::both_hosts_that_lose_their_power_at_once_lose_nothing_that_was_flushed,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "losses-of-halves",
            lab: || Lab::new("bookworm", "5.5.0", "2m-2s-sync", &["vm1", "vm2"]).with_key(losses::LATE_FLUSH),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
                losses::a_slave_that_ends_in_half_a_message_is_cut_to_its_masters_end,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "losses-controller",
            lab: || {
                let lab = Lab::new("bookworm", "5.5.0", "controller", &["vm1", "vm2", "vm3"]);
                lab.with_sections(losses_elected::CONTROLLERS)
            },
            claims: claims![Lab:
                losses_elected::the_package_and_one_file_bring_up_a_group_that_elects_its_master,
                losses_elected::a_group_of_controllers_whose_hosts_lose_their_power_keeps_what_was_acknowledged,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "losses-dledger",
            lab: || Lab::new("bookworm", "4.9.4", "dledger", &["vm1", "vm2", "vm3"]),
            claims: claims![Lab:
                losses_elected::the_package_and_one_file_bring_up_a_group_that_elects_its_master,
                losses_elected::a_dledger_group_whose_hosts_lose_their_power_serves_again,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
        Suite {
            name: "losses-async",
            lab: || Lab::new("bookworm", "5.5.0", "2m-2s-async", &["vm1", "vm2"]),
            claims: claims![Lab:
                bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
                losses::a_slave_that_lost_all_that_it_had_has_its_masters_log_again,
                losses::without_waiting_for_the_slave_all_that_it_had_comes_back,
                bring_up::stopping_the_hosts_leaves_no_abort_file,
            ],
        },
    ]
}

/// Measures where the tests judge; `make bench` asks for it.
fn bench() -> Vec<Suite<Lab>> {
    vec![Suite {
        name: "bench",
        lab: || Lab::new("bookworm", "5.5.0", "2m-2s-sync", &["vm1", "vm2"]),
        claims: claims![Lab:
            bring_up::the_package_and_one_file_bring_up_four_brokers_in_sync,
            bench::start_up_beside_units_written_by_hand,
            bench::restart_beside_units_written_by_hand,
            bench::an_idle_agent,
            bring_up::stopping_the_hosts_leaves_no_abort_file,
        ],
    }]
}

fn main() -> ExitCode {
    if std::env::var_os(INSIDE).is_none() {
        // The first process of a namespace ignores Ctrl-C. This one does not, and takes that one along.
        let status = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(std::env::args_os())
            .env(INSIDE, std::process::id().to_string())
            .status();
        return match status {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("hosts: cannot run setpriv: {error}");
                ExitCode::FAILURE
            }
        };
    }
    lab::plug_in_switch();
    // By its name, or by that of one of its claims, which no test's name holds.
    let measured = ["bench", "start_up_beside", "restart_beside", "idle_agent"];
    let asked = |wanted: &[&str]| std::env::args().any(|argument| wanted.contains(&&*argument));
    runner::run(match () {
        () if asked(&measured) => bench(),
        () if asked(&["--soak"]) => soak(),
        () if asked(&["--more"]) => more(),
        () => suites(),
    })
}
