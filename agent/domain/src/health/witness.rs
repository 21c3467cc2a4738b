//! Whether a witness is ready: it has nothing to run, so it is when it takes part in config sync. In: where its cluster
//! file comes from. Out: why not.

use super::report::ConfigReport;
use crate::{finding, launch::Cause};

/// What keeps a witness from being what it is there for.
pub fn obstacle(config: &ConfigReport) -> Option<Cause> {
    match (config.synced, config.generation) {
        (false, _) => Some(finding::WITNESS_WITHOUT_SECRET.of(&[])),
        (true, None) => Some(finding::WITNESS_WITHOUT_DOCUMENT.of(&[])),
        (true, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_is_ready_when_it_follows_a_document() {
        let config = |synced, generation| ConfigReport { synced, generation, ..ConfigReport::default() };
        let ids = [config(false, None), config(true, None), config(true, Some(1))].map(|config| obstacle(&config));
        let ids = ids.map(|cause| cause.map(|cause| cause.id));
        assert_eq!(ids, [Some("witness-without-secret".into()), Some("witness-without-document".into()), None]);
    }
}
