//! What commands share that work beside a Locum which serves: the use cases over what is kept. They need no key, and they
//! reach no provider.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use locum_api::App;
use locum_domain::error::ApiError;
use locum_engine::{assistants::Assistants, settings::Settings};
use locum_providers::TABLE;
use tokio::runtime::Handle;

use super::serve::runtime;
use crate::{
    exit::{Exit, Failure},
    storage::{Places, Storage},
    tasks::Tasks,
    transport::HttpTransport,
    variables::Variables,
    world::world,
};

/// How long what the work began has to end.
const LAST_TASKS: Duration = Duration::from_secs(5);

/// Does `work` with the use cases over what the settings say is kept.
pub fn run(
    mut variables: Variables,
    work: impl AsyncFnOnce(&Arc<Assistants>) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let settings = settings(&mut variables)?;
    let places = Places::of(&settings).map_err(Failure::misused)?;
    let runtime = runtime().context("no runtime").map_err(Failure::failed)?;
    runtime.block_on(async {
        let transport = HttpTransport::new(settings.provider_connect_timeout);
        let storage = Storage::open_beside(&places, &transport).await?;
        let tasks = Tasks::new(Handle::current());
        let app = App::new(settings, world(transport, &storage, &tasks, None))
            .map_err(|error| Failure::misused(anyhow!(error)))?;
        let worked = work(&app.assistants).await;
        tasks.end(LAST_TASKS).await;
        storage.close().await;
        worked.map(|()| Exit::Done)
    })
}

/// The settings, of which what is missing for serving is not missed.
pub fn settings(variables: &mut Variables) -> Result<Settings, Failure> {
    variables.fix("ENABLE_AUTH", "false");
    for row in TABLE {
        let switch = format!("PROVIDER_{}_ENABLED", row.name.to_uppercase());
        variables.fix(switch, "false");
    }
    variables.settings().map_err(Failure::misused)
}

/// A use case's refusal, as the operator is told.
pub fn refused(error: ApiError) -> Failure {
    Failure::failed(anyhow!(error.message))
}
