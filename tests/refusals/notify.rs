//! What systemd is told by an agent that runs, over a socket that stands in for systemd's.

use super::world::{PATIENCE, World, until};
use std::os::unix::net::UnixDatagram;

#[test]
fn systemd_hears_when_the_agent_is_up_how_the_host_is_that_it_lives_and_that_it_ends() {
    let world = World::new();
    world.edit("cluster.toml", "release.zip\"\n", "no-release.zip\"\n");
    let path = world.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = Vec::new();
    let mut hear = |words: &str| {
        let mut datagram = [0; 4096];
        until(words, || {
            let length = socket.recv(&mut datagram).unwrap();
            said.push(String::from_utf8(datagram[..length].to_vec()).unwrap());
            said.last().filter(|datagram| datagram.contains(words)).cloned()
        })
    };
    // A watchdog of 2 s is fed at each look, every 5 s at the latest.
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "2000000")];
    let agent = world.agent_with(&variables);
    let ready = hear("READY=1");
    assert!(ready.contains("STATUS=0 of 1 instance ready; "), "{ready}");
    // HTTP was there before, and the first look is published.
    assert!(agent.report().is_some());
    hear("STATUS=0 of 1 instance ready; vm1: ");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    agent.end();
    let ending = hear("STOPPING=1");
    assert!(ending.contains("STATUS=stopping every instance") && ending.contains("EXTEND_TIMEOUT_USEC="), "{ending}");
    assert_eq!(said.iter().filter(|datagram| datagram.contains("READY=1")).count(), 1, "{said:?}");
}
