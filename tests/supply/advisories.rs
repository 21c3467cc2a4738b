//! Known holes in what the agent is built from.

use super::{listed, read, root};
use semver::{Version, VersionReq};
use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};
use toml::Table;

const SNAPSHOT: &str = "tests/supply/advisories.toml";
/// Advisories come by the week.
const FRESH: Duration = Duration::from_secs(90 * 24 * 3600);

/// Name and version of every crate of `Cargo.lock`.
fn locked() -> Vec<(String, Version)> {
    let lock = read("Cargo.lock");
    let packages = lock["package"].as_array().unwrap().iter();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    packages.map(|it| (text(it, "name"), text(it, "version").parse().unwrap())).collect()
}

/// Makes the snapshot from a clone of the database.
fn renew(database: &Path) {
    let git = |format: &str| {
        let output = Command::new("git").arg("-C").arg(database).args(["log", "-1", format]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let mut text = format!(
        "# Facts from the RustSec advisory database, which is in the public domain (CC0 1.0), about crates in Cargo.lock.\n\
         # Made by `ADVISORY_DB=FOLDER UPDATE_EXPECTED=1 cargo test --test supply`.\n\
         taken = \"{}\"\nunix = {}\ncommit = \"{}\"\n",
        git("--format=%cs"),
        git("--format=%ct"),
        git("--format=%H")
    );
    let names: BTreeSet<String> = locked().into_iter().map(|(name, _)| name).collect();
    for name in names {
        let Ok(folder) = fs::read_dir(database.join("crates").join(&name)) else { continue };
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            let written = fs::read_to_string(file).unwrap();
            let front = written.strip_prefix("```toml\n").and_then(|rest| rest.split_once("\n```")).unwrap().0;
            let advisory: Table = front.parse().unwrap();
            let head = &advisory["advisory"];
            if head.get("withdrawn").is_some() {
                continue;
            }
            let versions = |key: &str| advisory["versions"].get(key).map_or("[]".to_owned(), ToString::to_string);
            let kind = head.get("informational").and_then(toml::Value::as_str).unwrap_or("vulnerability");
            writeln!(
                text,
                "\n[[advisory]]\nid = {}\ncrate = \"{name}\"\nkind = \"{kind}\"\npatched = {}\nunaffected = {}",
                head["id"],
                versions("patched"),
                versions("unaffected")
            )
            .unwrap();
        }
    }
    fs::write(root().join(SNAPSHOT), text).unwrap();
}

#[test]
fn no_crate_has_a_hole_that_the_snapshot_knows() {
    if let (Some(database), Some(_)) = (env::var_os("ADVISORY_DB"), env::var_os("UPDATE_EXPECTED")) {
        renew(Path::new(&database));
    }
    let snapshot = read(SNAPSHOT);
    warn_of_age(&snapshot);
    let ignored = listed("advisories", "ignore", "id");
    let locked = locked();
    let mut found = BTreeSet::new();
    for advisory in snapshot["advisory"].as_array().unwrap() {
        let is_in = |key: &str, version: &Version| {
            let mut ranges = advisory[key].as_array().unwrap().iter().map(|range| range.as_str().unwrap());
            ranges.any(|range| range.parse::<VersionReq>().unwrap().matches(version))
        };
        let is_hit = |version: &Version| !is_in("patched", version) && !is_in("unaffected", version);
        let name = advisory["crate"].as_str().unwrap();
        for (_, version) in locked.iter().filter(|(locked, version)| locked == name && is_hit(version)) {
            found.insert((advisory["id"].as_str().unwrap().to_owned(), format!("{name}@{version}")));
        }
    }
    let open: Vec<_> = found.iter().filter(|(id, _)| !ignored.contains(id)).collect();
    assert!(open.is_empty(), "update these, or say in deny.toml why they do not matter: {open:?}");
    let stale: Vec<_> = ignored.iter().filter(|id| found.iter().all(|(found, _)| found != *id)).collect();
    assert!(stale.is_empty(), "these are ignored and not there any more: {stale:?}");
}

/// What is old is said and is no failure: whoever builds an old commit has not done anything wrong.
fn warn_of_age(snapshot: &Table) {
    let taken = snapshot["taken"].as_str().unwrap();
    let taken_at = SystemTime::UNIX_EPOCH + Duration::from_secs(snapshot["unix"].as_integer().unwrap().cast_unsigned());
    let age = SystemTime::now().duration_since(taken_at).unwrap_or_default();
    if age > FRESH {
        let days = age.as_secs() / 86400;
        // Past the capture of the test's own output.
        let _ = writeln!(
            io::stderr(),
            "warning: {SNAPSHOT} is of {taken}, {days} days old: holes that were found since then are not known here"
        );
    }
}
