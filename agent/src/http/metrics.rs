//! `/metrics`. In: a host's report. Out: OpenMetrics text. `rocketmq_agent_*` is what the agent concluded, with the
//! labels `cluster` and `host`, and for an instance `name` and `role`; `name` as node_exporter has it for systemd
//! units, because `instance` is Prometheus's own label for the scraped address. The brokers' own figures keep
//! rocketmq-exporter's names and its labels `cluster`, `brokerIP` (its value is ip:port) and `broker`.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, text::encode},
    metrics::{MetricType, info::Info},
    registry::Registry,
};
use rocketmq_agent_domain::{
    health::report::{HostReport, InstanceReport, State},
    names::Version,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

const STATES: [(State, &str); 7] = [
    (State::Ready, "ready"),
    (State::Starting, "starting"),
    (State::NotReady, "not-ready"),
    (State::Stopping, "stopping"),
    (State::Stopped, "stopped"),
    (State::Quarantined, "quarantined"),
    (State::Unknown, "unknown"),
];

type Labels<'a> = Vec<(&'a str, &'a str)>;

/// The text of `/metrics`, up to and with `# EOF`.
pub(super) fn text(report: Option<Arc<HostReport>>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition { report }));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Exposition {
    report: Option<Arc<HostReport>>,
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut families = Families { encoder };
        families.info("rocketmq_agent_build", "The agent itself.", vec![("version", env!("CARGO_PKG_VERSION"))])?;
        let Some(report) = &self.report else { return Ok(()) };
        families.host(report)?;
        families.instances(report)?;
        families.figures(report)
    }
}

struct Families<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Families<'_> {
    /// One gauge with all its samples; nothing at all where there are none.
    fn gauge<'l, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, V)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn info(&mut self, name: &str, help: &str, labels: Labels<'_>) -> fmt::Result {
        let owned: Vec<(String, String)> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Info::new(owned).encode(self.encoder.encode_descriptor(name, help, None, MetricType::Info)?)
    }

    fn host(&mut self, report: &HostReport) -> fmt::Result {
        let (mode, rocketmq) = (mode(report), Version::to_string(&report.rocketmq));
        let own = || vec![("cluster", report.cluster.as_str()), ("host", report.host.as_str())];
        let mut digests = own();
        digests.extend([("cluster_file", report.cluster_file.as_str()), ("placement", report.placement.as_str())]);
        digests.extend([("mode", mode.as_str()), ("rocketmq", rocketmq.as_str())]);
        self.info(
            "rocketmq_agent_config",
            "What the host works from; digests that differ between hosts are a mistake.",
            digests,
        )?;
        let mut one = |name, help, value| self.gauge(name, help, [(own(), value)]);
        one("rocketmq_agent_ready", "Everything the host should run is ready.", u64::from(report.ready))?;
        one("rocketmq_agent_blocked", "What stands in the host's way, counted.", report.blocked.len() as u64)?;
        one("rocketmq_agent_steps", "Steps of the last pass.", report.steps.len() as u64)?;
        one(
            "rocketmq_agent_not_in_file",
            "Instances that run and are not in the cluster file.",
            report.not_in_file.len() as u64,
        )?;
        let config = &report.config;
        self.gauge(
            "rocketmq_agent_config_generation",
            "The document that it works from.",
            config.generation.map(|generation| (own(), generation)),
        )?;
        self.gauge(
            "rocketmq_agent_config_refused",
            "Connections and requests to config sync that were refused since the agent began.",
            config.refused.iter().map(|(reason, count)| {
                let mut labels = own();
                labels.push(("reason", reason));
                (labels, *count)
            }),
        )?;
        self.gauge(
            "rocketmq_agent_report_timestamp_seconds",
            "When all this was found out.",
            [(own(), seconds(report.at))],
        )
    }

    fn instances(&mut self, report: &HostReport) -> fmt::Result {
        let labels = |instance| instance_labels(report, instance);
        let each = || report.instances.iter();
        self.gauge(
            "rocketmq_agent_instance_state",
            "1 for the state that it is in.",
            each().flat_map(|i| {
                STATES.iter().map(move |(state, name)| {
                    let mut labels = labels(i);
                    labels.push(("state", name));
                    (labels, u64::from(i.state == *state))
                })
            }),
        )?;
        let mut all = |name, help, value: fn(&InstanceReport) -> u64| {
            self.gauge(name, help, each().map(|i| (labels(i), value(i))))
        };
        all("rocketmq_agent_instance_ready", "It serves as it should.", |i| u64::from(i.is_ready()))?;
        all("rocketmq_agent_instance_up", "It answers the remoting protocol.", |i| u64::from(i.answers))?;
        all("rocketmq_agent_instance_failures", "Crashes and failed starts in a row.", |i| u64::from(i.failures))?;
        all("rocketmq_agent_instance_restart_pending", "It runs with an older configuration.", |i| {
            u64::from(i.restart_pending)
        })?;
        self.gauge(
            "rocketmq_agent_instance_started_timestamp_seconds",
            "When its process started.",
            each().filter_map(|i| Some((labels(i), seconds(i.started_at?)))),
        )?;
        let mut some = |name, help, value: fn(&InstanceReport) -> Option<u64>| {
            self.gauge(name, help, each().filter_map(|i| Some((labels(i), value(i)?))))
        };
        some("rocketmq_agent_instance_lag_bytes", "Bytes that the slave of its group is behind the master.", |i| {
            i.lag
        })?;
        some(
            "rocketmq_agent_instance_sync_lowered",
            "1 while a sync master acknowledges sends without its slave, which is gone.",
            |i| i.sync_lowered.map(u64::from),
        )?;
        some(
            "rocketmq_agent_instance_disk_full_in_seconds",
            "Seconds until the broker's disk is 90 % full, at the speed of the last two hours; absent where it does not fill.",
            |i| i.disk_full_in,
        )?;
        some("rocketmq_agent_instance_recovered_percent", "How much of an unclosed store a broker has read.", |i| {
            i.recovered_percent
        })?;
        some(
            "rocketmq_agent_instance_lag_seconds",
            "Seconds for which the master has had what its slave has not.",
            |i| i.lag_seconds,
        )?;
        some("rocketmq_agent_instance_missing_history_bytes", "Older messages that only the master has.", |i| {
            i.missing_history
        })?;
        some("rocketmq_agent_controller_leader", "It leads the controllers.", |i| i.leader.map(u64::from))?;
        self.gauge(
            "rocketmq_agent_instance_reason",
            "Why it is not ready, or what to know, counted by id.",
            causes(report),
        )
    }

    /// Each figure once, with all brokers below it: a family must not be split in OpenMetrics.
    fn figures(&mut self, report: &HostReport) -> fmt::Result {
        let names: BTreeSet<&str> =
            report.instances.iter().flat_map(|i| i.figures.keys().map(String::as_str)).collect();
        let ids: Vec<String> = report.instances.iter().map(|i| i.broker_id.unwrap_or_default().to_string()).collect();
        for name in names.into_iter().filter(|name| is_metric_name(name)) {
            let samples = report.instances.iter().zip(&ids).filter_map(|(i, id)| {
                let value = i.figures.get(name).copied().filter(|value| value.is_finite())?;
                let labels = vec![
                    ("cluster", report.cluster.as_str()),
                    ("brokerIP", i.address.as_str()),
                    ("broker", i.instance.as_str()),
                    ("brokerId", id.as_str()),
                    ("host", report.host.as_str()),
                ];
                Some((labels, value))
            });
            self.gauge(name, "From the broker's own runtime information, as rocketmq-exporter names it.", samples)?;
        }
        Ok(())
    }
}

fn instance_labels<'a>(report: &'a HostReport, instance: &'a InstanceReport) -> Labels<'a> {
    vec![
        ("cluster", report.cluster.as_str()),
        ("host", report.host.as_str()),
        ("name", instance.instance.as_str()),
        ("role", instance.role.word()),
    ]
}

/// Counted, since one id may stand for several findings (two keys that differ) and a series must not come twice.
fn causes(report: &HostReport) -> impl Iterator<Item = (Labels<'_>, u64)> {
    report.instances.iter().flat_map(move |instance| {
        let reasons = instance.reasons.iter().map(|cause| ("reason", cause));
        let warnings = instance.warnings.iter().map(|cause| ("warning", cause));
        let mut counted: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (kind, cause) in reasons.chain(warnings) {
            *counted.entry((kind, cause.id.as_str())).or_default() += 1;
        }
        counted.into_iter().map(move |((kind, id), count)| {
            let mut labels = instance_labels(report, instance);
            labels.extend([("kind", kind), ("id", id)]);
            (labels, count)
        })
    })
}

/// The mode as the cluster file has it.
fn mode(report: &HostReport) -> String {
    serde_json::to_value(report.mode).ok().and_then(|mode| Some(mode.as_str()?.to_owned())).unwrap_or_default()
}

/// Milliseconds as the seconds that Prometheus counts in.
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// What the text format takes for a name, and not one of the agent's own.
fn is_metric_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("rocketmq_agent_")
        && name.chars().all(good)
}
