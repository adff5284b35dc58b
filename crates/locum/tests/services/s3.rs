//! Blobs in S3: `LOCUM_TEST_S3` is a server such as `http://127.0.0.1:5000`, whose key is `test` with the secret `test`.

use std::{
    env,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use http::{Method, Request};
use locum::{
    blobs::{OpenError, S3},
    transport::HttpTransport,
};
use locum_domain::error::ApiError;
use locum_engine::{
    ports::{BlobError, BlobStream, Blobs, Transport},
    settings::{AwsSettings, Secret},
};
use tokio::time::{sleep, timeout};

/// As large as the parts that the adapter makes.
const PART: usize = 5 << 20;
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// A bucket of one test alone.
pub struct Bucket {
    pub server: String,
    pub name: String,
    transport: HttpTransport,
}

impl Bucket {
    pub async fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let name = format!(
            "locum-{}-{}",
            now.unwrap().as_nanos(),
            COUNT.fetch_add(1, Relaxed)
        );
        let bucket = Self {
            server: env::var("LOCUM_TEST_S3").expect("LOCUM_TEST_S3 says where the server is"),
            name,
            transport: HttpTransport::new(LONG),
        };
        bucket.ask(Method::PUT, "", "").await;
        bucket
    }

    /// Asks the server behind the adapter's back.
    async fn ask(&self, method: Method, path: &str, body: &'static str) -> String {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{}{path}", self.server, self.name))
            .body(Bytes::from(body))
            .unwrap();
        let response = self.transport.send(request).await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        let pieces: Vec<Bytes> = response.into_body().try_collect().await.unwrap();
        String::from_utf8(pieces.concat()).unwrap()
    }

    fn settings(&self) -> AwsSettings {
        AwsSettings {
            endpoint_url: Some(self.server.clone()),
            access_key_id: Some("test".to_owned()),
            secret_access_key: Some(Secret::new("test")),
            ..AwsSettings::default()
        }
    }

    pub async fn open(&self, prefix: &str) -> S3 {
        let url = format!("s3://{}{prefix}", self.name);
        S3::open(&url, &self.settings(), &self.transport)
            .await
            .unwrap()
    }

    /// How many uploads in parts have begun and not ended.
    async fn uploads(&self) -> usize {
        let listed = self.ask(Method::GET, "?uploads", "").await;
        listed.matches("<Upload>").count()
    }

    async fn keys(&self) -> usize {
        let listed = self.ask(Method::GET, "?list-type=2", "").await;
        listed.matches("<Key>").count()
    }
}

pub fn bytes(pieces: impl IntoIterator<Item = Vec<u8>>) -> BlobStream {
    let pieces: Vec<_> = pieces
        .into_iter()
        .map(|piece| Ok(Bytes::from(piece)))
        .collect();
    Box::pin(stream::iter(pieces))
}

async fn content(blobs: &S3, name: &str) -> Option<Vec<u8>> {
    let blob = blobs.read(name).await.unwrap()?;
    let pieces: Vec<Bytes> = blob.bytes.try_collect().await.unwrap();
    let content = pieces.concat();
    assert_eq!(content.len() as u64, blob.size_bytes);
    Some(content)
}

pub async fn names(blobs: &dyn Blobs) -> Vec<String> {
    let entries = blobs.list(None, 1000).await.unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

#[tokio::test]
async fn any_bytes_come_back() {
    let bucket = Bucket::new().await;
    let blobs = bucket.open("/some/prefix").await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..2 * PART + 70_001).map(|n| (n % 251) as u8).collect();
    for (name, pieces) in [
        ("file-empty", vec![]),
        (
            "file-bytes",
            vec![every_byte.clone(), vec![], every_byte.clone()],
        ),
        ("file-part", vec![large[..PART].to_vec()]),
        ("file-two", vec![large[..PART].to_vec(), vec![1]]),
        (
            "file-large",
            large.chunks(70_001).map(<[u8]>::to_vec).collect(),
        ),
    ] {
        let whole = pieces.concat();
        assert_eq!(blobs.put(name, bytes(pieces)).await, Ok(whole.len() as u64));
        assert!(content(&blobs, name).await == Some(whole), "{name}");
    }
    assert_eq!(bucket.uploads().await, 0);
    let again = bucket.open("/some/prefix/").await;
    assert!(content(&again, "file-large").await == Some(large));
}

#[tokio::test]
async fn a_blob_is_read_in_pieces() {
    let bucket = Bucket::new().await;
    let blobs = bucket.open("").await;
    blobs.put("file-a", bytes([vec![7; PART]])).await.unwrap();
    let mut blob = blobs.read("file-a").await.unwrap().unwrap();
    let mut count = 0;
    while let Some(piece) = blob.bytes.next().await {
        assert!(piece.unwrap().len() <= 1 << 20);
        count += 1;
    }
    assert!(count >= 8);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let bucket = Bucket::new().await;
    let blobs = bucket.open("").await;
    let refusal = BlobError::Refused(Box::new(ApiError::invalid("too much")));
    for size in [9, PART, 3 * PART + 9] {
        let pieces = [Ok(Bytes::from(vec![1; size])), Err(refusal.clone())];
        let broken = blobs.put("file-a", Box::pin(stream::iter(pieces))).await;
        assert_eq!(broken, Err(refusal.clone()));
        assert_eq!((bucket.uploads().await, bucket.keys().await), (0, 0));
    }

    let pieces = stream::iter([Ok(Bytes::from(vec![1; 3 * PART]))]).chain(stream::pending());
    let mut upload = Box::pin(blobs.put("file-b", Box::pin(pieces)));
    until(async || {
        assert!((&mut upload).now_or_never().is_none());
        bucket.uploads().await == 1
    })
    .await;
    drop(upload);
    until(async || bucket.uploads().await == 0).await;
    assert_eq!(bucket.keys().await, 0);
    assert_eq!(content(&blobs, "file-b").await, None);
}

async fn until(mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, waiting).await.unwrap();
}

#[tokio::test]
async fn an_upload_cannot_be_read_until_it_is_whole() {
    let bucket = Bucket::new().await;
    let blobs = bucket.open("").await;
    let (tell, told) = tokio::sync::oneshot::channel();
    let first = stream::iter([Ok(Bytes::from(vec![1; 2 * PART]))]);
    let second = stream::once(async { Ok(told.await.unwrap()) });
    let upload = blobs.put("file-a", Box::pin(first.chain(second)));
    let (stored, unseen) = tokio::join!(upload, async {
        until(async || bucket.uploads().await == 1).await;
        let none = blobs.read("file-a").await.unwrap().is_none();
        let unseen = none && names(&blobs).await.is_empty();
        tell.send(Bytes::from_static(b" second")).unwrap();
        unseen
    });
    assert_eq!((stored, unseen), (Ok(2 * PART as u64 + 7), true));
    assert_eq!(names(&blobs).await, ["file-a"]);
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let bucket = Bucket::new().await;
    let blobs = bucket.open("/blobs").await;
    bucket.ask(Method::PUT, "/secret", "secret").await;
    let long = "a".repeat(65);
    for name in [
        "",
        ".",
        "..",
        "../secret",
        "a/b",
        "a?uploads",
        "a\0b",
        "a.b",
        "ä",
        &long,
    ] {
        let put = blobs.put(name, bytes([vec![1]])).await;
        assert!(matches!(put, Err(BlobError::Failed(_))), "{name:?}");
        assert!(blobs.read(name).await.unwrap().is_none(), "{name:?}");
        assert_eq!(blobs.delete(name).await, Ok(()), "{name:?}");
    }
    assert_eq!(bucket.keys().await, 1);
    let longest = "a".repeat(64);
    assert_eq!(blobs.put(&longest, bytes([vec![1]])).await, Ok(1));
}

#[tokio::test]
async fn what_was_deleted_is_gone() {
    let bucket = Bucket::new().await;
    let blobs = bucket.open("/p").await;
    blobs.put("file-a", bytes([vec![1]])).await.unwrap();
    blobs.delete("file-a").await.unwrap();
    blobs.delete("file-a").await.unwrap();
    assert_eq!(content(&blobs, "file-a").await, None);
    assert_eq!(bucket.keys().await, 0);
}

#[tokio::test]
async fn a_listing_leads_through_all_in_order() {
    let bucket = Bucket::new().await;
    for prefix in ["", "/deep/prefix"] {
        let blobs = bucket.open(prefix).await;
        // What others keep beside the blobs is none of them.
        for foreign in ["no.blob", "file-0Vb05aaa/inside", "zz-1.txt", "deep.er"] {
            let path = format!("{prefix}/{foreign}");
            bucket.ask(Method::PUT, &path, "x").await;
        }
        let mut expected: Vec<String> = (0..12).map(|n| format!("file-0Vb{n:02}aaa")).collect();
        expected.extend(["a", "file-0", "zz-1"].map(str::to_owned));
        for name in expected.iter().rev() {
            let put = blobs.put(name, bytes([name.clone().into_bytes()])).await;
            put.unwrap();
        }
        expected.sort_unstable();
        for limit in [1, 7, 1000] {
            let mut found: Vec<String> = Vec::new();
            loop {
                let after = found.last().cloned();
                let page = blobs.list(after.as_deref(), limit).await.unwrap();
                if page.is_empty() {
                    break;
                }
                let now = SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap();
                for entry in &page {
                    assert_eq!(entry.size_bytes, entry.name.len() as u64);
                    assert!(now.abs_diff(entry.modified).as_secs() < 600);
                }
                assert!(page.len() <= limit && found.len() <= expected.len());
                found.extend(page.into_iter().map(|entry| entry.name));
            }
            assert_eq!(found, expected, "{limit}");
        }
        // A cursor need not be there any more.
        let behind = blobs.list(Some("file-0Vb11z"), 9).await.unwrap();
        assert_eq!(behind.len(), 1);
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told() {
    let mut bucket = Bucket::new().await;
    let blobs = bucket.open("").await;
    bucket.ask(Method::DELETE, "", "").await;
    let gone = BlobError::Failed(format!("there is no bucket {:?}", bucket.name));
    assert_eq!(
        blobs.put("file-a", bytes([vec![1]])).await,
        Err(gone.clone())
    );
    assert_eq!(
        blobs.put("file-a", bytes([vec![1; 2 * PART]])).await,
        Err(gone.clone())
    );
    assert_eq!(blobs.read("file-a").await.map(drop), Err(gone.clone()));
    assert_eq!(blobs.list(None, 1).await, Err(gone));
    bucket.name.push_str("-never");
    let url = format!("s3://{}", bucket.name);
    let opened = S3::open(&url, &bucket.settings(), &bucket.transport).await;
    let error = opened.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error:?}");
    let said = error.to_string();
    assert!(
        said.ends_with(&format!("there is no bucket {:?}", bucket.name)),
        "{said}"
    );
}
