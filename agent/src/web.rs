//! The HTTP clients of this program: one for the agents of its own cluster, one for the world.

use std::{net::SocketAddr, time::Duration};

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

/// Whether something that serves web pages is there: it answers, and not with an error of its own.
///
/// # Errors
/// It does not, or not as HTTP.
pub async fn serves(client: &reqwest::Client, address: SocketAddr) -> reqwest::Result<()> {
    let answer = client.get(format!("http://{address}/")).send().await?;
    // What is not there, or not for us, is for it to say.
    if answer.status().is_server_error() { answer.error_for_status().map(|_| ()) } else { Ok(()) }
}

/// A client for the world, to be given its limits: with the host's certificates, and through its proxy.
pub fn builder() -> reqwest::ClientBuilder {
    // reqwest sets TLS up in any case, and panics without a provider. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().user_agent(concat!("rocketmq-agent/", env!("CARGO_PKG_VERSION")))
}
