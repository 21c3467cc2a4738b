//! Whether a broker may be started on a store. A store is adopted, never emptied; one that belongs to another broker,
//! or whose commit log lies elsewhere, is left alone, because a broker started on it would serve an empty log and
//! delete the consume queues.

use crate::{
    launch::{self, Cause, StoreFormat, StoreIdentity},
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
    if let Some(cause) = other_format(identity, state) {
        return Verdict::Refused(cause);
    }
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
    Verdict::Refused(launch::cause(id, what, fix))
}

/// Whether the store was made in a mode, or by a member, whose log this broker would not read: it would begin anew
/// beside it, and under the name of a member that has promised and stored something.
fn other_format(identity: &StoreIdentity, state: &StoreState) -> Option<Cause> {
    let root = identity.root.display();
    let cause = |id: &str, what: String, fix: &str| Some(launch::cause(id, what, fix));
    let back = "set cluster.mode back: RocketMQ cannot take a store from one mode to another; to change it, set up new \
                groups, let consumers finish the old ones, and take those away";
    let own = match &identity.format {
        StoreFormat::Plain | StoreFormat::Epochs => "commitlog".to_owned(),
        StoreFormat::Dledger { self_id } => format!("dledger-{self_id}"),
    };
    if let Some(other) = state.logs.iter().find(|log| **log != own) {
        let is_member = other.starts_with("dledger-") && own.starts_with("dledger-");
        let what = format!("the messages of {root} are in {other}, and the broker would look in {own}");
        return match is_member {
            true => cause("other-member", what, "put each store back on the host whose member wrote it"),
            false => cause("other-mode", what, back),
        };
    }
    // Written at the first start in controller mode, before anything is stored (5.1.1-5.5.0 `BrokerMetadata`).
    match (&identity.format, &state.identity) {
        (StoreFormat::Epochs, None) if state.has_commit_log => {
            cause("other-mode", format!("the store {root} was not made in controller mode"), back)
        }
        (StoreFormat::Epochs, Some(text)) => {
            let mut parts = text.trim().split('#');
            let (cluster, broker) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let is_own = cluster == identity.cluster && broker == identity.broker.as_str();
            let what = format!("the store {root} is known to the controllers as {broker} of cluster {cluster}");
            let fix = "move it away, or give the group its old name with [[group]] in cluster.toml";
            if is_own { None } else { cause("foreign-store", what, fix) }
        }
        (StoreFormat::Plain, Some(_)) => {
            cause("other-mode", format!("the store {root} was made in controller mode"), back)
        }
        _ => None,
    }
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
            format: StoreFormat::Plain,
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
    fn a_store_of_another_mode_or_member_is_refused() {
        let dledger = StoreIdentity { format: StoreFormat::Dledger { self_id: "n1".to_owned() }, ..identity() };
        let epochs = StoreIdentity { format: StoreFormat::Epochs, ..identity() };
        let logs = |log: &str| StoreState { logs: vec![log.to_owned()], has_commit_log: true, ..StoreState::default() };
        let known = |text: &str| StoreState { identity: Some(text.to_owned()), ..logs("commitlog") };
        let id = |identity: &StoreIdentity, state: &StoreState| match judge(identity, state) {
            Verdict::Refused(cause) => cause.id,
            other => format!("{other:?}"),
        };
        assert_eq!(id(&identity(), &logs("dledger-n1")), "other-mode");
        assert_eq!(id(&identity(), &known("C#broker-a#1")), "other-mode");
        assert_eq!(id(&dledger, &logs("commitlog")), "other-mode");
        assert_eq!(id(&dledger, &logs("dledger-n0")), "other-member");
        assert_eq!(id(&epochs, &logs("commitlog")), "other-mode");
        assert_eq!(id(&epochs, &logs("dledger-n1")), "other-mode");
        assert_eq!(id(&epochs, &known("C#broker-b#1")), "foreign-store");
        for (identity, state) in
            [(&identity(), logs("commitlog")), (&dledger, logs("dledger-n1")), (&epochs, known("C#broker-a#3"))]
        {
            assert_eq!(judge(identity, &state), Verdict::Claim);
        }
    }

    #[test]
    fn a_commit_log_that_would_be_left_behind_is_refused() {
        let moved = StoreState { mark: mark("broker-a", "/old"), has_marked_commit_log: true, ..StoreState::default() };
        assert_eq!(refusal(&moved), "commit-log-moved");
        assert_eq!(refusal(&StoreState { has_consume_queues: true, ..StoreState::default() }), "commit-log-missing");
    }
}
