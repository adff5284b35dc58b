//! Moving from SQLite to PostgreSQL and from a folder to S3, and back.

use std::{
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use locum::{
    blobs::Folder,
    postgres::{Address, Postgres},
    sqlite::Sqlite,
};
use locum_domain::{
    assistant::{Assistant, Profile},
    project::Project,
    time::Timestamp,
};
use locum_engine::{ports::Blobs, store::AssistantStore};
use locum_store_sql::{
    Dialect, Outcome, Row, SqlConnection, SqlError, SqlStore, Statement,
    transfer::{Compared, PieceSize, Transfer, TransferError},
};
use locum_testkit::contract::QUESTIONS;
use tempfile::TempDir;

use crate::{
    databases::{new_database, open, plain, server},
    s3::{Bucket, bytes, names},
};

/// Adds so many assistants.
async fn add(store: &impl AssistantStore, count: u32) {
    let project = Project::default();
    for n in 0..count {
        let assistant = Assistant {
            id: format!("asst_new{n}").as_str().into(),
            created_at: Timestamp(1_795_000_000),
            profile: Profile::default(),
        };
        store.insert_assistant(&project, &assistant).await.unwrap();
    }
}

/// A new file, and a store over it.
async fn sqlite(folder: &TempDir, name: &str) -> (Sqlite, SqlStore<Sqlite>) {
    let sqlite = Sqlite::open(&folder.path().join(name)).unwrap();
    let store = SqlStore::open(sqlite.clone()).await.unwrap();
    (sqlite, store)
}

async fn open_to_copy(url: &str) -> Postgres {
    let address = Address::of(url).unwrap();
    Postgres::open_to_copy(address).await.unwrap()
}

async fn transfer(
    from: &dyn SqlConnection,
    to: &dyn SqlConnection,
) -> Result<Vec<Compared>, TransferError> {
    let size = PieceSize {
        rows: 3,
        bytes: 5000,
    };
    let transfer = Transfer::new(from, to, &|_| ()).in_pieces_of(size);
    let compared = transfer.run().await?;
    assert!(compared.iter().all(Compared::is_same), "{compared:?}");
    Ok(compared)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_store_holds_goes_to_postgres_and_comes_back() {
    let wanted = [
        "messages::long_and_strange_texts_come_back_to_the_letter",
        "files::they_come_back_as_they_were_stored",
        "runs::they_come_back_as_they_were_stored",
        "leases::those_that_have_waited_longest_come_first",
        "steps::they_come_back_as_they_were_stored",
        "housekeeping::purging_takes_what_was_deleted_and_nothing_else",
    ];
    for question in QUESTIONS.iter().filter(|it| wanted.contains(&it.name)) {
        let folder = tempfile::tempdir().unwrap();
        let (from, store) = sqlite(&folder, "from.db").await;
        (question.ask)(Arc::new(store)).await;
        let url = new_database().await;
        let between = open_to_copy(&url).await;
        let there = transfer(&from, &between).await.unwrap();
        let (to, _) = sqlite(&folder, "to.db").await;
        let back = transfer(&between, &to).await.unwrap();
        assert_eq!(there, back, "{}", question.name);
        between.close();

        // What is added comes behind what was copied.
        let added = SqlStore::open(open(&url).await).await.unwrap();
        add(&added, 3).await;
    }
}

/// A database whose server is gone from one batch on.
struct Cut {
    inner: Postgres,
    url: String,
    left: AtomicI64,
}

/// Lets others connect to a database, or nobody; whoever is connected is cut off.
async fn let_in(url: &str, is_open: bool) {
    let (_, name) = url.rsplit_once('/').unwrap();
    let client = plain(&server()).await;
    let allow = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {is_open}");
    client.batch_execute(&allow).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    client.execute(cut, &[&name]).await.unwrap();
}

#[async_trait]
impl SqlConnection for Cut {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        self.inner.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Outcome, SqlError> {
        if self.left.fetch_sub(1, Relaxed) == 0 {
            let_in(&self.url, false).await;
        }
        self.inner.batch(statements).await
    }
}

async fn filled(folder: &TempDir) -> Sqlite {
    let (from, store) = sqlite(folder, "from.db").await;
    add(&store, 30).await;
    from
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_whose_server_goes_away_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let from = filled(&folder).await;
    for batch in [0, 4, 10] {
        let url = new_database().await;
        let cut = Cut {
            inner: open_to_copy(&url).await,
            url: url.clone(),
            left: AtomicI64::new(batch),
        };
        let broken = transfer(&from, &cut).await.unwrap_err();
        assert!(
            matches!(broken, TransferError::Target(SqlError::Unavailable(_))),
            "{broken:?}"
        );
        let_in(&url, true).await;
        transfer(&from, &open_to_copy(&url).await).await.unwrap();
    }
}

/// What the program says of a copy.
async fn migrate(folder: &Path, arguments: [&str; 4], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locum"));
    command
        .arg("migrate")
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .current_dir(folder);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_somebody_serves_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(&folder).await.close().await;
    let url = new_database().await;
    let to_server = ["--from", "sqlite:from.db", "--to", &url];
    let said = async || {
        let output = migrate(folder.path(), to_server, &[]).await;
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };

    let served = open(&url).await;
    let served = SqlStore::open(served).await.unwrap();
    assert!(said().await.contains("connections of Locum are open"));
    drop(served);
    let client = plain(&url).await;
    let open = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'locum'";
    while !client.query(open, &[]).await.unwrap().is_empty() {
        // The server has not seen yet that they are closed.
        tokio::task::yield_now().await;
    }

    // Whose connections are not seen, is seen by what it drives.
    let run = "INSERT INTO runs (id, project, created_at, thread_id, version, token, owner, attend_at, expires_at, data) \
               VALUES ('run_1', 'default', 0, 'thread_1', 1, 1, 'host_1', 9000000000000000, 0, '')";
    client.batch_execute(run).await.unwrap();
    assert!(said().await.contains("somebody drives 1 runs"));
    client.batch_execute("DELETE FROM runs").await.unwrap();
    let output = migrate(folder.path(), to_server, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_go_to_a_bucket_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let source = Folder::open(&folder.path().join("from")).unwrap();
    let large: Vec<u8> = (0..9_000_001).map(|n| (n % 251) as u8).collect();
    let contents = [vec![], b"some bytes".to_vec(), large];
    for (n, content) in contents.iter().enumerate() {
        let name = format!("file-{n}");
        source.put(&name, bytes([content.clone()])).await.unwrap();
    }
    let bucket = Bucket::new().await;
    let url = format!("s3://{}/moved", bucket.name);
    let settings = [
        ("AWS_ENDPOINT_URL", bucket.server.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let go = async |from: &str, to: &str| {
        let arguments = ["--blobs-from", from, "--blobs-to", to];
        let output = migrate(folder.path(), arguments, &settings).await;
        let said = String::from_utf8(output.stdout).unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said + &told)
    };

    let (code, said) = go("file:from", &url).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("9000011 bytes"), "{said}");
    let there = bucket.open("/moved").await;
    there.delete("file-2").await.unwrap();
    let (code, said) = go("file:from", &url).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 of them are there already"), "{said}");

    let (code, said) = go(&url, "file:back").await;
    assert_eq!(code, Some(0), "{said}");
    let back = Folder::open(&folder.path().join("back")).unwrap();
    assert_eq!(names(&back).await, names(&source).await);
    for (n, content) in contents.iter().enumerate() {
        let path = folder.path().join(format!("back/file-{n}/file-{n}"));
        assert!(std::fs::read(path).unwrap() == *content, "{n}");
    }

    there.delete("file-1").await.unwrap();
    there
        .put("file-1", bytes([b"same bytes".to_vec()]))
        .await
        .unwrap();
    let (code, said) = go("file:from", &url).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("differs from the source: blob file-1. "),
        "{said}"
    );
}
