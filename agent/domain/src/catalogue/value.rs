//! Whether RocketMQ would read a value as it was meant. In: a key's type, a text. Out: what is wrong with it.
//! Where its own parser fails, RocketMQ keeps the default and says nothing (MixAll.properties2Object, 4.5.2 to 5.5.0).

use crate::problem::did_you_mean;
use std::{fmt, str::FromStr};

/// What a key's value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// With a point.
    Double,
    /// Any text.
    Text,
    /// One of these, in exactly this case.
    Choice(Vec<&'static str>),
    /// Something else, in a file that is not a properties file: its Java type.
    Other(&'static str),
}

impl Kind {
    /// From the Java type, or the names of an enum with `|` between.
    pub(super) fn of(text: &'static str) -> Self {
        match text {
            "boolean" => Kind::Boolean,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "double" => Kind::Double,
            "String" => Kind::Text,
            names if names.contains('|') => Kind::Choice(names.split('|').collect()),
            other => Kind::Other(other),
        }
    }
}

/// As it is written in the catalogue.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Boolean => f.write_str("boolean"),
            Kind::Int => f.write_str("int"),
            Kind::Long => f.write_str("long"),
            Kind::Double => f.write_str("double"),
            Kind::Text => f.write_str("String"),
            Kind::Choice(names) => f.write_str(&names.join("|")),
            Kind::Other(other) => f.write_str(other),
        }
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The rule that is broken.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
    /// How to put it right; may be empty.
    pub fix: String,
}

impl Kind {
    /// What is wrong with that text as a value of this kind.
    pub fn judge(&self, text: &str) -> Option<Wrong> {
        let number = |wanted: &str, fits: bool| {
            (!fits).then(|| Wrong {
                rule: if is_digits(text) { "out-of-range" } else { "wrong-type" },
                what: format!("must be {wanted}, and is \"{text}\""),
                fix: if is_digits(text) {
                    "RocketMQ would keep its default and say nothing".to_owned()
                } else {
                    "without a unit, blanks or anything else: RocketMQ would keep its default and say nothing"
                        .to_owned()
                },
            })
        };
        match self {
            Kind::Int => number("a whole number of 32 bits", i32::from_str(text).is_ok()),
            Kind::Long => number("a whole number of 64 bits", i64::from_str(text).is_ok()),
            Kind::Double => number("a number", f64::from_str(text).is_ok_and(f64::is_finite)),
            Kind::Boolean if !["true", "false"].contains(&text.to_ascii_lowercase().as_str()) => Some(Wrong {
                rule: "wrong-type",
                what: format!("must be true or false, and is \"{text}\""),
                fix: "RocketMQ takes everything but true for false".to_owned(),
            }),
            Kind::Choice(names) if !names.contains(&text) => {
                let guess = did_you_mean(text, names.iter().copied());
                Some(Wrong {
                    rule: "bad-choice",
                    what: format!("there is no \"{text}\""),
                    fix: if guess.is_empty() { format!("use one of {}", names.join(", ")) } else { guess },
                })
            }
            Kind::Boolean | Kind::Choice(_) | Kind::Text | Kind::Other(_) => None,
        }
    }
}

fn is_digits(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_javas_parsers_take_is_taken_and_nothing_else() {
        let flush = Kind::Choice(vec!["SYNC_FLUSH", "ASYNC_FLUSH"]);
        let good: [(&Kind, &[&str]); 6] = [
            (&Kind::Int, &["0", "-1", "+5", "2147483647", "04"]),
            (&Kind::Long, &["9223372036854775807"]),
            (&Kind::Double, &["0.75", "1", "-2.5"]),
            (&Kind::Boolean, &["true", "false", "TRUE"]),
            (&flush, &["SYNC_FLUSH"]),
            (&Kind::Text, &["04", "anything at all"]),
        ];
        for (kind, texts) in good {
            for text in texts {
                assert_eq!(kind.judge(text), None, "{kind} {text}");
            }
        }
        let bad: [(&Kind, &[&str]); 5] = [
            (&Kind::Int, &["48h", "1_000", "", "2147483648", "0x10", "1.0", "4 MB"]),
            (&Kind::Long, &["10L", "9223372036854775808"]),
            (&Kind::Double, &["3/4", "NaN"]),
            (&Kind::Boolean, &["yes", "1", "on", "ture"]),
            (&flush, &["sync_flush", "SYNC"]),
        ];
        for (kind, texts) in bad {
            for text in texts {
                assert!(kind.judge(text).is_some(), "{kind} {text}");
            }
        }
    }

    #[test]
    fn a_number_that_is_too_large_is_told_from_one_with_a_unit() {
        assert_eq!(Kind::Int.judge("2147483648").map(|wrong| wrong.rule), Some("out-of-range"));
        assert_eq!(Kind::Int.judge("1G").map(|wrong| wrong.rule), Some("wrong-type"));
    }
}
