//! `/metrics` against a parser as strict as the OpenMetrics 1.0 text format, for the types that are used: gauge, info.

use crate::world::{Agent, cause, healthy, troubled};
use std::collections::{BTreeMap, BTreeSet};

type Samples = BTreeMap<String, f64>;

/// Every sample by its name with its labels as they are written, or what is wrong and where.
fn parse(text: &str) -> Result<Samples, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("no # EOF at the end")?;
    let mut samples = Samples::new();
    let mut declared = BTreeSet::new();
    let mut family: Option<(String, String)> = None;
    let mut helped = String::new();
    for line in body.split_terminator('\n') {
        let wrong = |what: &str| Err(format!("{what}: {line}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            helped = rest.split(' ').next().unwrap_or_default().to_owned();
            if !is_name(&helped) || !declared.insert(helped.clone()) {
                return wrong("a bad or repeated family");
            }
            family = None;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("TYPE without a type")?;
            if name != helped || !["gauge", "info"].contains(&kind) {
                return wrong("TYPE of another family, or an unknown type");
            }
            family = Some((name.to_owned(), kind.to_owned()));
        } else {
            let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
            let name = series.split('{').next().unwrap_or_default();
            let Some((family, kind)) = &family else { return wrong("a sample outside of its family") };
            let expected = if kind == "info" { format!("{family}_info") } else { family.clone() };
            if name != expected || !labels_are_good(&series[name.len()..]) {
                return wrong("a sample of another family, or bad labels");
            }
            let value: f64 = value.parse().map_err(|_| format!("no number: {line}"))?;
            if !value.is_finite() || samples.insert(series.to_owned(), value).is_some() {
                return wrong("not finite, or given twice");
            }
        }
    }
    Ok(samples)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `{a="b",c="d"}`, with `\\`, `\"` and `\n` as the only escapes; nothing is good too.
fn labels_are_good(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let Some(mut rest) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else { return false };
    let mut names = BTreeSet::new();
    loop {
        let Some((name, value)) = rest.split_once("=\"") else { return false };
        if !is_name(name) || !names.insert(name) {
            return false;
        }
        let mut characters = value.char_indices();
        let end = loop {
            match characters.next() {
                Some((at, '"')) => break at,
                Some((_, '\\')) if !matches!(characters.next(), Some((_, '\\' | '"' | 'n'))) => return false,
                Some(_) => {}
                None => return false,
            }
        };
        match &value[end + 1..] {
            "" => return true,
            more => match more.strip_prefix(',') {
                Some(next) => rest = next,
                None => return false,
            },
        }
    }
}

#[test]
fn the_parser_refuses_what_openmetrics_does_not_allow() {
    let head = "# HELP a b\n# TYPE a gauge\n";
    assert!(parse(&format!("{head}a{{l=\"x\\\\\\\"\\n}}\"}} 1\n# EOF\n")).is_ok());
    for bad in [
        format!("{head}a 1\n"),
        format!("{head}a 1\na 1\n# EOF\n"),
        format!("{head}b 1\n# EOF\n"),
        format!("{head}a{{l=\"x\",l=\"y\"}} 1\n# EOF\n"),
        format!("{head}a{{l=\"\\x\"}} 1\n# EOF\n"),
        format!("{head}a{{l=\"x}} 1\n# EOF\n"),
        format!("{head}a NaN\n# EOF\n"),
        format!("{head}\n# EOF\n"),
        format!("{head}a 1\n# HELP b b\n# TYPE b gauge\na 2\n# EOF\n"),
        format!("{head}a 1\n{head}a 2\n# EOF\n"),
        "a 1\n# EOF\n".to_owned(),
    ] {
        assert!(parse(&bad).is_err(), "{bad}");
    }
}

async fn scraped(agent: &Agent) -> Samples {
    let reply = agent.get("/metrics").await;
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    parse(&reply.body).unwrap_or_else(|error| panic!("{error}\n{}", reply.body))
}

#[tokio::test]
async fn a_host_its_instances_and_their_figures_are_there() {
    let agent = Agent::start(Some(troubled("vm1"))).await;
    let samples = scraped(&agent).await;
    let host = "cluster=\"DefaultCluster\",host=\"vm1\"";
    let slave = format!("{host},name=\"broker-b\",role=\"slave\"");
    let figure =
        "cluster=\"DefaultCluster\",brokerIP=\"10.0.0.1:11911\",broker=\"broker-b\",brokerId=\"1\",host=\"vm1\"";
    for (series, value) in [
        (format!("rocketmq_agent_ready{{{host}}}"), 0.0),
        (format!("rocketmq_agent_report_timestamp_seconds{{{host}}}"), 1_790_000_100.0),
        (format!("rocketmq_agent_blocked{{{host}}}"), 0.0),
        (
            format!(
                "rocketmq_agent_config_info{{{host},cluster_file=\"sha256:aa\",placement=\"sha256:bb\",\
                 mode=\"2m-2s-sync\",rocketmq=\"5.5.0\"}}"
            ),
            1.0,
        ),
        (format!("rocketmq_agent_instance_state{{{slave},state=\"not-ready\"}}"), 1.0),
        (format!("rocketmq_agent_instance_state{{{slave},state=\"ready\"}}"), 0.0),
        (format!("rocketmq_agent_instance_ready{{{slave}}}"), 0.0),
        (format!("rocketmq_agent_instance_up{{{slave}}}"), 1.0),
        (format!("rocketmq_agent_instance_lag_bytes{{{slave}}}"), f64::from(3 << 20)),
        (format!("rocketmq_agent_instance_failures{{{slave}}}"), 0.0),
        (format!("rocketmq_agent_instance_restart_pending{{{slave}}}"), 0.0),
        (format!("rocketmq_agent_instance_started_timestamp_seconds{{{slave}}}"), 1_790_000_000.0),
        (format!("rocketmq_agent_instance_reason{{{slave},kind=\"reason\",id=\"lagging\"}}"), 1.0),
        (format!("rocketmq_broker_tps{{{figure}}}"), 12.5),
        (format!("rocketmq_brokeruntime_commitlog_disk_ratio{{{figure}}}"), 0.25),
        (format!("rocketmq_agent_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert_eq!(samples.get(&series), Some(&value), "{series}");
    }
    let of_states = samples.iter().filter(|(series, _)| series.starts_with("rocketmq_agent_instance_state{"));
    let (count, sum) = of_states.fold((0, 0.0), |(count, sum), (_, value)| (count + 1, sum + value));
    assert_eq!((count, sum), (21, 3.0), "every instance is in exactly one of seven states");
}

#[tokio::test]
async fn odd_names_values_and_repeated_reasons_leave_the_text_valid() {
    let mut report = healthy("vm1");
    report.cluster = "a\"b\\c\nd".into();
    report.instances[1].warnings = vec![cause("config-differs", "one", ""), cause("config-differs", "two", "")];
    for odd in ["", "1a", "a b", "a{b=\"c\"} 1\nd", "rocketmq_agent_ready", "é"] {
        report.instances[1].figures.insert(odd.to_owned(), 1.0);
    }
    for (name, value) in [("nan", f64::NAN), ("inf", f64::INFINITY), ("tiny", f64::MIN_POSITIVE), ("big", f64::MAX)] {
        report.instances[1].figures.insert(name.to_owned(), value);
    }
    let agent = Agent::start(Some(report)).await;
    let samples = scraped(&agent).await;
    let has = |name: &str| samples.keys().filter(|series| series.starts_with(&format!("{name}{{"))).count();
    assert_eq!(["nan", "inf", "tiny", "big", "rocketmq_agent_ready"].map(has), [0, 0, 1, 1, 1]);
    let counted = samples.iter().find(|(series, _)| series.contains("id=\"config-differs\"")).unwrap();
    assert_eq!(*counted.1, 2.0);
}

#[tokio::test]
async fn before_the_first_pass_the_agent_itself_can_be_scraped() {
    let agent = Agent::start(None).await;
    assert_eq!(scraped(&agent).await.len(), 1);
}
