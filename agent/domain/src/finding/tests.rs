use super::*;
use crate::{launch::cause, meaning};
use std::collections::BTreeSet;

fn holes(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect()
}

#[test]
fn both_languages_have_the_same_values_and_something_to_say() {
    for finding in all() {
        for (english, chinese) in finding.english.into_iter().zip(finding.chinese) {
            assert_eq!(holes(english), holes(chinese), "{}", finding.id);
            assert_eq!(english.is_empty(), chinese.is_empty(), "{}", finding.id);
            // Another finding that is told in it is said in Chinese by itself.
            assert!(english.is_empty() || english.starts_with("‹{of.") || english != chinese, "{english}");
            assert!(
                !chinese.ends_with(['。', '.']) && !english.ends_with('.'),
                "{english}: a sentence is put into others"
            );
            for text in [english, chinese] {
                assert_eq!(text.matches('‹').count(), text.matches('›').count(), "{text}");
            }
        }
    }
}

#[test]
fn no_two_of_one_id_say_the_same() {
    let all: Vec<_> = all().map(|finding| (finding.id, finding.english[0])).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

/// Rules of the cluster file are problems with a line of their own rather than causes.
#[test]
fn every_id_of_reasons_and_warnings_has_a_finding() {
    let explained = meaning::chapters(Language::English).into_iter().take(3).flat_map(|it| it.meanings);
    let explained: BTreeSet<&str> = explained.map(|meaning| meaning.id).collect();
    let found: BTreeSet<&str> = all().map(|finding| finding.id).collect();
    assert_eq!(found, explained);
}

#[test]
fn a_finding_is_said_in_english_and_shown_in_chinese_with_its_values() {
    let found = PORT_IN_USE.of(&[("port", &10911), ("occupant", &"pid 812 (nginx)")]);
    assert_eq!(found.what, "port 10911 is taken by pid 812 (nginx)");
    let shown = in_language(Language::Chinese, &found);
    assert_eq!(shown.what, "端口 10911 被 pid 812 (nginx) 占用");
    assert!(shown.fix.starts_with("停掉"), "{shown:?}");
    assert_eq!(in_language(Language::English, &found), found);
    let before = Cause { what: format!("{BEFORE}{}", found.what).into(), ..found };
    assert_eq!(in_language(Language::Chinese, &before).what, "这次启动之前：端口 10911 被 pid 812 (nginx) 占用");
}

#[test]
fn an_error_within_a_finding_is_said_in_chinese_where_it_is_the_agents_own() {
    let said = |why: &str| in_language(Language::Chinese, &CONFIG_UNKNOWN.of(&[("why", &why)])).what;
    let own = said("cannot connect to 10.0.0.1:10911: Connection refused (os error 111)");
    assert!(own.ends_with("：无法连接 10.0.0.1:10911：Connection refused (os error 111)"), "{own}");
    assert!(said("Permission denied (os error 13)").ends_with("：Permission denied (os error 13)"));
}

#[test]
fn what_was_said_in_other_words_is_shown_as_it_was_said() {
    // By an older agent, without values.
    let old = cause("port-in-use", "port 10911 is taken by pid 812 (nginx)", "stop that process");
    assert_eq!(in_language(Language::Chinese, &old), old);
    // By a newer one, in other words.
    let found = PORT_IN_USE.of(&[("port", &10911), ("occupant", &"pid 812")]);
    let newer = Cause { what: "pid 812 has port 10911".into(), ..found.clone() };
    assert_eq!(in_language(Language::Chinese, &newer), newer);
    // With another thing to do in this case.
    let other = Cause { fix: "wait".into(), ..found };
    let shown = in_language(Language::Chinese, &other);
    assert_eq!((shown.what.as_str(), shown.fix.as_str()), ("端口 10911 被 pid 812 占用", "wait"));
}

#[test]
fn what_is_told_within_another_finding_is_said_in_chinese_too() {
    let port = PORT_IN_USE.of(&[("port", &10911), ("occupant", &"pid 812")]);
    let seat: [(&str, Option<&dyn Display>); 4] =
        [("role", Some(&"slave")), ("of", Some(&"broker-a")), ("on", Some(&"vm2")), ("state", Some(&"stopped"))];
    let found = NOT_READY.telling(Some(&port), &seat);
    assert_eq!(found.what, "the slave of broker-a on vm2 is stopped: port 10911 is taken by pid 812");
    let shown = in_language(Language::Chinese, &found);
    assert_eq!(shown.what, "从节点（vm2 的 broker-a）已停止：端口 10911 被 pid 812 占用");
    assert!(shown.fix.starts_with("在 vm2 上：停掉那个进程"), "{}", shown.fix);
    // Where that has no Chinese words, it is told as it was said.
    let shown = in_language(Language::Chinese, &NOT_READY.telling(Some(&cause("x", "y", "z")), &seat));
    assert_eq!((&*shown.what, &*shown.fix), ("从节点（vm2 的 broker-a）已停止：y", "在 vm2 上：z"));
    let at = "; systemd says: Failed to set up mount namespacing";
    let unmade = PROCESS_NOT_MADE.of(&[("why", &"its limits cannot be set"), ("unit", &"rocketmq-broker-a")]);
    let shown = in_language(Language::Chinese, &Cause { what: format!("{}{at}", unmade.what).into(), ..unmade });
    assert_eq!(
        shown.what,
        "systemd 不能创建它的进程：不能设置它的资源限制；systemd 说：Failed to set up mount namespacing"
    );
}

#[test]
fn a_value_is_taken_as_it_is_and_a_part_without_its_value_is_left_out() {
    let values = |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    assert_eq!(fill("a‹ of {x}› b {y}", &values(&[("y", "{x} ‹z›")])).unwrap(), "a b {x} ‹z›");
    assert_eq!(fill("a‹ of {x}› b", &values(&[("x", "1")])).unwrap(), "a of 1 b");
    assert_eq!(fill("a‹ ({x}‹ and {y} more›)›", &values(&[("x", "1")])).unwrap(), "a (1)");
    assert_eq!(fill("a‹ ({x}‹ and {y} more›)›", &values(&[("y", "1")])).unwrap(), "a");
    assert_eq!(fill("a {x}", &values(&[])), None);
}

/// What an agent of before this field sent, and what one of after it sends to it.
#[test]
fn reports_of_older_agents_are_read_and_newer_ones_add_to_them_only() {
    let old: Cause = serde_json::from_str(r#"{"id":"x","what":"y","fix":""}"#).unwrap();
    assert!(old.values.is_empty());
    assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"id":"x","what":"y","fix":""}"#);
}

#[test]
fn a_report_is_shown_in_chinese_with_what_is_said_of_the_whole_cluster() {
    let text = include_str!("../../../../tests/fixtures/status/cluster.json");
    let mut report: ClusterReport = serde_json::from_str(text).unwrap();
    let its = |report: &mut ClusterReport| report.hosts[0].report.as_mut().unwrap().instances[1].clone();
    let waits = serde_json::json!({
        "phase": "draining", "since": 7, "waits": { "id": "draining", "what": "clients still send to it", "fix": "" },
    });
    report.hosts[0].report.as_mut().unwrap().instances[1].rollout = serde_json::from_value(waits).unwrap();
    let mut shown = report_in_language(Language::Chinese, report.clone());
    let it = its(&mut shown);
    assert_eq!(it.reasons[0].what, "没有从节点连到它的 HA 端口");
    assert_eq!(it.rollout.unwrap().waits.unwrap().what, "仍有客户端向它发送");
    assert_eq!(shown.problems, ["vm2 的 agent 没有回答"]);
    assert_eq!(report_in_language(Language::English, report.clone()), report);
    let points = crate::explain::cluster(&report);
    let restart = points.iter().find(|point| point.id == "draining").unwrap();
    let told = in_language(Language::Chinese, &restart.cause);
    assert_eq!(told.what, "因配置改变而重启（正在停止接收写入）：仍有客户端向它发送");
}
