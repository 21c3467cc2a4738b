//! The Java that a JVM of this host is started with: an explicit home or the usual places in, one [`Java`] out.
//!
//! Reads names and `release` files only. Nothing is executed, so that looking costs nothing on every pass and a broken
//! Java cannot hang the agent; and `JAVA_HOME` is not asked, because what a shell has set must not decide what a service
//! runs on.

use std::env;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The order in which accepted versions are preferred; after them the highest. All have long-term support; 8 comes last
/// because it lacks what the others share (`release` beside `bin` in every build, unified GC logging, G1 as default).
const PREFERRED: [u16; 4] = [17, 11, 21, 8];

/// A Java installation that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// The folder that holds `bin/java`: as given if it was explicit (so a link that follows updates stays one), else
    /// with links resolved.
    pub home: PathBuf,
    /// `<home>/bin/java`.
    pub program: PathBuf,
    /// 8, 11, 17 …
    pub version: u16,
    /// As in the `release` file: `17.0.15`, `1.8.0_412`.
    pub full_version: String,
}

/// Why there is no Java to use.
#[derive(Debug, thiserror::Error)]
pub enum JavaError {
    /// The explicit home cannot be used. No other is tried instead.
    #[error("java_home {} cannot be used: {why}", home.display())]
    Explicit {
        /// The home as given.
        home: PathBuf,
        /// What was found there.
        why: Unfit,
    },
    /// There is no Java in any of the usual places.
    #[error("no Java found in PATH, {}; install one or set java_home", list(roots))]
    None {
        /// Where homes were looked for.
        roots: Vec<PathBuf>,
    },
    /// There are some, but none will do.
    #[error("no suitable Java among those found: {}", list_found(found))]
    NoneSuitable {
        /// Every Java that was found.
        found: Vec<Found>,
    },
}

/// A Java that was found and not taken.
#[derive(Debug)]
pub struct Found {
    /// Its home.
    pub home: PathBuf,
    /// Why it was not taken.
    pub why: Unfit,
}

/// What is wrong with a Java.
#[derive(Debug)]
pub enum Unfit {
    /// No `bin/java`.
    NoProgram,
    /// `bin/java` is there but not an executable file.
    NotExecutable,
    /// Its `release` file cannot be read.
    NoRelease(io::Error),
    /// The `release` file has no JAVA_VERSION with a number.
    NoVersion,
    /// A version that is not accepted.
    Version {
        /// As in the `release` file.
        full_version: String,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram => f.write_str("there is no bin/java in it"),
            Self::NotExecutable => f.write_str("its bin/java is not an executable file"),
            Self::NoRelease(e) => write!(f, "its version is unknown (release file: {e})"),
            Self::NoVersion => f.write_str("its version is unknown (no JAVA_VERSION in its release file)"),
            Self::Version { full_version } => write!(f, "version {full_version} is not accepted"),
        }
    }
}

/// Where Javas are looked for.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folders that may hold a `java`, in the order of PATH.
    pub path: Vec<PathBuf>,
    /// Folders whose children may be homes.
    pub roots: Vec<PathBuf>,
}

impl Places {
    /// The usual ones: PATH, and where Debian, Red Hat, SUSE, Oracle and the container images put theirs.
    pub fn of_this_host() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        Self {
            path: env::split_paths(&path).filter(|p| p.is_absolute()).collect(),
            roots: ["/usr/lib/jvm", "/usr/lib64/jvm", "/usr/java", "/opt", "/opt/java"].map(PathBuf::from).into(),
        }
    }

    /// Homes that hold something called `bin/java`, links resolved, each once.
    fn homes(&self) -> Vec<PathBuf> {
        let on_path = self.path.iter().filter_map(|folder| {
            let program = fs::canonicalize(folder.join("java")).ok()?;
            Some(program.parent()?.parent()?.to_owned())
        });
        let in_roots = self.roots.iter().flat_map(|root| {
            let mut homes: Vec<PathBuf> = fs::read_dir(root)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|child| fs::canonicalize(child.path()).ok())
                // A Java 8 runtime without the development kit has its program only here.
                .flat_map(|home| [home.join("jre"), home])
                .collect();
            homes.sort();
            homes
        });
        let mut homes: Vec<PathBuf> = Vec::new();
        for home in on_path.chain(in_roots) {
            if !homes.contains(&home) && home.join("bin/java").exists() {
                homes.push(home);
            }
        }
        homes
    }
}

/// Finds the Java to use on this host.
///
/// `accepts` says of a feature version (8, 11, 17 …) whether the wanted RocketMQ runs on it. With an explicit home it is
/// that one or an error. Otherwise 17 is preferred, then 11, 21, 8, then the highest accepted; of the same version the
/// newest update, then the one that comes first on PATH.
///
/// # Errors
/// [`JavaError`], which lists every Java found and why it was not taken.
pub fn find(explicit_home: Option<&Path>, accepts: impl Fn(u16) -> bool) -> Result<Java, JavaError> {
    find_in(&Places::of_this_host(), explicit_home, accepts)
}

/// [`find`] with other places to look in.
///
/// # Errors
/// As [`find`].
pub fn find_in(
    places: &Places,
    explicit_home: Option<&Path>,
    accepts: impl Fn(u16) -> bool,
) -> Result<Java, JavaError> {
    let fit = |home: &Path| {
        let java = look(home)?;
        if accepts(java.version) { Ok(java) } else { Err(Unfit::Version { full_version: java.full_version }) }
    };
    if let Some(home) = explicit_home {
        return fit(home).map_err(|why| JavaError::Explicit { home: home.to_owned(), why });
    }
    let mut best: Option<Java> = None;
    let mut found = Vec::new();
    for home in places.homes() {
        match fit(&home) {
            Ok(java) if best.as_ref().is_none_or(|b| rank(&java) > rank(b)) => best = Some(java),
            Ok(_) => {}
            Err(why) => found.push(Found { home, why }),
        }
    }
    match best {
        Some(java) => Ok(java),
        None if found.is_empty() => Err(JavaError::None { roots: places.roots.clone() }),
        None => Err(JavaError::NoneSuitable { found }),
    }
}

/// What is in `home`, by its files alone.
fn look(home: &Path) -> Result<Java, Unfit> {
    let program = home.join("bin/java");
    let file = fs::metadata(&program).map_err(|_| Unfit::NoProgram)?;
    if !file.is_file() || file.permissions().mode() & 0o111 == 0 {
        return Err(Unfit::NotExecutable);
    }
    let release = fs::read_to_string(home.join("release")).or_else(|e| {
        // The `jre` of a Java 8 kit: the file is one up, beside the kit's own bin.
        match home.parent().filter(|_| home.ends_with("jre")) {
            Some(kit) => fs::read_to_string(kit.join("release")),
            None => Err(e),
        }
    });
    let release = match release {
        // Debian's 8 comes without that file. Only 8 has this one: 7 has no Nashorn, 9 no folder for extensions.
        Err(_) if ["lib/ext/nashorn.jar", "jre/lib/ext/nashorn.jar"].iter().any(|jar| home.join(jar).exists()) => {
            "JAVA_VERSION=\"1.8.0\"".to_owned()
        }
        release => release.map_err(Unfit::NoRelease)?,
    };
    let full_version = java_version(&release).ok_or(Unfit::NoVersion)?;
    Ok(Java {
        home: home.to_owned(),
        program,
        version: feature(full_version).ok_or(Unfit::NoVersion)?,
        full_version: full_version.to_owned(),
    })
}

/// The value of the line `JAVA_VERSION="17.0.15"`.
fn java_version(release: &str) -> Option<&str> {
    let value = release.lines().find_map(|line| line.trim().strip_prefix("JAVA_VERSION="))?;
    Some(value.trim().trim_matches('"'))
}

/// 17 of `17.0.15` (JEP 223), 8 of `1.8.0_412` (before Java 9).
fn feature(full_version: &str) -> Option<u16> {
    match *numbers(full_version) {
        [1, feature, ..] | [feature, ..] if full_version.starts_with(|c: char| c.is_ascii_digit()) => {
            u16::try_from(feature).ok()
        }
        _ => None,
    }
}

fn numbers(full_version: &str) -> Vec<u64> {
    full_version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// Greater is better.
fn rank(java: &Java) -> (usize, u16, Vec<u64>) {
    let place = PREFERRED.iter().position(|v| *v == java.version);
    let preference = place.map_or(0, |place| PREFERRED.len() - place);
    (preference, java.version, numbers(&java.full_version))
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    shown.join(", ")
}

fn list_found(found: &[Found]) -> String {
    let mut text = String::new();
    for Found { home, why } in found {
        let comma = if text.is_empty() { "" } else { "; " };
        write!(text, "{comma}{}: {why}", home.display()).expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
