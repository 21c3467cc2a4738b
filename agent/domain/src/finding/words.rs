//! Values that are words of the agent's own, such as a state or a role: what is said instead of them in Chinese. All others
//! (names, numbers, what RocketMQ or the kernel said) stay as they are.

use crate::{meaning::Language, sentences};

/// What is said for a value, by the name of its hole.
pub(super) fn in_chinese(name: &str, value: &str) -> String {
    let found = if name == "phase" { phase(value) } else { word(name, value).map(str::to_owned) };
    found.unwrap_or_else(|| match name {
        // What an error of the agent's own says.
        "why" | "strangers" => sentences::in_language(Language::Chinese, value),
        _ => value.to_owned(),
    })
}

/// What a restart or a stop does: `Turn::in_words`.
pub(super) fn phase(words: &str) -> Option<String> {
    let (words, lent) = match words.strip_suffix(", as its slave is restarted") {
        Some(words) => (words, "（它的从节点要重启）"),
        None => (words, ""),
    };
    Some(format!("{}{lent}", word("phase", words)?))
}

fn word(name: &str, value: &str) -> Option<&'static str> {
    WORDS
        .iter()
        .filter(|(of, _)| *of == name)
        .flat_map(|(_, words)| *words)
        .find(|(it, _)| *it == value)
        .map(|(_, it)| *it)
}

type Words = &'static [(&'static str, &'static str)];

const WORDS: &[(&str, Words)] = &[
    ("role", &[("master", "主节点"), ("slave", "从节点"), ("member", "成员")]),
    ("who", &[("it", "它"), ("its master", "它的主节点"), ("its slave", "它的从节点")]),
    (
        "state",
        &[
            ("ready", "就绪"),
            ("starting", "启动中"),
            ("not ready", "未就绪"),
            ("stopping", "停止中"),
            ("stopped", "已停止"),
            ("quarantined", "反复失败，已隔离"),
            ("unknown", "未知"),
        ],
    ),
    (
        "phase",
        &[
            ("waits for its turn", "等待轮到它"),
            ("runs with an older configuration and waits for its turn", "用旧配置运行，等待轮到它重启"),
            ("is to be restarted by hand and waits for its turn", "有人要重启它，等待轮到它"),
            ("is to be stopped by hand and waits for its turn", "有人要停止它，等待轮到它"),
            ("is next", "就是下一个"),
            ("is to give up its writers", "将要停止接收写入"),
            ("gives up its writers", "正在停止接收写入"),
            ("waits until nobody sends to its master", "等待没有谁再向它的主节点发送"),
            ("has no writers", "不接收写入"),
            ("hands its group over to another member", "正在把组交给另一个成员"),
            ("is being stopped", "正在停止"),
            ("comes back", "正在重新启动"),
            ("gets its write permission back", "正在取回写权限"),
        ],
    ),
    (
        "why",
        &[
            ("flock cannot open it", "flock 打不开它"),
            ("flock cannot execute it", "flock 不能执行它"),
            ("no master is registered with a NameServer", "没有主节点在 NameServer 注册"),
            ("its limits cannot be set", "不能设置它的资源限制"),
            ("its input cannot be opened", "不能打开它的输入"),
            ("its capabilities cannot be dropped", "不能去掉它的 capabilities"),
            ("its view of the file system cannot be set up", "不能建立它看到的文件系统"),
            ("its system calls cannot be filtered", "不能过滤它的系统调用"),
            ("is not a folder", "不是目录"),
            ("lies below something that is not a folder", "上面有一级不是目录"),
            ("cannot be written to by this agent", "这个 agent 不能写"),
            ("a debugger or a dump has it", "调试器或转储正占着它"),
            ("it waits for its disk, and so would its successor", "它在等待磁盘，重启后也一样"),
        ],
    ),
    ("members", &[("members", "成员")]),
    ("leader", &[("leader", "领导者")]),
    ("owner", &[("another broker", "另一个 broker")]),
    ("never", &[("nor ever since this agent runs", "这个 agent 运行以来也从未回答过")]),
    (
        "activity",
        &[
            ("is stopped (SIGSTOP)", "被暂停（SIGSTOP）"),
            ("is held by a debugger or a dump", "被调试器或转储占着"),
            ("waits for its disk", "在等待磁盘"),
        ],
    ),
    ("end", &[("it is ended and started again", "正在结束它，然后重新启动")]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        health::report::State,
        rollout::{Phase, Turn, Verb},
    };

    #[test]
    fn every_state_and_every_phase_of_a_turn_has_chinese_words() {
        use Phase::{Announced, Drained, Draining, HandingOver, MasterDrains, Restoring, Waits};
        use State::{NotReady, Quarantined, Ready, Starting, Stopped, Stopping, Unknown};
        for state in [Ready, Starting, NotReady, Stopping, Stopped, Quarantined, Unknown] {
            assert!(word("state", &state.to_string()).is_some(), "{state}");
        }
        for verb in [Verb::Renew, Verb::Restart, Verb::Stop, Verb::Lend] {
            let all =
                [Waits, Announced, Draining, MasterDrains, Drained, HandingOver, Phase::Stopping, Phase::Starting];
            for phase in all.into_iter().chain([Restoring]) {
                let turn = Turn { verb, phase, since: 0, waits: None };
                assert!(super::phase(&turn.in_words()).is_some(), "{}", turn.in_words());
            }
        }
    }
}
