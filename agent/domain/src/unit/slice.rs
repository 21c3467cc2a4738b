//! The slice that all instances of a host are in, with what they may take together. In: limits. Out: the unit's text.

use super::{FIRST_LINE, Lines};
use crate::limits::Limits;

/// The name of the slice.
pub const SLICE: &str = "rocketmq.slice";

/// The text of the slice.
pub fn slice(limits: &Limits) -> String {
    let mut text = Lines(String::from(FIRST_LINE) + "\n");
    text.section("Unit");
    text.line("Description", "All RocketMQ instances of this host");
    text.section("Slice");
    text.comment("[limits] of the cluster file; no line: no limit.");
    if let Some(memory) = limits.memory {
        text.line("MemoryMax", &memory.0.to_string());
    }
    if let Some(cpu) = limits.cpu {
        text.line("CPUQuota", &cpu.to_string());
    }
    text.0
}
