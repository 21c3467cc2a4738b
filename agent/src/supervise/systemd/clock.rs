//! Whether the clock of this host follows a time server, as systemd's timedated knows it from the kernel.

use super::SupervisorError;
use std::time::Duration;
use tokio::time::timeout;
use zbus::{Connection, proxy};

/// timedated is started by the question.
const ANSWER: Duration = Duration::from_secs(5);

#[proxy(
    interface = "org.freedesktop.timedate1",
    default_service = "org.freedesktop.timedate1",
    default_path = "/org/freedesktop/timedate1"
)]
trait TimeDate {
    /// NTPSynchronized: the kernel's own word (adjtimex(2)), whoever keeps the clock.
    #[zbus(property, name = "NTPSynchronized")]
    fn ntp_synchronized(&self) -> zbus::Result<bool>;
}

/// Asks.
///
/// # Errors
/// There is no systemd, or it does not answer.
pub async fn clock_is_synchronised() -> Result<bool, SupervisorError> {
    let failed = |source| SupervisorError::bus("ask systemd about the clock".to_owned(), source);
    let asking = async {
        let connection = Connection::system().await?;
        TimeDateProxy::new(&connection).await?.ntp_synchronized().await
    };
    match timeout(ANSWER, asking).await {
        Ok(answer) => answer.map_err(failed),
        Err(_) => Err(failed(zbus::Error::Failure("no answer".to_owned()))),
    }
}
