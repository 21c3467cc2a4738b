//! The rules for `[acl]`.

use super::judge_absolute;
use crate::{
    acl::{Acl, Generation, KEY_FILE, TWO_SINCE},
    cluster_file::ClusterFile,
    names::Version,
    problem::Problems,
};

/// What is wrong with it has been reported.
pub(super) fn judge(file: &ClusterFile, version: Option<Version>, problems: &mut Problems<'_>) -> Option<Acl> {
    let acl = file.acl.as_ref()?;
    judge_absolute(acl.key_file.as_ref(), "acl.key_file", problems);
    if let (Some(proxy), Some(version)) = (&file.proxy, version)
        && Generation::of(version) == Generation::One
    {
        // Its proxies have users of their own, and would not know those that are added to a broker's files.
        let what = format!("this agent does not set up access control of the proxies of RocketMQ {version}");
        let fix = format!("leave [proxy] or [acl] out, or use {TWO_SINCE} or newer");
        problems.add(proxy.at, "acl-with-proxy", "proxy", what, fix);
    }
    Some(Acl {
        access_key: acl.access_key.as_ref()?.value.clone(),
        key_file: acl.key_file.as_ref().map_or(KEY_FILE, |path| path.value.as_str()).into(),
        generation: Generation::of(version?),
    })
}
