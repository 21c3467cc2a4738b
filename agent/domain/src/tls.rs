//! What a process does about TLS by its command line. In: JVM options. Out: whether it enforces TLS, and whether it speaks
//! it. Both are system properties: no file that RocketMQ reads has such a key (`TlsSystemConfig`,
//! `TlsHelper.extractTlsConfigFromFile` of 4.7.0-5.5.0).

use std::collections::BTreeMap;

/// Whether a process started so takes nobody in plain text.
pub fn enforces(options: &[String]) -> bool {
    last(options, "-Dtls.server.mode=") == Some("enforcing")
}

/// Whether a NameServer, controller, broker or proxy started so speaks TLS to the others: where nothing is said, as it is
/// spoken to (`NettyClientConfig.useTLS` of 5.5.0, `BrokerStartup` of 4.7.0-4.9.4).
pub fn speaks(options: &[String]) -> bool {
    match last(options, "-Dtls.enable=") {
        Some(value) => value.eq_ignore_ascii_case("true"),
        None => enforces(options),
    }
}

/// The file of more properties, which win over those of the command line (`TlsHelper.buildSslContext` of 4.7.0-5.5.0).
pub fn config_file(options: &[String]) -> &str {
    last(options, "-Dtls.config.file=").unwrap_or("/etc/rocketmq/tls.properties")
}

/// What a server shows of itself, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// `tls.server.certPath`.
    pub certificate: Option<String>,
    /// `tls.server.keyPath`.
    pub key: Option<String>,
    /// Whether a password for the key is said.
    pub has_password: bool,
    /// It makes itself a certificate at each start, and uses neither: `tls.test.mode.enable`, which is so by default.
    pub makes_its_own: bool,
}

/// What is shown by a process that is started so and finds that in its [`config_file`].
pub fn shown(options: &[String], file: &BTreeMap<String, String>) -> Shown {
    let said = |name: &str| {
        let of_line = last(options, &format!("-D{name}=")).map(str::to_owned);
        file.get(name).cloned().or(of_line).filter(|value| !value.is_empty())
    };
    Shown {
        certificate: said("tls.server.certPath"),
        key: said("tls.server.keyPath"),
        has_password: said("tls.server.keyPassword").is_some(),
        makes_its_own: said("tls.test.mode.enable").is_none_or(|value| value.eq_ignore_ascii_case("true")),
    }
}

/// The value that counts: of a property that is set twice a JVM takes the last.
fn last<'o>(options: &'o [String], property: &str) -> Option<&'o str> {
    options.iter().rev().find_map(|option| option.strip_prefix(property))
}

/// How a private key is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// PKCS#8, which every release takes.
    Pkcs8,
    /// The same with a password.
    Encrypted,
    /// Another one, such as PKCS#1. 5.5.0 takes it; a NameServer of 4.9.4 was seen to end with it.
    Other,
}

/// Of a PEM file's text; none where it holds no key.
pub fn key_format(pem: &str) -> Option<KeyFormat> {
    let mut kinds =
        pem.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("PRIVATE KEY-----"));
    kinds.next_back().map(|kind| match kind.trim() {
        "" => KeyFormat::Pkcs8,
        "ENCRYPTED" => KeyFormat::Encrypted,
        _ => KeyFormat::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(options: &[&str]) -> Vec<String> {
        options.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_enforces_tls_is_the_last_word_on_it() {
        let enforces = |words: &[&str]| enforces(&options(words));
        assert!(enforces(&["-Dtls.server.mode=permissive", "-Dtls.server.mode=enforcing", "-Dtls.enable=true"]));
        assert!(!enforces(&["-Dtls.server.mode=enforcing", "-Dtls.server.mode=permissive"]));
        assert!(!enforces(&["-Dtls.server.mode=ENFORCING"]), "RocketMQ takes what it does not know for permissive");
        assert!(!enforces(&["-Dtls.enable=true"]));
    }

    #[test]
    fn what_is_shown_is_what_the_file_says_and_then_the_command_line() {
        let line = options(&["-Dtls.server.certPath=/a", "-Dtls.server.keyPath=/b", "-Dtls.test.mode.enable=false"]);
        let file =
            |lines: &[(&str, &str)]| lines.iter().map(|(key, it)| ((*key).to_owned(), (*it).to_owned())).collect();
        let found = shown(&line, &file(&[("tls.server.certPath", "/c"), ("tls.server.keyPassword", "")]));
        let wanted =
            Shown { certificate: Some("/c".into()), key: Some("/b".into()), has_password: false, makes_its_own: false };
        assert_eq!(found, wanted);
        assert!(shown(&line, &file(&[("tls.test.mode.enable", "true")])).makes_its_own);
        assert!(shown(&[], &BTreeMap::new()).makes_its_own);
        assert_eq!(config_file(&options(&["-Dtls.config.file=/x"])), "/x");
    }

    #[test]
    fn a_key_is_told_by_its_first_line() {
        let of = |kind: &str| key_format(&format!("# text\n-----BEGIN {kind}PRIVATE KEY-----\nMIIE\n"));
        assert_eq!(of(""), Some(KeyFormat::Pkcs8));
        assert_eq!(of("ENCRYPTED "), Some(KeyFormat::Encrypted));
        assert_eq!([of("RSA "), of("EC ")], [Some(KeyFormat::Other); 2]);
        assert_eq!(key_format("-----BEGIN CERTIFICATE-----\n"), None);
    }

    #[test]
    fn who_enforces_tls_speaks_it_unless_told_otherwise() {
        let speaks = |words: &[&str]| speaks(&options(words));
        assert!(speaks(&["-Dtls.enable=TRUE"]) && speaks(&["-Dtls.server.mode=enforcing"]));
        assert!(!speaks(&["-Dtls.server.mode=enforcing", "-Dtls.enable=false"]));
        assert!(!speaks(&[]) && !speaks(&["-Dtls.enable=true", "-Dtls.enable=no"]));
    }
}
