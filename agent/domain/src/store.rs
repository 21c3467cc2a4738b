//! Whether a broker may be started on a store. A store is adopted, never emptied; one that belongs to another broker,
//! or whose commit log lies elsewhere, is left alone, because a broker started on it would serve an empty log and
//! delete the consume queues.

use crate::{
    launch::{Cause, StoreIdentity},
    observed::StoreState,
};

/// What to do with a store before a broker starts on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is this broker's.
    Own,
    /// It is this broker's or nobody's, and is to be marked as its own.
    Claim,
    /// No broker of this name may start on it.
    Refused(Cause),
}

/// Judges a store against the broker that is to start on it.
pub fn judge(identity: &StoreIdentity, state: &StoreState) -> Verdict {
    let root = identity.root.display();
    if let Some(mark) = &state.mark {
        if mark.broker != identity.broker.as_str() || mark.cluster != identity.cluster {
            let what = format!(
                "the store {root} belongs to {} of cluster {}, not to {} of {}",
                mark.broker, mark.cluster, identity.broker, identity.cluster
            );
            return refused(
                "foreign-store",
                what,
                "move it away, or give the group its old name with [[group]] in cluster.toml",
            );
        }
        if mark.commit_log != identity.commit_log && state.has_marked_commit_log && !state.has_commit_log {
            let what = format!(
                "the messages of {root} are in {}, and the broker would look in {}",
                mark.commit_log.display(),
                identity.commit_log.display()
            );
            return refused("commit-log-moved", what, "set cluster.base_dir and cluster.layout back");
        }
    }
    if state.has_consume_queues && !state.has_commit_log {
        let what =
            format!("{root} has consume queues, and there is no commit log in {}", identity.commit_log.display());
        return refused(
            "commit-log-missing",
            what,
            "move the commit log there: a broker started now would begin at offset 0 and delete the queues",
        );
    }
    if state.mark.is_none()
        && let Some(topics) = &state.topics
        && !topics.is_empty()
        && !topics.iter().any(|topic| topic == identity.broker.as_str())
    {
        // TopicConfigManager keeps a topic of the broker's own name since 3.x, and persists it with the others.
        let likely: Vec<&str> = topics.iter().map(String::as_str).filter(|t| t.contains("broker")).collect();
        let owner = if likely.is_empty() { "another broker".to_owned() } else { likely.join(" or ") };
        let what = format!("the store {root} belongs to {owner}, not to {}", identity.broker);
        return refused(
            "foreign-store",
            what,
            "move it away, or name the group after it with [[group]] in cluster.toml",
        );
    }
    if let Some(strangers) = &state.strangers {
        let what = format!("the store {root} holds what its broker may not write: {strangers}");
        return refused("store-owner", what, "`rocketmq-agent doctor --fix` gives them to the account of the broker");
    }
    match &state.mark {
        Some(mark) if mark.commit_log == identity.commit_log => Verdict::Own,
        _ => Verdict::Claim,
    }
}

fn refused(id: &str, what: String, fix: &str) -> Verdict {
    Verdict::Refused(Cause { id: id.to_owned(), what, fix: fix.to_owned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::observed::StoreMark;

    fn identity() -> StoreIdentity {
        StoreIdentity {
            root: "/s".into(),
            commit_log: "/s/commitlog".into(),
            cluster: "C".to_owned(),
            broker: "broker-a".parse().unwrap(),
        }
    }

    fn mark(broker: &str, commit_log: &str) -> Option<StoreMark> {
        Some(StoreMark { cluster: "C".to_owned(), broker: broker.to_owned(), commit_log: commit_log.into() })
    }

    fn refusal(state: &StoreState) -> String {
        match judge(&identity(), state) {
            Verdict::Refused(cause) => cause.id,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn an_empty_store_is_claimed_and_then_its_own() {
        assert_eq!(judge(&identity(), &StoreState::default()), Verdict::Claim);
        let marked = StoreState { mark: mark("broker-a", "/s/commitlog"), ..StoreState::default() };
        assert_eq!(judge(&identity(), &marked), Verdict::Own);
    }

    #[test]
    fn a_store_of_another_broker_is_refused_by_its_mark_and_by_its_topics() {
        assert_eq!(
            refusal(&StoreState { mark: mark("broker-b", "/s/commitlog"), ..StoreState::default() }),
            "foreign-store"
        );
        let topics = Some(vec!["broker-b".to_owned(), "TBW102".to_owned()]);
        assert_eq!(refusal(&StoreState { topics, has_commit_log: true, ..StoreState::default() }), "foreign-store");
    }

    #[test]
    fn a_hand_made_store_of_the_same_broker_is_adopted() {
        let topics = Some(vec!["broker-a".to_owned(), "Orders".to_owned()]);
        assert_eq!(
            judge(&identity(), &StoreState { topics, has_commit_log: true, ..StoreState::default() }),
            Verdict::Claim
        );
    }

    #[test]
    fn a_store_with_files_of_another_account_is_refused_and_keeps_its_mark_unset() {
        let strangers = Some("/s/lock belongs to user id 0".to_owned());
        assert_eq!(refusal(&StoreState { strangers: strangers.clone(), ..StoreState::default() }), "store-owner");
        // Whose it is comes first: nobody should be told to give another broker's files away.
        let foreign = StoreState { strangers, mark: mark("broker-b", "/s/commitlog"), ..StoreState::default() };
        assert_eq!(refusal(&foreign), "foreign-store");
    }

    #[test]
    fn a_commit_log_that_would_be_left_behind_is_refused() {
        let moved = StoreState { mark: mark("broker-a", "/old"), has_marked_commit_log: true, ..StoreState::default() };
        assert_eq!(refusal(&moved), "commit-log-moved");
        assert_eq!(refusal(&StoreState { has_consume_queues: true, ..StoreState::default() }), "commit-log-missing");
    }
}
