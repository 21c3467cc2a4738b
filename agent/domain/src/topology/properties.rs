//! The rules for a line of broker.conf or namesrv.conf that is set by hand. RocketMQ drops a key that it does not know and
//! a value that it cannot read without a word (MixAll.properties2Object), so nothing of the kind may come that far.

use crate::{
    catalogue::{self, File, Standing, Wrong, lore},
    cluster_file::At,
    names::Version,
    problem::{Problems, nearest},
};

/// What holds for the keys of one file.
pub(super) struct Rules<'r> {
    pub file: File,
    /// `None` where the file does not say it; then what depends on it is not judged.
    pub version: Option<Version>,
    /// Where the value of a key that cannot be set by hand comes from.
    pub derived: &'r dyn Fn(&str) -> Option<&'static str>,
    /// Keys of a RocketMQ that was changed.
    pub extra: &'r [&'r str],
}

impl Rules<'_> {
    /// Reports what is wrong with a key or its value.
    pub fn judge(&self, name: &str, value: &At<String>, path: String, problems: &mut Problems<'_>) {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            problems.add(value.at, "bad-key", path, "is not the name of a RocketMQ key", "");
        } else if let Some(source) = (self.derived)(name) {
            problems.add(value.at, "derived-key", path, "cannot be set by hand", source);
        } else if value.value.trim() != value.value {
            // Blanks belong to the value in a Java properties file: "true " is false (MixAll.properties2Object).
            let fix = "RocketMQ would not understand it";
            problems.add(value.at, "blank-at-the-end", path, "starts or ends with a blank", fix);
        } else if value.value.chars().any(char::is_control) {
            problems.add(value.at, "control-character", path, "holds a control character", "");
        } else if value.value.is_empty() {
            problems.add(value.at, "empty-value", path, "is empty", "leave the key out to have RocketMQ's default");
        } else if let Some(version) = self.version.filter(|_| !self.extra.contains(&name)) {
            self.judge_known(name, value, path, version, problems);
        }
    }

    fn judge_known(&self, name: &str, value: &At<String>, path: String, version: Version, problems: &mut Problems<'_>) {
        let key = match catalogue::standing(self.file, name, version) {
            Standing::Known(key) => key,
            Standing::Neighbours(key, release) => {
                let what = format!("RocketMQ {release} has it, and whether {version} does is not known");
                problems.warn(value.at, "key-of-a-neighbour", path.clone(), what, "a release without it ignores it");
                key
            }
            Standing::OfOtherReleases(first, last) => {
                let releases = if first == last { first.to_string() } else { format!("{first} to {last}") };
                let what = format!("RocketMQ {version} does not have it: it is a key of {releases}");
                let fix = lore::instead_of(name).map_or_else(|| "leave it out".to_owned(), str::to_owned);
                return problems.add(value.at, "dead-key", path, what, fix);
            }
            Standing::Unknown => return self.unknown(name, value.at, path, version, problems),
        };
        let wrong = key.kind.judge(&value.value).or_else(|| lore::judge(name, &value.value));
        if let Some(Wrong { rule, what, fix }) = wrong {
            problems.add(value.at, rule, path, what, fix);
        }
    }

    fn unknown(&self, name: &str, at: usize, path: String, version: Version, problems: &mut Problems<'_>) {
        if let Some(instead) = lore::instead_of(name) {
            return problems.add(at, "dead-key", path, "no release of RocketMQ has it", instead);
        }
        let other = if self.file == File::Broker { File::Namesrv } else { File::Broker };
        let known = catalogue::keys(self.file, version);
        let fix = match nearest(name, known.iter().map(|key| key.name)) {
            Some(near) => match (self.derived)(near) {
                Some(source) => format!("\"{near}\" cannot be set by hand either: {source}"),
                None => format!("did you mean \"{near}\"?"),
            },
            None if catalogue::standing(other, name, version) != Standing::Unknown => {
                format!("it is a key of {}", other.name())
            }
            None if catalogue::releases().last().is_some_and(|newest| *newest < version) => {
                format!("if {version} brought it, name it in rocketmq.extra_keys")
            }
            None => "if your RocketMQ was changed to have it, name it in rocketmq.extra_keys".to_owned(),
        };
        let what = format!("RocketMQ {version} has no such key in {} and would ignore it", self.file.name());
        problems.add(at, "unknown-key", path, what, fix);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::topology;

    fn warned(version: &str, rest: &str) -> Vec<(usize, &'static str)> {
        let text = format!(
            "[cluster]\nmode = \"single\"\n[[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[rocketmq]\nversion = \"{version}\"\n{rest}"
        );
        topology::read(&text).unwrap().warnings.iter().map(|warning| (warning.line, warning.rule)).collect()
    }

    #[test]
    fn a_key_of_one_neighbour_only_is_taken_with_a_warning() {
        assert_eq!(warned("5.3.0", "[broker.config]\nauthenticationEnabled = true\n"), [(9, "key-of-a-neighbour")]);
        assert!(warned("5.3.3", "[broker.config]\nauthenticationEnabled = true\n").is_empty());
    }

    #[test]
    fn a_key_that_is_let_through_is_not_judged() {
        assert!(warned("5.5.0", "extra_keys = [\"ourOwn\"]\n[broker.config]\nourOwn = \"48h\"\n").is_empty());
    }
}
