//! The clock, and those of the other hosts.

use super::{Check, Finding, Host, host::Clock};
use rocketmq_agent_domain::observed::Fact;

pub(super) static CHECK: Check = Check {
    id: "clock",
    what: "The clock follows a time server, and goes as those of the other hosts do.",
    why: "Retention, delayed messages and what consumers read by time go by the clocks of the brokers; a slave with another \
          time than its master deletes other files.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let mut findings = vec![match &host.clock {
        Fact::Known(true) => Finding::ok("it is synchronised"),
        Fact::Known(false) => Finding::warn(
            "it is not synchronised with any time server",
            "`timedatectl set-ntp true`, or install chrony; `timedatectl` shows what is so",
        ),
        Fact::Unknown(why) => Finding::skipped(format!("whether it is synchronised cannot be told: {why}")),
    }];
    findings.extend(host.clocks.iter().map(judge));
    findings
}

/// An agent says its time in whole seconds; what is more than this is not of the way there.
const APART: i64 = 2;

fn judge(clock: &Clock) -> Finding {
    let host = &clock.host;
    match &clock.ahead {
        Fact::Known(ahead) if ahead.abs() > APART => {
            let how = if *ahead > 0 { "ahead of" } else { "behind" };
            Finding::warn(
                format!("the clock of {host} is {} s {how} this one's", ahead.abs()),
                "see which of the two is wrong: `timedatectl` on both; `timedatectl set-ntp true` or chrony there",
            )
        }
        Fact::Known(_) => Finding::ok(format!("the clock of {host} shows the same time")),
        Fact::Unknown(why) => Finding::skipped(format!("the clock of {host} cannot be told: {why}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::doctor::{Verdict, host::ask_clock};
    use std::time::{Duration, SystemTime};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// What is found about a host whose agent says this time.
    async fn found(date: &str) -> Finding {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        judge(&ask_clock("vm2".to_owned(), address).await)
    }

    #[tokio::test]
    async fn a_clock_that_goes_otherwise_is_named_with_how_much_and_one_that_does_not_is_well() {
        let date = |time: SystemTime| httpdate::fmt_http_date(time);
        let now = SystemTime::now();
        let same = found(&date(now)).await;
        assert_eq!((same.verdict, same.what.as_str()), (Verdict::Ok, "the clock of vm2 shows the same time"));
        let hour = Duration::from_secs(3600);
        let [ahead, behind] = [found(&date(now + hour)).await, found(&date(now - hour)).await];
        assert_eq!((ahead.verdict, behind.verdict), (Verdict::Warn, Verdict::Warn));
        assert!(ahead.what.ends_with(" s ahead of this one's") && ahead.what.contains(" 3600 "), "{}", ahead.what);
        assert!(behind.what.ends_with(" s behind this one's"), "{}", behind.what);
    }

    #[tokio::test]
    async fn a_host_that_does_not_say_its_time_is_not_known_to_be_wrong() {
        assert_eq!(found("yesterday").await.verdict, Verdict::Skipped);
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(judge(&ask_clock("vm2".to_owned(), nobody).await).verdict, Verdict::Skipped);
    }
}
