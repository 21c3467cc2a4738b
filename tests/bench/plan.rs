//! Times the pure core on a cluster file of 1,000 hosts: read, place, then render and plan every host.
//! In: nothing. Out: rows of the benchmark's table. It touches neither disk nor network.

use rocketmq_agent_domain::{
    desired::{Desired, DesiredError, HostFacts, Java, desired},
    observed::{DirectoryState, DistributionState, Fact, FileState, Observed, StoreState},
    placement::place,
    plan::plan,
    size::Size,
    topology::read,
};
use std::{collections::BTreeMap, error::Error, fmt::Write, hint::black_box, path::PathBuf, time::Instant};

const HOSTS: usize = 1000;
const ROUNDS: usize = 9;
const PARTS: [&str; 5] =
    ["read and judge the file", "place", "place again, all kept", "render all hosts", "plan all hosts"];

fn cluster_file() -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"5.5.0\"\nsource = \"/srv/rocketmq.zip\"\n",
    );
    for n in 0..HOSTS {
        let (high, low) = (n / 250, n % 250 + 1);
        writeln!(text, "[[host]]\nname = \"vm{n}\"\naddress = \"10.0.{high}.{low}\"\nzone = \"z{}\"", n % 3)?;
    }
    Ok(text)
}

/// A host on which RocketMQ is unpacked and nothing else was done: the longest plan that there is.
fn new_host(desired: &Desired) -> Observed {
    let stopped = rocketmq_agent_domain::launch::ProcessState::never_started();
    let names = || desired.instances.iter().map(|instance| instance.launch.instance.clone());
    Observed {
        addresses: Fact::Known(desired.local_address.into_iter().collect()),
        distribution: Fact::Known(DistributionState::Installed),
        jars: BTreeMap::new(),
        has_master: Fact::Known(true),
        directories: desired
            .directories
            .iter()
            .map(|folder| (folder.path.clone(), Fact::Known(DirectoryState::Missing)))
            .collect(),
        files: desired.files.iter().map(|file| (file.path.clone(), Fact::Known(FileState::Differs))).collect(),
        processes: names().map(|name| (name, Fact::Known(stopped.clone()))).collect(),
        stores: names().map(|name| (name, Fact::Known(StoreState::default()))).collect::<BTreeMap<_, _>>(),
    }
}

/// Seconds of each part.
fn round(text: &str, facts: &HostFacts) -> Result<[f64; PARTS.len()], Box<dyn Error>> {
    let began = Instant::now();
    let topology = read(text).map_err(|problems| problems.iter().map(|p| format!("{p}\n")).collect::<String>())?;
    let judged = began.elapsed();
    let began = Instant::now();
    let placement = place(&topology, None)?;
    let placed = began.elapsed();
    let began = Instant::now();
    black_box(place(&topology, Some(&placement))?);
    let kept = began.elapsed();
    let began = Instant::now();
    let all = topology.hosts.iter().map(|host| desired(&topology, &placement, &host.name, facts));
    let all = all.collect::<Result<Vec<Desired>, DesiredError>>()?;
    let rendered = began.elapsed();
    let observed: Vec<Observed> = all.iter().map(new_host).collect();
    let began = Instant::now();
    let steps: usize = all.iter().zip(&observed).map(|(desired, observed)| plan(desired, observed).steps.len()).sum();
    let planned = began.elapsed();
    if steps < HOSTS * 2 {
        return Err(format!("{HOSTS} hosts got {steps} steps, so nothing was measured").into());
    }
    Ok([judged, placed, kept, rendered, planned].map(|time| time.as_secs_f64()))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let text = cluster_file()?;
    let java = Java { program: PathBuf::from("/usr/bin/java"), release: 17 };
    let facts = HostFacts { memory: Size::mib(16 << 10), java };
    let rounds = (0..ROUNDS).map(|_| round(&text, &facts)).collect::<Result<Vec<_>, _>>()?;
    for (index, part) in PARTS.iter().enumerate() {
        let time = median(rounds.iter().map(|times| times[index]).collect());
        println!("{HOSTS} hosts: {part}\t{:.1} ms\t\t\t", time * 1e3);
    }
    // Placing again is another way to the placement, not one more part.
    let sum = |times: &[f64; PARTS.len()]| times.iter().sum::<f64>() - times[2];
    println!("{HOSTS} hosts: file to plans\t{:.1} ms\t\t\t≤ 100 ms", median(rounds.iter().map(sum).collect()) * 1e3);
    Ok(())
}
