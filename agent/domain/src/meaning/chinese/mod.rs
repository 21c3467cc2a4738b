//! The same in Chinese, id by id.

mod host;
mod rules;
mod serving;
mod starts;

use super::Chapter;

/// All of them.
pub const CHAPTERS: [Chapter; 4] = [
    Chapter { title: "实例在运行，但不正常", meanings: serving::MEANINGS },
    Chapter { title: "实例结束了，或不能启动", meanings: starts::MEANINGS },
    Chapter { title: "主机停在某一步，或重启在等待", meanings: host::MEANINGS },
    Chapter { title: "集群文件的规则", meanings: rules::MEANINGS },
];
