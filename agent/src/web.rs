//! The HTTP clients of this program: one for the agents of its own cluster, one for the world.

use std::time::Duration;

/// Plain HTTP to agents: no proxy of the environment, no redirects to elsewhere, and no certificates, which a small
/// host may not have.
///
/// # Errors
/// The client cannot be set up.
pub fn to_agents(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([])
        // An agent closes a kept connection after two minutes, perhaps just as the next request goes out; a host would
        // be shown as unknown for that.
        .pool_max_idle_per_host(0)
        .build()
}

/// A client for the world, to be given its limits: with the host's certificates, and through its proxy.
pub fn builder() -> reqwest::ClientBuilder {
    // reqwest sets TLS up in any case, and panics without a provider. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().user_agent(concat!("rocketmq-agent/", env!("CARGO_PKG_VERSION")))
}
