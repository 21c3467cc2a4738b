#![allow(clippy::unwrap_used)]

use super::*;

fn record(phase: Phase) -> Record {
    let address = "10.0.0.1:10911".parse().unwrap();
    let (instance, permission) = ("broker-a".parse().unwrap(), "6".to_owned());
    let (verb, role) = (Verb::Renew, Role::Master);
    Record { instance, verb, role, address, permission, pid: 7, phase, since: 1, puts: None, asked: None }
}

fn task(dir: &Path) -> Task {
    let [peers, slaves] = [(); 2].map(|()| Peers::new("vm1".parse().unwrap(), Vec::new()));
    let (turns, orders) = (watch::channel(Turns::default()).0, (mpsc::channel(1).1, Orders::default()));
    let (client, looked, heard) = (Client::new(TIMEOUT), Instant::now(), BTreeMap::new());
    Task { path: dir.join("rollout.json"), record: None, turns, peers, slaves, looked, client, heard, orders }
}

#[tokio::test]
async fn what_a_master_gives_up_is_on_disk_before_and_gone_when_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut task = task(dir.path());
    task.write(Some(&record(Phase::Announced))).unwrap();
    assert_eq!(read(&task.path), None, "nothing was taken yet");
    let drains = record(Phase::Draining);
    task.write(Some(&drains)).unwrap();
    assert_eq!(read(&task.path), Some(drains.clone()));
    task.record = Some(drains);
    task.write(None).unwrap();
    assert!(!task.path.exists());
}

#[tokio::test]
async fn a_record_that_cannot_be_kept_stops_the_roll_out_and_a_damaged_one_is_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let missing = task(&dir.path().join("missing"));
    assert!(missing.write(Some(&record(Phase::Draining))).is_err());
    let task = task(dir.path());
    fs::write(&task.path, "{").unwrap();
    assert_eq!(read(&task.path), None);
}
