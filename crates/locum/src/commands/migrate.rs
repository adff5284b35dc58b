//! `locum migrate`: copies all that is kept to other places, and compares both sides.

mod blobs;
mod progress;
mod report;

use anyhow::{Context, anyhow, bail};
use clap::{ArgGroup, Args};
use locum_engine::settings::Settings;
use locum_store_sql::transfer::{Compared, Told, Transfer};

use self::{blobs::BlobTransfer, progress::Progress};
use super::{beside, say, serve::runtime};
use crate::{
    exit::{Exit, Failure},
    storage::{
        BlobPlace, DatabasePlace, Places,
        alone::{End, OwnBlobs, OwnDatabase, is_one_database, is_one_place},
    },
    transport::HttpTransport,
    variables::Variables,
};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  From what DATABASE_URL, STORAGE_URL and DATA_DIR name, to PostgreSQL and S3:
      locum migrate --to postgres://locum:PASSWORD@db.example/locum --blobs-to s3://BUCKET/PREFIX

  The objects alone, and back again:
      locum migrate --from sqlite:data/locum.db --to postgres://locum@localhost/locum
      locum migrate --from postgres://locum@localhost/locum --to sqlite:new.db

  Files' bytes alone:
      locum migrate --blobs-from file:data/files --blobs-to s3://BUCKET

  With the password where no list of processes shows it:
      TARGET=postgres://locum:PASSWORD@db.example/locum locum migrate --to env:TARGET

S3 is reached as AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say.
Exit codes: 0 both sides hold the same, 1 they do not or the copy broke off, 2 the command line or a setting is wrong.";

/// What is copied.
#[derive(Args)]
#[command(group = ArgGroup::new("targets").args(["to", "blobs_to"]).required(true).multiple(true))]
pub struct Arguments {
    /// The database to copy from: sqlite:PATH, postgres://…, or env:NAME for what that variable holds [default: what DATABASE_URL or DATA_DIR say]
    #[arg(long, value_name = "URL", requires = "to")]
    from: Option<String>,
    /// The database to copy into: empty, or with what a copy of the same source has left in it
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The place of files' bytes to copy from: file:PATH or s3://… [default: what STORAGE_URL or DATA_DIR say]
    #[arg(long, value_name = "URL", requires = "blobs_to")]
    blobs_from: Option<String>,
    /// The place of files' bytes to copy into
    #[arg(long, value_name = "URL")]
    blobs_to: Option<String>,
    /// Copy nothing, only compare
    #[arg(long)]
    verify_only: bool,
}

impl std::fmt::Debug for Arguments {
    /// URLs hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments").finish_non_exhaustive()
    }
}

/// Where from, where to.
struct Route<P> {
    from: P,
    to: P,
}

/// Both ends, open.
struct Ends<E> {
    from: E,
    to: E,
}

/// Copies, or compares.
pub fn run(mut variables: Variables, arguments: Arguments) -> Result<Exit, Failure> {
    let settings = beside::settings(&mut variables)?;
    let objects = objects(&arguments, &settings, &variables)?;
    let blobs = blobs(&arguments, &settings)?;
    let runtime = runtime().context("no runtime").map_err(Failure::failed)?;
    runtime.block_on(async {
        // What is wrong with one of the places is said before anything is copied.
        let objects = match &objects {
            Some(route) => Some(Ends {
                from: OwnDatabase::open(&route.from, End::Source).await?,
                to: OwnDatabase::open(&route.to, End::Target).await?,
            }),
            None => None,
        };
        let blobs = match &blobs {
            Some(route) => Some(Ends::open(route, &settings).await?),
            None => None,
        };
        let copied = copy(objects.as_ref(), blobs.as_ref(), arguments.verify_only).await;
        if let Some(Ends { from, to }) = objects {
            from.close().await;
            to.close().await;
        }
        copied
    })
}

impl Ends<OwnBlobs> {
    async fn open(route: &Route<BlobPlace>, settings: &Settings) -> Result<Self, Failure> {
        let transport = HttpTransport::new(settings.provider_connect_timeout);
        let aws = &settings.aws;
        Ok(Self {
            from: OwnBlobs::open(&route.from, End::Source, aws, &transport).await?,
            to: OwnBlobs::open(&route.to, End::Target, aws, &transport).await?,
        })
    }
}

/// Which databases.
fn objects(
    arguments: &Arguments,
    settings: &Settings,
    variables: &Variables,
) -> Result<Option<Route<DatabasePlace>>, Failure> {
    let Some(to) = &arguments.to else {
        return Ok(None);
    };
    let from = match &arguments.from {
        Some(url) => database(url, "--from", variables)?,
        None => Places::of(settings).map_err(Failure::misused)?.database,
    };
    let to = database(to, "--to", variables)?;
    if is_one_database(&from, &to) {
        return Err(to_itself("--to", &from.to_string(), "--from"));
    }
    Ok(Some(Route { from, to }))
}

/// The database that an argument names, or the variable does that it names.
fn database(
    argument: &str,
    option: &'static str,
    variables: &Variables,
) -> Result<DatabasePlace, Failure> {
    let place = match argument.strip_prefix("env:") {
        None => DatabasePlace::of(argument, option),
        Some(name) => {
            let url = variables.value(name);
            let missing = || anyhow!("{option} names the variable {name}, which is not set");
            DatabasePlace::of(&url.ok_or_else(missing).map_err(Failure::misused)?, option)
        }
    };
    place.map_err(Failure::misused)
}

/// Which places of blobs.
fn blobs(arguments: &Arguments, settings: &Settings) -> Result<Option<Route<BlobPlace>>, Failure> {
    let Some(url) = &arguments.blobs_to else {
        return Ok(None);
    };
    let from = match &arguments.blobs_from {
        Some(url) => BlobPlace::of(url, "--blobs-from"),
        None => Places::of(settings).map(|places| places.blobs),
    };
    let from = from.map_err(Failure::misused)?;
    let to = BlobPlace::of(url, "--blobs-to").map_err(Failure::misused)?;
    if is_one_place(&from, &to) {
        return Err(to_itself("--blobs-to", url, "--blobs-from"));
    }
    Ok(Some(Route { from, to }))
}

fn to_itself(target: &str, place: &str, source: &str) -> Failure {
    Failure::misused(anyhow!(
        "{target} names {place}, which is also what is copied from: {source} says another"
    ))
}

async fn copy(
    objects: Option<&Ends<OwnDatabase>>,
    blobs: Option<&Ends<OwnBlobs>>,
    verify_only: bool,
) -> Result<Exit, Failure> {
    let mut different = Vec::new();
    if let Some(ends) = objects {
        let compared = copy_objects(ends, verify_only).await?;
        say(&report::of_tables(&compared))?;
        let names = compared.iter().filter(|table| !table.is_same());
        different.extend(names.map(|table| format!("table {}", table.table)));
    }
    if let Some(ends) = blobs {
        let progress = Progress::default();
        let transfer = BlobTransfer::new(&*ends.from.blobs, &*ends.to.blobs, &progress);
        let compared = transfer.run(verify_only).await.map_err(Failure::failed)?;
        say(&report::of_blobs(&compared))?;
        different.extend(compared.different.iter().map(|name| format!("blob {name}")));
    }
    all_the_same(&different).map_err(Failure::failed)?;
    Ok(Exit::Done)
}

async fn copy_objects(
    ends: &Ends<OwnDatabase>,
    verify_only: bool,
) -> Result<Vec<Compared>, Failure> {
    let progress = Progress::default();
    let tell = |told| match told {
        Told::Table {
            table,
            doing,
            rows,
            done,
        } => progress.begin_table(table, doing, rows, done),
        Told::Rows(more) => progress.advance(more),
    };
    let transfer = Transfer::new(ends.from.connection(), ends.to.connection(), &tell);
    let compared = match verify_only {
        true => transfer.compare().await,
        false => transfer.run().await,
    };
    progress.end();
    compared.map_err(Failure::failed)
}

/// How many are named that differ.
const NAMED: usize = 5;

fn all_the_same(different: &[String]) -> anyhow::Result<()> {
    if different.is_empty() {
        return Ok(());
    }
    let named = different.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = match different.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    bail!(
        "the target differs from the source: {}{more}. Where the source was served between two tries, copy it anew, into an \
         empty target",
        named.join(", ")
    )
}
