//! Every parser of what others wrote, on inputs that are made from real ones: `make fuzz SECONDS=60`, or
//! `cargo test --test fuzz -- --seconds=60 frames documents`. `--seed=n` makes the same inputs again.
//!
//! Each target runs in a process of its own with little memory and a small stack, so that a panic, a stack overflow and
//! an allocation out of proportion all end it. What it was given then is written to `target/fuzz` and given again by
//! `--input=FILE`. Inputs that once ended a target are in `corpus/TARGET` and always tried first.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

mod mutation;
mod served;
mod targets;

use std::{
    env, fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};
use targets::{Target, all};

/// The most that a target may allocate on top of its seeds, for inputs of at most [`mutation::LONGEST`] bytes.
const MEMORY: u64 = 256 << 20;
/// As the threads of the agent have.
const STACK: usize = 2 << 20;
/// A target that stands still for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

struct Options {
    seconds: f64,
    seed: u64,
    names: Vec<String>,
    child: Option<PathBuf>,
    input: Option<PathBuf>,
}

fn options() -> Options {
    let mut options = Options { seconds: 1.0, seed: 1, names: Vec::new(), child: None, input: None };
    for argument in env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--seconds", value)) => options.seconds = value.parse().unwrap(),
            Some(("--seed", value)) => options.seed = value.parse().unwrap(),
            Some(("--child", value)) => options.child = Some(value.into()),
            Some(("--input", value)) => options.input = Some(value.into()),
            _ if argument.starts_with('-') => {}
            _ => options.names.push(argument),
        }
    }
    options
}

fn main() -> ExitCode {
    let options = options();
    let is_wanted = |target: &Target| options.names.is_empty() || options.names.iter().any(|it| it == target.name);
    let mut wanted: Vec<Target> = all().into_iter().filter(is_wanted).collect();
    if options.child.is_some() {
        wanted.extend(targets::that_must_end().into_iter().filter(is_wanted));
    }
    if wanted.is_empty() {
        eprintln!("fuzz: the targets are {}", all().iter().map(|it| it.name).collect::<Vec<_>>().join(", "));
        return ExitCode::from(2);
    }
    if let Some(place) = &options.child {
        run(wanted.into_iter().next().unwrap(), &options, place);
        return ExitCode::SUCCESS;
    }
    if let Some(blind) = targets::that_must_end().into_iter().find(|target| passes(target, &options)) {
        eprintln!("fuzz: {} was not seen to end, so this says nothing", blind.name);
        return ExitCode::FAILURE;
    }
    let failed = wanted.iter().filter(|target| !passes(target, &options)).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz")
}

/// Runs a target in a process of its own; says how that went.
fn passes(target: &Target, options: &Options) -> bool {
    fs::create_dir_all(folder()).unwrap();
    let place = folder().join(format!("{}.place", target.name));
    fs::write(&place, [0; 16]).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        target.name.to_owned(),
        format!("--child={}", place.display()),
        format!("--seconds={}", options.seconds),
        format!("--seed={}", options.seed),
    ]);
    command.args(options.input.iter().map(|input| format!("--input={}", input.display())));
    if target.must_end {
        command.stderr(Stdio::null());
    }
    // Arenas are memory that is set aside and not used.
    let mut child = command.env("MALLOC_ARENA_MAX", "1").env("RUST_BACKTRACE", "1").spawn().unwrap();
    let (mut seen, mut since) = (0, Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.to_string();
        }
        let now = read_place(&place).0;
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            child.kill().unwrap();
            break format!("it hung for {PATIENCE:?}: {}", child.wait().unwrap());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    };
    let (count, input) = read_place(&place);
    let _ = fs::remove_file(&place);
    if status == "exit status: 0" {
        println!("fuzz {:<13} {count} inputs", target.name);
        return true;
    }
    if target.must_end {
        return false;
    }
    let file = folder().join(format!("{}-{}-{count}.bin", target.name, options.seed));
    fs::write(&file, input).unwrap();
    eprintln!("fuzz {}: {status}, at input {count}, which is now in {}", target.name, file.display());
    false
}

/// The number of the input that a child works on, and the input.
fn read_place(place: &Path) -> (u64, Vec<u8>) {
    let written = fs::read(place).unwrap();
    let number = |at: usize| u64::from_le_bytes(written[at..at + 8].try_into().unwrap());
    let length = usize::try_from(number(8)).unwrap();
    (number(0), written[16..].iter().copied().take(length).collect())
}

/// Inputs that once ended the target.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().map(|it| it.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Gives a target one input after the other.
fn run(target: Target, options: &Options, place: &Path) {
    let place = fs::OpenOptions::new().write(true).open(place).unwrap();
    let seeds = (target.seeds)();
    let known: Vec<Vec<u8>> = corpus(target.name).into_iter().chain(seeds.iter().cloned()).collect();
    let single = options.input.as_ref().map(|file| fs::read(file).unwrap());
    let (seed, seconds) = (options.seed, options.seconds);
    let work = move || {
        let mut take = (target.start)();
        limit_memory();
        let mut begun = Instant::now();
        for number in 0.. {
            let next = |number: u64| known.get(usize::try_from(number).ok()?).cloned();
            let input = single.clone().or_else(|| next(number));
            let input = input.unwrap_or_else(|| mutation::made(&seeds, seed, number));
            let length = input.len() as u64;
            place.write_all_at(&[&number.to_le_bytes(), &length.to_le_bytes(), &input[..]].concat(), 0).unwrap();
            take(&input);
            // The time is for inputs that were not tried before.
            if number < known.len() as u64 {
                begun = Instant::now();
            }
            if single.is_some() || number >= known.len() as u64 && begun.elapsed().as_secs_f64() >= seconds {
                break;
            }
        }
    };
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap();
}

/// From here on more than [`MEMORY`] cannot be had: the process ends when it asks for it.
fn limit_memory() {
    let pages: u64 = fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    let most = Some(pages * 4096 + MEMORY);
    let limit = rustix::process::Rlimit { current: most, maximum: most };
    rustix::process::setrlimit(rustix::process::Resource::As, limit).unwrap();
}
