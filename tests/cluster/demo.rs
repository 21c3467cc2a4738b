//! The demo, as a person runs it, without the terminal.

use crate::lab::{LONG, Lab, aborts, poll, root, signal};
use rustix::process::Signal;
use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

pub fn the_demo_runs_and_ctrl_c_ends_it_cleanly(lab: &mut Lab) {
    let output = lab.dir.join("demo.out");
    let file = File::create(&output).unwrap();
    let folder = lab.dir.join("demo");
    let mut demo = Command::new(root().join("tests/demo.sh"))
        .env("DEMO_DIR", &folder)
        .env("AGENT", crate::lab::binary())
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let text = || fs::read_to_string(&output).unwrap();
    poll(2 * LONG, "the demo shows everything", || {
        assert!(demo.try_wait().unwrap().is_none(), "the demo ended by itself:\n{}", text());
        if text().contains("it runs until Ctrl-C") { Ok(()) } else { Err(text()) }
    });
    for words in
        [": ready", "broker-a (127.0.0.1:10911): 100 sent, all SEND_OK, all read back", "http://127.0.0.1:9877/readyz"]
    {
        assert!(text().contains(words), "{words} is not in\n{}", text());
    }
    signal(demo.id(), Signal::INT);
    let status = poll(LONG, "the demo ends", || demo.try_wait().unwrap().ok_or_else(text));
    assert!(status.success(), "{}", text());
    assert!(text().contains("all stopped; no abort file is left"), "{}", text());
    assert_eq!(aborts(&folder), Vec::<std::path::PathBuf>::new());
}
