//! What other processes say: that a run was changed by somebody who does not drive it.
//!
//! It is said on a connection of its own. What was said while there was none is missed, so that everything is looked at again
//! once there is one; and whoever drives a run looks at it every few seconds anyway.

use std::{future::poll_fn, time::Duration};

use locum_store_sql::BELL;
use tokio::time::sleep;
use tokio_postgres::AsyncMessage;
use tracing::{info, warn};

use super::{Postgres, value};

/// The pause before the connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// What is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The run of this id was changed.
    Run(String),
    /// Runs were left to whoever claims them.
    Left,
    /// Something may have been said that was not heard.
    Missed,
}

impl Postgres {
    /// Listens until it is dropped, and tells `hear`.
    pub async fn listen(self, hear: impl Fn(Heard) + Send) {
        loop {
            let ended = self.listen_once(&hear).await;
            let why = ended.map_or_else(
                |error| value::error(&error).to_string(),
                |()| "closed".to_owned(),
            );
            warn!(
                why,
                "other processes are not heard; runs are looked at every few seconds"
            );
            sleep(PAUSE).await;
        }
    }

    async fn listen_once(
        &self,
        hear: &(impl Fn(Heard) + Send),
    ) -> Result<(), tokio_postgres::Error> {
        let address = &self.address;
        let (client, mut connection) = address.config.connect(address.tls.clone()).await?;
        let listen = format!("LISTEN {BELL}");
        let listening = client.batch_execute(&listen);
        let listening = async {
            listening.await?;
            info!("other processes are heard");
            hear(Heard::Missed);
            // The connection ends with the client.
            std::future::pending::<Result<(), tokio_postgres::Error>>().await
        };
        let hearing = async {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(said) = message? {
                    hear(match said.payload() {
                        "" => Heard::Left,
                        run => Heard::Run(run.to_owned()),
                    });
                }
            }
            Ok(())
        };
        tokio::select! {
            ended = hearing => ended,
            failed = listening => failed,
        }
    }
}
