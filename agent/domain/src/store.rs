//! Whether a broker may be started on a store. A store is adopted, never emptied; one that belongs to another broker,
//! or whose commit log lies elsewhere, is left alone, because a broker started on it would serve an empty log and
//! delete the consume queues.

use crate::{
    finding,
    launch::{Cause, StoreFormat, StoreIdentity},
    observed::StoreState,
};
use std::fmt::Display;

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
    let (root, wanted) = (identity.root.display(), identity.commit_log.display());
    if let Some(cause) = other_format(identity, state) {
        return Verdict::Refused(cause);
    }
    if let Some(mark) = &state.mark {
        if mark.broker != identity.broker.as_str() || mark.cluster != identity.cluster {
            return Verdict::Refused(finding::STORE_OF_ANOTHER_BROKER.of(&[
                ("store", &root),
                ("owner", &mark.broker),
                ("cluster", &mark.cluster),
                ("broker", &identity.broker),
                ("own", &identity.cluster),
            ]));
        }
        if mark.commit_log != identity.commit_log && state.has_marked_commit_log && !state.has_commit_log {
            let found = mark.commit_log.display();
            let values: [(&str, &dyn Display); 3] = [("store", &root), ("found", &found), ("wanted", &wanted)];
            return Verdict::Refused(finding::COMMIT_LOG_MOVED.of(&values));
        }
    }
    if state.has_consume_queues && !state.has_commit_log {
        return Verdict::Refused(finding::COMMIT_LOG_MISSING.of(&[("store", &root), ("wanted", &wanted)]));
    }
    if state.mark.is_none()
        && let Some(topics) = &state.topics
        && !topics.is_empty()
        && !topics.iter().any(|topic| topic == identity.broker.as_str())
    {
        // TopicConfigManager keeps a topic of the broker's own name since 3.x, and persists it with the others.
        let likely: Vec<&str> = topics.iter().map(String::as_str).filter(|t| t.contains("broker")).collect();
        let owner = if likely.is_empty() { "another broker".to_owned() } else { likely.join(" or ") };
        let values: [(&str, &dyn Display); 3] = [("store", &root), ("owner", &owner), ("broker", &identity.broker)];
        return Verdict::Refused(finding::STORE_OF_OTHER_TOPICS.of(&values));
    }
    if let Some(strangers) = &state.strangers {
        let values: [(&str, &dyn Display); 2] = [("store", &root), ("strangers", strangers)];
        return Verdict::Refused(finding::STORE_OWNER.of(&values));
    }
    match &state.mark {
        Some(mark) if mark.commit_log == identity.commit_log => Verdict::Own,
        _ => Verdict::Claim,
    }
}

/// Whether the store was made in a mode, or by a member, whose log this broker would not read: it would begin anew
/// beside it, and under the name of a member that has promised and stored something.
fn other_format(identity: &StoreIdentity, state: &StoreState) -> Option<Cause> {
    let root = identity.root.display();
    let own = match &identity.format {
        StoreFormat::Plain | StoreFormat::Epochs => "commitlog".to_owned(),
        StoreFormat::Dledger { self_id } => format!("dledger-{self_id}"),
    };
    if let Some(other) = state.logs.iter().find(|log| **log != own) {
        let is_member = other.starts_with("dledger-") && own.starts_with("dledger-");
        let finding = if is_member { finding::OTHER_MEMBER } else { finding::OTHER_MODE };
        let values: [(&str, &dyn Display); 3] = [("store", &root), ("found", other), ("wanted", &own)];
        return Some(finding.of(&values));
    }
    // Written at the first start in controller mode, before anything is stored (5.1.1-5.5.0 `BrokerMetadata`).
    match (&identity.format, &state.identity) {
        (StoreFormat::Epochs, None) if state.has_commit_log => {
            Some(finding::NOT_OF_CONTROLLER_MODE.of(&[("store", &root)]))
        }
        (StoreFormat::Epochs, Some(text)) => {
            let mut parts = text.trim().split('#');
            let (cluster, broker) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let is_own = cluster == identity.cluster && broker == identity.broker.as_str();
            let values: [(&str, &dyn Display); 3] = [("store", &root), ("owner", &broker), ("cluster", &cluster)];
            (!is_own).then(|| finding::STORE_KNOWN_OTHERWISE.of(&values))
        }
        (StoreFormat::Plain, Some(_)) => Some(finding::OF_CONTROLLER_MODE.of(&[("store", &root)])),
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
            Verdict::Refused(cause) => cause.id.to_string(),
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
            Verdict::Refused(cause) => cause.id.to_string(),
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
