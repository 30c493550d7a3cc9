//! Waiting for a condition with a deadline.

use std::io;
use std::time::{Duration, Instant};

/// How long a test waits for what must come. Long, since machines are busy; nothing waits it out
/// unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often is asked.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks every 5 ms until there is an answer.
///
/// # Errors
///
/// After [`PATIENCE`]; the message is `what`.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("did not happen: {what}"),
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
