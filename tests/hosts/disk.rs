//! The data disk of a host: an image on a loop device, which can lose what was not yet written to it.

use crate::{
    real::{LONG, poll, root},
    vm::{run, text},
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// Sparse: only what is written is taken.
const BYTES: u64 = 6 << 30;

/// A disk with a file system on it.
pub struct Disk {
    image: PathBuf,
    /// Where this machine has it mounted.
    mounted: PathBuf,
    /// Where the host has it mounted.
    in_host: PathBuf,
}

impl Disk {
    /// An empty disk, mounted.
    pub fn new(folder: &Path, in_host: &Path) -> Self {
        let disk = Self { image: folder.join("disk"), mounted: folder.join("data"), in_host: in_host.to_owned() };
        File::create(&disk.image).unwrap().set_len(BYTES).unwrap();
        run("mkfs.ext4", &["-q", "-m", "0", &shown(&disk.image)]);
        for place in [&disk.mounted, &disk.in_host] {
            fs::create_dir_all(place).unwrap();
        }
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", &shown(&self.image), &shown(&self.mounted)]);
        run("mount", &["--bind", &shown(&self.mounted), &shown(&self.in_host)]);
    }

    pub fn remount(&self, mode: &str) {
        run("mount", &["-o", &format!("remount,{mode}"), &shown(&self.mounted)]);
    }

    /// Leaves the disk as a loss of power does: with what had reached the block device, and no more.
    ///
    /// The file system is told to stop at once. What it holds in memory, its journal's open transaction too, is dropped
    /// when it is unmounted; the next mount recovers the journal. A copy of the image would not do as well: the kernel
    /// writes on while it is read, so that the copy is of no single moment.
    pub fn lose_what_was_not_written(&self) {
        run("python3", &[&shown(&root().join("tests/hosts/stop_file_system.py")), &shown(&self.mounted)]);
        for place in [&self.in_host, &self.mounted] {
            // Somebody who reads its files right now keeps it busy for a moment.
            poll(LONG, &format!("{} is unmounted", place.display()), || {
                let said = Command::new("umount").arg(place).output().unwrap();
                if said.status.success() { Ok(()) } else { Err(text(&said)) }
            });
        }
        // A second mount beside a first one that is not gone yet would ruin it.
        poll(LONG, &format!("no loop device holds {}", self.image.display()), || {
            let held = loop_devices().into_iter().find(|(_, image)| Path::new(image) == self.image);
            held.map_or(Ok(()), |(device, _)| Err(device.display().to_string()))
        });
        self.mount();
    }

    /// Lets go of it, whoever uses it.
    pub fn abandon(&self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).output();
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Each loop device of this machine that is in use, and its image.
fn loop_devices() -> Vec<(PathBuf, String)> {
    let devices = fs::read_dir("/sys/block").unwrap().flatten().map(|entry| entry.path());
    let image = |device: PathBuf| {
        let image = fs::read_to_string(device.join("loop/backing_file")).ok()?;
        Some((device, image.trim_end().to_owned()))
    };
    devices.filter_map(image).collect()
}
