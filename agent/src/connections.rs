//! The open connections of a listener, and which of them gives way when there are too many. In: accepted connections and
//! the address each comes from. Out: a task for each. Nothing here reads or writes.
//!
//! The oldest gives way and not the newest: who means well is done within milliseconds of connecting, while those that
//! hold on to their connection are idle, slow or hostile. A connection whose other end has proved who it is stays.

use std::{
    collections::VecDeque,
    future::Future,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::task::{AbortHandle, JoinSet};

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of everybody together.
    pub all: usize,
    /// Of one address, without those that have proved who they are.
    pub of_address: usize,
}

/// Marks a connection as that of somebody who has proved who they are.
#[derive(Debug, Clone, Default)]
pub struct Proof(Arc<AtomicBool>);

impl Proof {
    /// It has been given.
    pub fn is_given(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The connections that are open, the oldest first.
#[derive(Debug, Default)]
pub struct Connections {
    tasks: JoinSet<()>,
    by_age: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    address: IpAddr,
    task: AbortHandle,
    proof: Proof,
}

impl Open {
    fn is_proved(&self) -> bool {
        self.proof.0.load(Ordering::Relaxed)
    }
}

impl Connections {
    /// Starts a task for one more connection, and ends those that it takes the place of: the oldest of the same address,
    /// or else of all. Returns how many were ended.
    pub fn add<F>(&mut self, address: IpAddr, room: Room, converse: impl FnOnce(Proof) -> F) -> usize
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while self.tasks.try_join_next().is_some() {}
        self.by_age.retain(|open| !open.task.is_finished());
        // Linux shows an IPv4 client of a listener on [::] as ::ffff:10.0.0.1.
        let address = address.to_canonical();
        let mut ended = 0;
        let of_address = |open: &Open| open.address == address && !open.is_proved();
        while self.by_age.iter().filter(|open| of_address(open)).count() >= room.of_address.max(1) {
            ended += self.end_first(of_address);
        }
        while self.by_age.len() >= room.all.max(1) {
            let has_unproved = self.by_age.iter().any(|open| !open.is_proved());
            ended += self.end_first(|open| !(has_unproved && open.is_proved()));
        }
        let proof = Proof::default();
        let task = self.tasks.spawn(converse(proof.clone()));
        self.by_age.push_back(Open { address, task, proof });
        ended
    }

    fn end_first(&mut self, is_it: impl Fn(&Open) -> bool) -> usize {
        let open = self.by_age.iter().position(is_it).and_then(|first| self.by_age.remove(first));
        open.map_or(0, |open| {
            open.task.abort();
            1
        })
    }

    /// Waits until all have ended by themselves.
    pub async fn all_ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::sync::oneshot;

    const ROOM: Room = Room { all: 4, of_address: 2 };

    /// Adds a connection; what it gives says when it was ended.
    fn add(connections: &mut Connections, address: &str, proved: bool) -> oneshot::Receiver<()> {
        let (life, ended) = oneshot::channel();
        connections.add(address.parse().unwrap(), ROOM, |proof| {
            if proved {
                proof.is_given();
            }
            async move {
                let _life = life;
                pending::<()>().await;
            }
        });
        ended
    }

    async fn open(connections: Vec<oneshot::Receiver<()>>) -> Vec<usize> {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        let is_open = |mut it: oneshot::Receiver<()>| it.try_recv() == Err(oneshot::error::TryRecvError::Empty);
        connections.into_iter().enumerate().filter_map(|(index, it)| is_open(it).then_some(index)).collect()
    }

    #[tokio::test]
    async fn the_oldest_of_an_address_gives_way_to_its_newest() {
        let mut all = Connections::default();
        let made = ["10.0.0.1", "10.0.0.2", "10.0.0.1", "::ffff:10.0.0.1"].map(|it| add(&mut all, it, false));
        assert_eq!(open(made.into()).await, [1, 2, 3]);
    }

    #[tokio::test]
    async fn the_oldest_of_all_gives_way_where_there_is_no_more_room() {
        let mut all = Connections::default();
        let made = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"].map(|it| add(&mut all, it, false));
        assert_eq!(open(made.into()).await, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn who_has_proved_who_they_are_stays_and_counts_for_no_address() {
        let mut all = Connections::default();
        let mut made: Vec<_> = (0..3).map(|_| add(&mut all, "10.0.0.1", true)).collect();
        made.extend((0..20).map(|_| add(&mut all, "10.0.0.1", false)));
        assert_eq!(open(made).await, [0, 1, 2, 22]);
    }

    #[tokio::test]
    async fn where_all_have_proved_who_they_are_the_oldest_gives_way() {
        let mut all = Connections::default();
        let made = (0..5).map(|_| add(&mut all, "10.0.0.1", true)).collect();
        assert_eq!(open(made).await, [1, 2, 3, 4]);
    }
}
