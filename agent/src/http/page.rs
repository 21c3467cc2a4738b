//! The status page. In: a host's report. Out: `page.html` with this host's part filled in, so that it says something
//! without its script (text browsers, curl); with it, the page shows the whole cluster from `/v1/cluster`.

use super::answer::{Answer, Kind};
use axum::http::StatusCode;
use rocketmq_agent_domain::health::report::{HostReport, in_words};
use std::fmt::Write;

const PAGE: &str = include_str!("page.html");
/// Where in the page this host's part goes.
const PLACE: &str = "<!-- this host -->";

/// The page of a host that has been looked at.
pub(super) fn with(report: &HostReport) -> Answer {
    let word = if report.ready { "ready" } else { "not ready" };
    let mut part = format!("<p>{} of {} is {word}.</p>", escaped(report.host.as_str()), escaped(&report.cluster));
    part.push_str("<table><tr><th>instance</th><th>role</th><th>address</th><th>state</th><th>why</th></tr>");
    for instance in &report.instances {
        let why: Vec<String> =
            instance.reasons.iter().chain(&instance.warnings).map(|cause| escaped(&in_words(cause))).collect();
        // Writing to a String cannot fail.
        let _ = write!(
            part,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            instance.instance,
            instance.role_in_words(),
            escaped(&instance.address),
            instance.state,
            why.join("<br>")
        );
    }
    part.push_str("</table>");
    for reason in report.blocked.iter().map(|blocked| in_words(&blocked.cause)) {
        let _ = write!(part, "<p>{}</p>", escaped(&reason));
    }
    filled(&part)
}

/// The page while there is nothing to show.
pub(super) fn without(why: &str) -> Answer {
    filled(&format!("<p>{}</p>", escaped(why)))
}

fn filled(part: &str) -> Answer {
    Answer { status: StatusCode::OK, kind: Kind::Page, body: PAGE.replacen(PLACE, part, 1).into() }
}

/// Text for HTML: reasons quote logs and other programs.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
