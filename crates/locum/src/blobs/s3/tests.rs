//! What a server can do that a good one does not: refuse, break off, be silent.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures_util::TryStreamExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use super::{
    upload::{IN_FLIGHT, PART_BYTES},
    *,
};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(300);
const EMPTY_LIST: &str = "<ListBucketResult></ListBucketResult>";

/// A server that gives every request, known by its first line, the answer that a function says.
struct Scripted {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

/// What a scripted server does.
enum Answer {
    /// A status, with a body.
    Status(u16, String),
    /// An object of a size, of which so many bytes come before the connection breaks; then a range of it.
    Part(usize, usize),
    /// Nothing, ever; the request's body is not even read.
    Nothing,
}

impl Scripted {
    async fn new(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        let answer = Arc::new(answer);
        let serving = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    // Clients leave as they like.
                    let _ = serve(client, &seen, &*answer).await;
                });
            }
        });
        Self {
            address,
            asked,
            serving,
        }
    }

    fn s3(&self) -> S3 {
        let transport = HttpTransport::new(LONG);
        let limits = Limits {
            answer: SOON,
            sending: SOON,
            completing: SOON,
            retrying: SOON,
        };
        let bucket = Bucket::parse("s3://bucket/p").unwrap();
        S3::new(bucket, &self.settings(), Http::new(&transport, limits)).unwrap()
    }

    fn settings(&self) -> AwsSettings {
        AwsSettings {
            endpoint_url: Some(format!("http://{}", self.address)),
            access_key_id: Some("id".to_owned()),
            secret_access_key: Some(locum_engine::settings::Secret::new("hush")),
            ..AwsSettings::default()
        }
    }

    async fn open(&self) -> OpenError {
        let transport = HttpTransport::new(LONG);
        let opened = S3::open("s3://bucket/p", &self.settings(), &transport).await;
        opened.map(drop).unwrap_err()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    client: TcpStream,
    seen: &Mutex<Vec<String>>,
    answer: &(impl Fn(&str) -> Answer + Sync),
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if client.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let line = head.lines().next().unwrap().to_owned();
        seen.lock().unwrap().push(line.clone());
        let answer = answer(&line);
        if matches!(answer, Answer::Nothing) {
            std::future::pending::<()>().await;
        }
        let mut body = vec![0; length];
        client.read_exact(&mut body).await?;
        match answer {
            Answer::Nothing => {}
            Answer::Status(status, body) => {
                let head = format!(
                    "HTTP/1.1 {status} Said\r\netag: \"e\"\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                client.write_all(head.as_bytes()).await?;
                client.write_all(body.as_bytes()).await?;
            }
            Answer::Part(size, cut) => {
                let range = head
                    .lines()
                    .find_map(|line| line.strip_prefix("range: bytes="));
                let start =
                    range.map_or(0, |range| range.split_once('-').unwrap().0.parse().unwrap());
                let status = match range {
                    Some(_) => format!(
                        "206 Part\r\ncontent-range: bytes {start}-{}/{size}",
                        size - 1
                    ),
                    None => "200 OK".to_owned(),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\netag: \"e\"\r\ncontent-length: {}\r\n\r\n",
                    size - start
                );
                client.write_all(head.as_bytes()).await?;
                client.write_all(&vec![7; cut.min(size - start)]).await?;
                return client.shutdown().await;
            }
        }
    }
}

fn error_body(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>Said.</Message></Error>")
}

/// The answer to the beginning of an upload in parts.
fn begun() -> Answer {
    let id =
        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
    Answer::Status(200, id.to_owned())
}

fn bytes(size: usize) -> BlobStream {
    Box::pin(stream::iter([Ok(Bytes::from(vec![7; size]))]))
}

async fn content(s3: &S3) -> Result<usize, BlobError> {
    let blob = s3.read("file-a").await?.unwrap();
    let pieces: Vec<Bytes> = blob.bytes.try_collect().await?;
    Ok(pieces.concat().len())
}

fn failed<T: fmt::Debug>(result: Result<T, BlobError>, part: &str) {
    match result {
        Err(BlobError::Failed(text)) if text.contains(part) && !text.contains("hush") => {}
        other => panic!("{part:?}: {other:?}"),
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_told_at_the_start() {
    for (status, code, reason) in [
        (
            403,
            "InvalidAccessKeyId",
            "the credentials are refused: Said. (InvalidAccessKeyId)",
        ),
        (
            403,
            "AccessDenied",
            "access to the bucket \"bucket\" is denied: Said. (AccessDenied)",
        ),
        (404, "NoSuchBucket", "there is no bucket \"bucket\""),
    ] {
        let server = Scripted::new(move |_| Answer::Status(status, error_body(code))).await;
        let error = server.open().await;
        assert!(!error.is_misuse(), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "s3://bucket/p at http://{} cannot be used: {reason}",
                server.address
            )
        );
        // A refusal is final, and a start asks for no more than one key.
        let asked = server.asked();
        assert!(
            asked.len() == 1 && asked[0].contains("max-keys=1 "),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_within_seconds() {
    let server = Scripted::new(|_| Answer::Nothing).await;
    let (settings, s3) = (server.settings(), server.s3());
    drop(server);
    let told = timeout(LONG, async {
        failed(s3.put("file-a", bytes(9)).await, "refused");
        failed(s3.read("file-a").await.map(drop), "refused");
        failed(s3.delete("file-a").await, "refused");
        failed(s3.list(None, 9).await, "refused");
        let transport = HttpTransport::new(LONG);
        let opened = S3::open("s3://bucket", &settings, &transport).await;
        let error = opened.unwrap_err();
        assert!(
            !error.is_misuse() && error.to_string().contains("refused"),
            "{error}"
        );
    });
    told.await.unwrap();
}

#[tokio::test]
async fn a_wrong_url_and_half_a_key_are_misuse() {
    let transport = HttpTransport::new(LONG);
    let settings = AwsSettings::default();
    let opened = S3::open("s3://", &settings, &transport).await;
    assert_eq!(opened.map(drop).unwrap_err(), OpenError::Url(UrlError));
    let settings = AwsSettings {
        access_key_id: Some("id".to_owned()),
        ..settings
    };
    let opened = S3::open("s3://bucket", &settings, &transport).await;
    assert!(opened.map(drop).unwrap_err().is_misuse());
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up() {
    let server = Scripted::new(|_| Answer::Nothing).await;
    let s3 = server.s3();
    let given_up = timeout(LONG, async {
        failed(s3.put("file-a", bytes(9)).await, "nothing came");
        failed(s3.read("file-a").await.map(drop), "nothing came");
        failed(s3.delete("file-a").await, "nothing came");
        failed(s3.list(None, 9).await, "nothing came");
    });
    given_up.await.unwrap();
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let count = AtomicUsize::new(0);
    let server = Scripted::new(move |_| match count.fetch_add(1, Relaxed) {
        0 => Answer::Status(503, error_body("SlowDown")),
        _ => Answer::Status(200, EMPTY_LIST.to_owned()),
    })
    .await;
    assert_eq!(server.s3().list(None, 9).await, Ok(vec![]));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_read_that_breaks_goes_on_where_it_was() {
    let server = Scripted::new(|_| Answer::Part(1000, 600)).await;
    assert_eq!(content(&server.s3()).await, Ok(1000));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_read_that_breaks_for_good_is_an_error() {
    let server = Scripted::new(|_| Answer::Part(1000, 10)).await;
    failed(content(&server.s3()).await, "broke");
}

#[tokio::test]
async fn no_room_is_told_apart() {
    let full = |_: &str| Answer::Status(507, error_body("XMinioStorageFull"));
    let server = Scripted::new(full).await;
    let put = server.s3().put("file-a", bytes(9)).await;
    assert!(matches!(put, Err(BlobError::Full(_))), "{put:?}");
}

#[tokio::test]
async fn a_part_that_fails_ends_the_upload() {
    let server = Scripted::new(|line| match line {
        _ if line.starts_with("POST") && line.contains("uploads=") => begun(),
        _ if line.contains("partNumber=2") => Answer::Status(400, error_body("BadDigest")),
        _ if line.starts_with("DELETE") => Answer::Status(204, String::new()),
        _ => Answer::Status(200, String::new()),
    })
    .await;
    failed(
        server.s3().put("file-a", bytes(4 * PART_BYTES)).await,
        "BadDigest",
    );
    let asked = server.asked();
    let last = asked.last().unwrap();
    assert!(
        last.starts_with("DELETE /bucket/p/file-a?uploadId=u "),
        "{asked:?}"
    );
    assert!(
        !asked
            .iter()
            .any(|line| line.starts_with("POST") && line.contains("uploadId"))
    );
}

#[tokio::test]
async fn an_upload_whose_end_is_unknown_is_taken_away() {
    let server = Scripted::new(|line| match line {
        _ if line.contains("uploads=") => begun(),
        _ if line.starts_with("POST") => Answer::Nothing,
        _ if line.starts_with("DELETE") => Answer::Status(204, String::new()),
        _ => Answer::Status(200, String::new()),
    })
    .await;
    let put = server.s3().put("file-a", bytes(PART_BYTES + 1)).await;
    failed(put, "nothing came");
    let asked = server.asked();
    let undone: Vec<_> = asked
        .iter()
        .filter(|line| line.starts_with("DELETE"))
        .collect();
    assert_eq!(
        undone,
        [
            "DELETE /bucket/p/file-a?uploadId=u HTTP/1.1",
            "DELETE /bucket/p/file-a HTTP/1.1"
        ]
    );
}

#[tokio::test]
async fn no_more_is_taken_than_a_few_parts() {
    let server = Scripted::new(|line| match line {
        _ if line.contains("uploads=") => begun(),
        _ if line.starts_with("DELETE") => Answer::Status(204, String::new()),
        _ => Answer::Nothing,
    })
    .await;
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    let piece = Bytes::from(vec![7; 1 << 20]);
    let endless = stream::repeat_with(move || {
        counter.fetch_add(1, Relaxed);
        Ok(piece.clone())
    });
    failed(
        server.s3().put("file-a", Box::pin(endless)).await,
        "nothing came",
    );
    let parts = (pulled.load(Relaxed) << 20) / PART_BYTES;
    assert!((IN_FLIGHT..=IN_FLIGHT + 1).contains(&parts), "{parts}");
}
