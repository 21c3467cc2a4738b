//! The rules for `[acl]`.

use super::judge_absolute;
use crate::{
    acl::{Acl, Generation, KEY_FILE},
    cluster_file::ClusterFile,
    names::Version,
    problem::Problems,
};

/// What is wrong with it has been reported.
pub(super) fn judge(file: &ClusterFile, version: Option<Version>, problems: &mut Problems<'_>) -> Option<Acl> {
    let acl = file.acl.as_ref()?;
    judge_absolute(acl.key_file.as_ref(), "acl.key_file", problems);
    if let Some(proxy) = &file.proxy {
        // It would take requests from everybody and pass them on as the administrator.
        let what = "this agent does not set up access control of proxies, and without it a proxy lets everybody in";
        problems.add(proxy.at, "acl-with-proxy", "proxy", what, "leave [proxy] or [acl] out");
    }
    Some(Acl {
        access_key: acl.access_key.as_ref()?.value.clone(),
        key_file: acl.key_file.as_ref().map_or(KEY_FILE, |path| path.value.as_str()).into(),
        generation: Generation::of(version?),
    })
}
