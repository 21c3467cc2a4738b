//! Who and what is refused, and that it is counted.

use super::*;
use bytes::Bytes;
use hyper::Method;
use rocketmq_agent_domain::register::{Ballot, Life, Message, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn whoever_has_another_secret_or_is_not_in_the_file_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(1);
    let one = cluster.host("vm1", &file);
    one.holds(1);
    let longer = cluster.file(2);
    let error = one.run(cluster.link('b', "vm2", &longer, "vm1").poll(None)).unwrap_err();
    assert!(matches!(error, LinkError::Tls(_)), "{error:?}");
    let error = one.run(cluster.link('a', "vm2", &longer, "vm1").poll(None)).unwrap_err();
    assert_eq!(error.to_string(), "it refuses: vm2 is none of this cluster's hosts");
    let other = file.replace("\"c1\"", "\"c2\"");
    let error = one.run(cluster.link('a', "vm1", &other, "vm1").poll(None)).unwrap_err();
    assert!(matches!(error, LinkError::Tls(_)), "{error:?}");
    let refused = one.counts_tls(2);
    assert_eq!(refused.get("stranger"), Some(&1), "{refused:?}");
}

#[test]
fn a_certificate_that_has_run_out_and_an_older_tls_are_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let one = cluster.host("vm1", &file);
    let (address, vm1) = (one.handle.book.address(&name("vm1")).unwrap(), one.identity("vm1"));
    let vm2 = one.identity("vm2");
    let knock = |client: Arc<rustls::ClientConfig>| {
        let (connector, server) = (tokio_rustls::TlsConnector::from(client), vm1.server_name().unwrap());
        one.run(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            // A client of TLS 1.3 has its handshake before it hears what the server thinks of it.
            let _ = connector.connect(server, stream).await;
        });
    };
    // The same secret all along: each is refused for its age alone.
    let now = std::time::SystemTime::now();
    let stale = trust::ends(&cluster.secret('a'), &vm2, now - Duration::from_secs(10 * 24 * 3600)).unwrap();
    knock(stale.client);
    one.counts_tls(1);
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
    knock(Arc::new(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()));
    one.counts_tls(2);
    assert!(one.run(cluster.link('a', "vm2", &file, "vm1").state()).is_ok(), "who is well is taken");
}

#[test]
fn what_is_too_long_or_no_message_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let one = cluster.host("vm1", &file);
    let mut link = cluster.link('a', "vm2", &file, "vm1");
    let mut say = |body: Vec<u8>| one.run(link.ask(Method::POST, "/register", Bytes::from(body), PATIENCE));
    let error = say(b"{}".to_vec()).unwrap_err();
    assert!(error.to_string().contains("no message of this agent's kind"), "{error}");
    let error = say(vec![b' '; LONGEST_MESSAGE + 1]).unwrap_err();
    assert!(matches!(error, LinkError::Refused(_) | LinkError::Broken(_)), "{error}");
    let refused = one.handle.book.refused();
    assert_eq!((refused.get("malformed"), refused.get("too-long")), (Some(&1), Some(&1)), "{refused:?}");
}

#[test]
fn a_message_of_an_older_ballot_is_answered_with_the_newer_one() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let base = Some(one.holds(1));
    two.holds(1);
    let mut link = cluster.link('a', "vm2", &file, "vm1");
    let ballot = |round| Ballot { round, host: name("vm2"), life: Life(7) };
    let prepare = |round| Message::Prepare { ballot: ballot(round), base: base.clone() };
    let answers = one.run(link.tell(&prepare(1000))).unwrap();
    assert!(matches!(&answers[..], [Message::Promise { .. }]), "{answers:?}");
    let answers = one.run(link.tell(&prepare(999))).unwrap();
    let why = Refusal::Outbid(ballot(1000));
    assert_eq!(answers, [Message::Refused { ballot: ballot(999), why }]);
    // Asked again the same is answered the same: no message is safe from being lost.
    assert!(matches!(&one.run(link.tell(&prepare(1000))).unwrap()[..], [Message::Promise { .. }]));
    // A link says a thing once more where its connection was closed meanwhile.
    assert!(one.handle.book.refused().get("older-ballot").is_some_and(|count| *count >= 1));
}

#[test]
fn what_was_said_about_an_older_document_and_is_said_again_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(3);
    let [one, two, three]: [Host; 3] = cluster.hosts(&file);
    let before = [&one, &two, &three].map(|host| host.holds(1)).into_iter().next().unwrap();
    committed(one.propose(next(&before, &format!("{file}# 2\n"), "two")));
    let after = [&one, &two, &three].map(|host| host.holds(2)).into_iter().next().unwrap();
    let mut link = cluster.link('a', "vm2", &file, "vm1");
    let count = || one.handle.book.refused().get("older-document").copied().unwrap_or_default();
    let counted = count();
    let answers = one.run(link.tell(&Message::Held { entry: before.clone() })).unwrap();
    assert!(answers.is_empty() && count() > counted, "{answers:?}");
    let counted = count();
    let ballot = Ballot { round: 1000, host: name("vm2"), life: Life(7) };
    let again = Message::Accept { ballot, base: Some(before), entry: after.clone() };
    let answers = one.run(link.tell(&again)).unwrap();
    let held =
        |message: &Message| matches!(message, Message::Refused { why: Refusal::Holds(held), .. } if *held == after);
    assert!(answers.len() == 1 && held(&answers[0]), "{answers:?}");
    assert!(count() > counted);
    assert_eq!(one.holds(2), after);
}

/// Somebody on the way kept every byte of a change and sends it once more.
#[test]
fn a_connection_that_was_recorded_and_is_played_again_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let base = Some(one.holds(1));
    two.holds(1);
    drop(two);
    let address = one.handle.book.address(&name("vm1")).unwrap();
    let (recorded, kept) = one.run(async {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (done, kept) = oneshot::channel();
        tokio::spawn(async move {
            let (mut from, _) = listener.accept().await.unwrap();
            let mut to = tokio::net::TcpStream::connect(address).await.unwrap();
            let ((mut reads, mut writes), (mut reads_back, mut writes_on)) = (from.split(), to.split());
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            let on = async {
                while let Ok(count @ 1..) = reads.read(&mut buffer).await {
                    bytes.extend_from_slice(&buffer[..count]);
                    writes_on.write_all(&buffer[..count]).await.unwrap();
                }
            };
            let back = tokio::io::copy(&mut reads_back, &mut writes);
            tokio::select! { () = on => {}, _ = back => {} }
            let _ = done.send(bytes);
        });
        (port, kept)
    });
    let on_the_way =
        file.replacen(&format!("\"{}\"\n", address.ip()), &format!("\"127.0.0.1\"\nsync_port = {recorded}\n"), 1);
    let mut link = cluster.link('a', "vm2", &on_the_way, "vm1");
    let ballot = Ballot { round: 1000, host: name("vm2"), life: Life(7) };
    let answers = one.run(link.tell(&Message::Prepare { ballot, base })).unwrap();
    assert!(matches!(&answers[..], [Message::Promise { .. }]), "{answers:?}");
    drop(link);
    let bytes = one.run(kept).unwrap();
    let before = one.handle.book.refused().get("tls").copied().unwrap_or_default();
    one.run(async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    one.counts_tls(before + 1);
}

/// Connections that are opened and say nothing, from the address that the other hosts come from too.
#[test]
fn a_flood_of_half_open_connections_keeps_no_host_out() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let before = one.holds(1);
    two.holds(1);
    let address = one.handle.book.address(&name("vm1")).unwrap();
    let mut flood: Vec<_> = (0..1100).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    for probe in 0..20 {
        flood.extend((0..50).map(|_| std::net::TcpStream::connect(address).unwrap()));
        let state = one.run(cluster.link('a', "vm2", &file, "vm1").state());
        assert!(state.is_ok(), "probe {probe}: {state:?}");
    }
    committed(two.propose(next(&before, &format!("{file}# 2\n"), "under a flood")));
    one.holds(2);
    assert!(one.handle.book.refused().get("too-many").is_some_and(|count| *count >= 1000));
    drop(flood);
}
