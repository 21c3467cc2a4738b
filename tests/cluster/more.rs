//! The suites that `make more` runs.

use super::*;

/// What takes too long for `make test`, and what differs from one of [`suites`] in the release only: `--more`.
pub fn more() -> Vec<Suite<Lab>> {
    vec![
        Suite {
            name: "4.9.4-all",
            lab: || Lab::new(23, "4.9.4", "2m-2s-sync", 2, SMALL_FILES),
            claims: with_a_stranger(everywhere()),
        },
        Suite { name: "slow-5.5.0", lab: || Lab::new(21, "5.5.0", "2m-2s-sync", 2, STRICT), claims: slow() },
        Suite {
            name: "controller-all",
            lab: || Lab::new(24, "5.5.0", "controller", 3, elections::CONTROLLERS),
            claims: elected(),
        },
        Suite {
            name: "drains",
            lab: || Lab::new(22, "5.5.0", "2m-2s-sync", 2, SMALL_FILES),
            claims: claims![Lab:
                claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
                rollout::a_partner_that_dies_in_the_drain_stops_it_and_an_agent_that_dies_in_the_drain_goes_on,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "4.7.0",
            lab: || Lab::new(2, "4.7.0", "single", 1, SMALL_FILES),
            claims: claims![Lab:
                claims::it_starts_and_registers,
                starts::each_start_that_fails_is_told_in_one_sentence,
                claims::after_an_unclean_end_it_starts_again,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "dledger",
            lab: || Lab::new(8, "4.9.4", "dledger", 3, "[rollout]\nrestart = \"auto\"\n"),
            claims: elected(),
        },
        Suite {
            name: "upgrade",
            lab: || Lab::new(16, "4.9.4", "2m-2s-sync", 2, SMALL_FILES),
            claims: claims![Lab:
                claims::one_file_brings_up_two_namesrvs_and_four_brokers_in_sync,
                upgrades::what_is_to_know_before_another_release_is_said_on_the_way_there_and_back,
                upgrades::another_release_is_rolled_out_under_load_with_no_failed_send_and_the_messages_stay,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "embedded",
            lab: || Lab::new(18, "5.5.0", "controller", 3, elections::EMBEDDED),
            claims: claims![Lab:
                elections::one_file_brings_up_a_group_that_elects_its_master,
                elections::a_master_lost_with_its_host_is_followed_by_another_and_nothing_acknowledged_is_lost,
                elections::namesrvs_are_rolled_out_with_the_controllers_leader_last_and_nothing_acknowledged_is_lost,
                elections::controllers_leave_the_namesrvs_when_their_data_was_moved_and_not_before,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite { name: "tls-4.9.4", lab: || tls::enforcing("4.9.4"), claims: tls_only() },
        Suite {
            name: "embedding",
            lab: || Lab::new(20, "5.5.0", "controller", 3, elections::CONTROLLERS),
            claims: claims![Lab:
                elections::one_file_brings_up_a_group_that_elects_its_master,
                elections::controllers_enter_the_namesrvs_one_host_after_the_other_and_nothing_acknowledged_is_lost,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "tls-rollout",
            lab: tls::speaking,
            claims: claims![Lab:
                tls::plain_text_is_shut_out_and_let_in_again_under_load_and_nothing_is_lost,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "tls-controller",
            lab: tls::elected,
            claims: claims![Lab:
                elections::one_file_brings_up_a_group_that_elects_its_master,
                elections::a_master_lost_with_its_host_is_followed_by_another_and_nothing_acknowledged_is_lost,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite { name: "dledger-4.7.0", lab: || Lab::new(10, "4.7.0", "dledger", 3, SMALL_FILES), claims: elections() },
        Suite { name: "dledger-5.5.0", lab: || Lab::new(11, "5.5.0", "dledger", 3, SMALL_FILES), claims: elections() },
        Suite {
            name: "async-4.9.4",
            lab: || Lab::new(13, "4.9.4", "2m-2s-async", 2, SMALL_FILES),
            claims: asynchronous(Vec::new()),
        },
        Suite {
            name: "multi-master-4.9.4",
            lab: || Lab::new(14, "4.9.4", "multi-master", 2, SMALL_FILES),
            claims: claims![Lab:
                claims::it_starts_and_registers,
                claims::the_java_client_sends_1000_messages_and_receives_them_all,
                claims::a_master_killed_under_load_comes_back_and_nothing_acknowledged_is_lost,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "single-4.9.4",
            lab: || Lab::new(15, "4.9.4", "single", 1, SMALL_FILES),
            claims: claims![Lab:
                claims::it_starts_and_registers,
                claims::after_an_unclean_end_it_starts_again,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "acl-all",
            lab: acl::two,
            claims: claims![Lab:
                acl::without_its_key_nothing_that_needs_one_starts_and_with_it_all_comes_up_in_sync,
                online::a_changed_key_is_taken_by_brokers_that_run_on,
                offsets::what_was_consumed_from_the_slave_is_not_consumed_again_when_the_master_is_back,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
        Suite {
            name: "plain-acl",
            lab: acl::one,
            claims: claims![Lab:
                acl::without_its_key_nothing_that_needs_one_starts_and_with_it_all_comes_up_in_sync,
                acl::who_has_no_key_is_refused_and_who_has_it_sends_and_receives,
                acl::a_slave_gets_the_topics_of_its_master,
                acl::the_key_is_in_the_files_that_need_it_and_shown_nowhere,
                offsets::what_was_consumed_from_the_slave_is_not_consumed_again_when_the_master_is_back,
                acl::another_key_is_taken_by_brokers_that_run_on,
                claims::ending_the_agents_leaves_no_jvm_and_no_abort_file,
            ],
        },
    ]
}
