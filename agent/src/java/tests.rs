//! Made-up hosts in a temporary folder.

use super::*;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

struct Host {
    root: TempDir,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        fs::create_dir_all(root.path().join("jvm")).unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn program(&self, home: &str, mode: u32) -> PathBuf {
        let home = self.path(home);
        fs::create_dir_all(home.join("bin")).unwrap();
        fs::write(home.join("bin/java"), "").unwrap();
        fs::set_permissions(home.join("bin/java"), fs::Permissions::from_mode(mode)).unwrap();
        home
    }

    fn java(&self, home: &str, version: &str) -> PathBuf {
        let home = self.program(home, 0o755);
        let release = format!("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"{version}\"\nOS_ARCH=\"x86_64\"\n");
        fs::write(home.join("release"), release).unwrap();
        home
    }

    fn places(&self) -> Places {
        Places {
            path: vec![self.path("nowhere"), self.path("usr/bin")],
            roots: vec![self.path("none"), self.path("jvm")],
        }
    }

    fn find(&self, accepts: impl Fn(u16) -> bool) -> Result<Java, JavaError> {
        find_in(&self.places(), None, accepts)
    }
}

#[test]
fn seventeen_is_preferred_then_eleven_twenty_one_eight_and_then_the_highest() {
    let host = Host::new();
    let mut left = vec![17, 11, 21, 8, 25, 22, 9];
    for (name, version) in [
        ("a", "25.0.3"),
        ("b", "9"),
        ("c", "1.8.0_412"),
        ("d", "11.0.23"),
        ("e", "21.0.1"),
        ("f", "17.0.15"),
        ("g", "22-ea"),
    ] {
        host.java(&format!("jvm/{name}"), version);
    }
    while let Some(expected) = left.first().copied() {
        assert_eq!(host.find(|v| left.contains(&v)).unwrap().version, expected);
        left.remove(0);
    }
}

#[test]
fn of_one_version_the_newest_update_is_taken() {
    let host = Host::new();
    host.java("jvm/a", "17.0.9");
    let newest = host.java("jvm/b", "17.0.15");
    host.java("jvm/c", "17.0.10");
    assert_eq!(host.find(|_| true).unwrap().home, newest);
    host.java("jvm/d", "1.8.0_99");
    let newest = host.java("jvm/e", "1.8.0_412");
    assert_eq!(host.find(|v| v == 8).unwrap().home, newest);
}

#[test]
fn the_java_on_path_is_followed_through_its_links_and_listed_once() {
    let host = Host::new();
    let home = host.java("somewhere/jdk", "17.0.15");
    symlink(home.join("bin/java"), host.path("alternative")).unwrap();
    symlink(host.path("alternative"), host.path("usr/bin/java")).unwrap();
    symlink(&home, host.path("jvm/default-java")).unwrap();
    let java = host.find(|_| true).unwrap();
    assert_eq!(java.program, home.join("bin/java"));
    assert_eq!((java.home, java.full_version.as_str()), (home, "17.0.15"));
    let Err(JavaError::NoneSuitable { found }) = host.find(|_| false) else { panic!() };
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_java_8_runtime_takes_its_version_from_the_kit_around_it() {
    let host = Host::new();
    let kit = host.java("jvm/java-8", "1.8.0_412");
    fs::remove_dir_all(kit.join("bin")).unwrap();
    host.program("jvm/java-8/jre", 0o755);
    let java = host.find(|_| true).unwrap();
    assert_eq!((java.version, java.home), (8, kit.join("jre")));
}

#[test]
fn folders_without_a_java_are_passed_over() {
    let host = Host::new();
    fs::create_dir_all(host.path("jvm/openjdk-17")).unwrap();
    fs::write(host.path("jvm/release"), "JAVA_VERSION=\"17\"").unwrap();
    let error = host.find(|_| true).unwrap_err();
    assert!(matches!(&error, JavaError::None { .. }), "{error:?}");
    assert!(error.to_string().contains(&host.path("jvm").display().to_string()));
}

#[test]
fn the_error_lists_every_java_and_what_is_wrong_with_it() {
    let host = Host::new();
    host.java("jvm/a", "25.0.3");
    host.program("jvm/b", 0o755);
    host.program("jvm/c", 0o644);
    let blank = host.program("jvm/d", 0o755);
    fs::write(blank.join("release"), "IMPLEMENTOR=\"x\"\n").unwrap();
    host.java("jvm/e", "unknown 17");
    let jvm = host.path("jvm").display().to_string();
    assert_eq!(
        host.find(|v| v == 17).unwrap_err().to_string(),
        format!(
            "no suitable Java among those found: \
             {jvm}/a: version 25.0.3 is not accepted; \
             {jvm}/b: its version is unknown (release file: No such file or directory (os error 2)); \
             {jvm}/c: its bin/java is not an executable file; \
             {jvm}/d: its version is unknown (no JAVA_VERSION in its release file); \
             {jvm}/e: its version is unknown (no JAVA_VERSION in its release file)"
        )
    );
}

#[test]
fn an_explicit_home_is_that_one_or_an_error_never_another() {
    let host = Host::new();
    host.java("jvm/good", "17.0.15");
    let old = host.java("old", "1.7.0_80");
    let broken = host.program("broken", 0o600);
    let places = host.places();
    for (home, why) in [
        (old, "version 1.7.0_80 is not accepted"),
        (broken, "its bin/java is not an executable file"),
        (host.path("missing"), "there is no bin/java in it"),
    ] {
        let error = find_in(&places, Some(&home), |v| v == 17).unwrap_err();
        assert_eq!(error.to_string(), format!("java_home {} cannot be used: {why}", home.display()));
    }
}

#[test]
fn an_explicit_link_stays_a_link_so_that_it_follows_updates() {
    let host = Host::new();
    let home = host.java("jvm/java-17-17.0.15", "17.0.15");
    let link = host.path("jvm/java-17");
    symlink(home, &link).unwrap();
    let java = find_in(&host.places(), Some(&link), |_| true).unwrap();
    assert_eq!((java.program, java.home), (link.join("bin/java"), link));
}

/// As Debian's openjdk-8-jre-headless lays it out.
#[test]
fn a_java_8_without_a_release_file_is_known_by_what_only_8_has() {
    let host = Host::new();
    let home = host.program("jvm/java-8", 0o755);
    assert!(host.find(|_| true).is_err());
    fs::create_dir_all(home.join("jre/lib/ext")).unwrap();
    fs::write(home.join("jre/lib/ext/nashorn.jar"), "").unwrap();
    let found = host.find(|release| release == 8).unwrap();
    assert_eq!((found.home, found.version, found.full_version.as_str()), (home, 8, "1.8.0"));
}
