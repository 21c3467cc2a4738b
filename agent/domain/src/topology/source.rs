//! Where RocketMQ comes from: the rules about `rocketmq.source` and its checksum.

use super::{Source, judge_absolute};
use crate::{
    cluster_file::{At, ClusterFile},
    problem::Problems,
};

pub(super) fn judge(file: &ClusterFile, problems: &mut Problems<'_>) -> Option<Source> {
    if let Some(sum) = &file.sha512
        && (sum.value.len() != 128 || !sum.value.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        problems.add(
            sum.at,
            "bad-sha512",
            "rocketmq.sha512",
            "must be 128 hexadecimal digits",
            "`sha512sum FILE` prints it",
        );
    }
    judge_absolute(file.base_dir.as_ref(), "cluster.base_dir", problems);
    judge_absolute(file.java_home.as_ref(), "rocketmq.java_home", problems);
    for (index, host) in file.hosts.iter().enumerate() {
        judge_absolute(host.base_dir.as_ref(), &format!("host[{index}].base_dir"), problems);
        judge_absolute(host.java_home.as_ref(), &format!("host[{index}].java_home"), problems);
    }
    let source = file.source.as_ref()?;
    if source.value.starts_with("http://") && file.sha512.is_none() {
        let what = "anyone on the way can change what plain http brings";
        problems.add(source.at, "http-without-sha512", "rocketmq.source", what, "add rocketmq.sha512, or use https");
    } else {
        judge_location(source, "rocketmq.source", problems);
    }
    if source.value.starts_with("https://") && file.sha512.is_none() {
        let what = "whoever answers at this address decides what the brokers run";
        problems.warn(source.at, "https-without-sha512", "rocketmq.source", what, "add rocketmq.sha512");
    }
    Some(Source {
        location: source.value.clone(),
        sha512: file.sha512.as_ref().map(|sum| sum.value.to_ascii_lowercase()),
    })
}

pub(super) fn judge_location(source: &At<String>, key: &str, problems: &mut Problems<'_>) {
    if !["/", "https://", "http://"].iter().any(|begin| source.value.starts_with(begin)) {
        let what = "must be an absolute path or an http(s) URL";
        problems.add(source.at, "bad-source", key, what, format!("this is \"{}\"", source.value));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::topology;

    #[test]
    fn a_release_from_a_server_is_warned_of_until_it_has_a_checksum() {
        let rules = |source: &str| {
            let text = format!(
                "[cluster]\nname = \"c1\"\nmode = \"single\"\n[rocketmq]\nversion = \"5.5.0\"\n{source}\n\
                 [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n"
            );
            topology::read(&text).map(|topology| topology.warnings.into_iter().map(|it| it.rule).collect::<Vec<_>>())
        };
        let sum = format!("sha512 = \"{}\"", "0a".repeat(64));
        assert_eq!(rules("source = \"https://a/r.zip\"").unwrap(), ["https-without-sha512"]);
        assert!(rules(&format!("source = \"https://a/r.zip\"\n{sum}")).unwrap().is_empty());
        assert!(rules(&format!("source = \"http://a/r.zip\"\n{sum}")).unwrap().is_empty());
        assert!(rules("source = \"http://a/r.zip\"").is_err());
        assert!(rules("source = \"/opt/r.zip\"").unwrap().is_empty());
    }
}
