//! Finds the Java that runs the instances, without running any: its release is in the `release` file of its home.
//! One that was named is taken or refused; it is never replaced by another without a word.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A Java of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// Its home.
    pub home: PathBuf,
    /// The `java` program.
    pub program: PathBuf,
    /// 8, 11, 17 …
    pub version: u16,
    /// As it says itself: `17.0.15`, `1.8.0_412`.
    pub full_version: String,
}

/// Why there is no Java to use.
#[derive(Debug, thiserror::Error)]
pub enum JavaError {
    /// The one that was named is not usable.
    #[error("java_home {home} {why}")]
    Named {
        /// Its home.
        home: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// None of those found fits.
    #[error("no Java of this host fits: {}", Found(found))]
    NoneFits {
        /// All that were found.
        found: Vec<Java>,
    },
}

struct Found<'j>(&'j [Java]);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there is none; install one, for example openjdk-17-jre-headless");
        }
        for (index, java) in self.0.iter().enumerate() {
            write!(f, "{}{} is Java {}", if index == 0 { "" } else { ", " }, java.home.display(), java.full_version)?;
        }
        f.write_str("; install one that does, or name it with rocketmq.java_home")
    }
}

/// Where distributions put their Javas.
const FOLDERS: [&str; 3] = ["/usr/lib/jvm", "/usr/java", "/opt"];
/// Those with long support first; 17 is what every release of RocketMQ that is in use was tried on.
const PREFERRED: [u16; 4] = [17, 11, 21, 8];

/// The Java to use: the one at `home`, or else the best of this host that `accepts` its release.
pub fn find(home: Option<&Path>, accepts: impl Fn(u16) -> bool) -> Result<Java, JavaError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(home, accepts, &std::env::split_paths(&path).collect::<Vec<_>>(), &FOLDERS.map(PathBuf::from))
}

fn find_in(
    home: Option<&Path>,
    accepts: impl Fn(u16) -> bool,
    path: &[PathBuf],
    folders: &[PathBuf],
) -> Result<Java, JavaError> {
    if let Some(home) = home {
        let named = |why: String| JavaError::Named { home: home.to_owned(), why };
        let java = look(home).map_err(named)?;
        return if accepts(java.version) { Ok(java) } else { Err(named(format!("is Java {}", java.full_version))) };
    }
    let on_path = path.iter().filter_map(|folder| fs::canonicalize(folder.join("java")).ok());
    let on_path = on_path.filter_map(|program| Some(program.parent()?.parent()?.to_owned()));
    let in_folders = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let in_folders = in_folders.filter_map(|entry| fs::canonicalize(entry.path()).ok());
    let mut homes: Vec<PathBuf> = on_path.chain(in_folders).map(without_jre).collect();
    homes.sort();
    homes.dedup();
    let found: Vec<Java> = homes.iter().filter_map(|home| look(home).ok()).collect();
    let rank = |java: &&Java| {
        let place = PREFERRED.iter().position(|version| *version == java.version).unwrap_or(PREFERRED.len());
        (place, u16::MAX - java.version)
    };
    let best = found.iter().filter(|java| accepts(java.version)).min_by_key(rank).cloned();
    best.ok_or(JavaError::NoneFits { found })
}

/// A JDK 8 links `java` into its inner `jre`, which has no release file.
fn without_jre(home: PathBuf) -> PathBuf {
    match (home.ends_with("jre"), home.parent()) {
        (true, Some(outer)) if outer.join("release").exists() => outer.to_owned(),
        _ => home,
    }
}

/// Looks at one Java home; the error says what is wrong with it.
fn look(home: &Path) -> Result<Java, String> {
    let program = home.join("bin/java");
    let found = fs::metadata(&program).map_err(|error| format!("has no bin/java ({error})"))?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err("has a bin/java that is not a program".to_owned());
    }
    let release = fs::read_to_string(home.join("release")).map_err(|error| format!("has no release file ({error})"))?;
    let full_version = release
        .lines()
        .find_map(|line| line.strip_prefix("JAVA_VERSION="))
        .map(|value| value.trim().trim_matches('"').to_owned())
        .ok_or("has a release file without JAVA_VERSION")?;
    let version = number(&full_version).ok_or_else(|| format!("has the odd version \"{full_version}\""))?;
    Ok(Java { home: home.to_owned(), program, version, full_version })
}

/// `1.8.0_412` is 8, `17.0.15` is 17.
fn number(full: &str) -> Option<u16> {
    let mut parts = full.split(|c: char| !c.is_ascii_digit());
    let first: u16 = parts.next()?.parse().ok()?;
    if first == 1 { parts.next()?.parse().ok() } else { Some(first) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    fn make(folder: &Path, name: &str, version: &str) -> PathBuf {
        let home = folder.join(name);
        fs::create_dir_all(home.join("bin")).unwrap();
        fs::write(home.join("bin/java"), "").unwrap();
        fs::set_permissions(home.join("bin/java"), Permissions::from_mode(0o755)).unwrap();
        fs::write(home.join("release"), format!("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"{version}\"\n")).unwrap();
        home
    }

    fn found(folder: &Path, accepts: impl Fn(u16) -> bool) -> Result<u16, String> {
        find_in(None, accepts, &[], &[folder.to_owned()]).map(|java| java.version).map_err(|error| error.to_string())
    }

    #[test]
    fn of_several_javas_the_preferred_one_that_fits_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for (name, version) in [("jdk8", "1.8.0_412"), ("jdk11", "11.0.2"), ("jdk17", "17.0.15"), ("jdk25", "25")] {
            make(dir.path(), name, version);
        }
        assert_eq!(found(dir.path(), |_| true), Ok(17));
        assert_eq!(found(dir.path(), |version| version < 17), Ok(11));
        assert_eq!(found(dir.path(), |version| version > 21), Ok(25));
    }

    #[test]
    fn when_none_fits_all_are_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(found(dir.path(), |_| true).unwrap_err().contains("there is none; install one"));
        make(dir.path(), "jdk25", "25.0.1");
        let error = found(dir.path(), |version| version <= 21).unwrap_err();
        assert!(error.contains("jdk25 is Java 25.0.1"), "{error}");
    }

    #[test]
    fn a_named_java_is_taken_or_refused_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), "jdk17", "17.0.15");
        let old = make(dir.path(), "jdk7", "1.7.0_80");
        let find = |home: &Path| find_in(Some(home), |version| version >= 8, &[], &[dir.path().to_owned()]);
        assert!(find(&old).unwrap_err().to_string().ends_with("is Java 1.7.0_80"));
        assert!(find(&dir.path().join("gone")).unwrap_err().to_string().contains("has no bin/java"));
        assert_eq!(find(&dir.path().join("jdk17")).unwrap().version, 17);
    }

    #[test]
    fn a_java_on_the_path_is_found_through_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let home = make(dir.path(), "jdk17", "17.0.15");
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(home.join("bin/java"), bin.join("java")).unwrap();
        let java = find_in(None, |_| true, &[bin], &[]).unwrap();
        assert_eq!(java.home, fs::canonicalize(home).unwrap());
    }
}
