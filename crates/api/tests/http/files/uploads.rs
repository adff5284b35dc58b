//! Uploads: their size, their time, the memory they take, and what is left when they fail.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use locum_engine::ports::{Blob, BlobEntry, BlobError, BlobStream, Blobs, Clock, World};

use super::{content, field, file, form, listed, sent, upload};
use crate::support::{Locum, chunked, request, silent_body, with};

/// How large the pieces are in which bodies come.
const PIECE: usize = 64 * 1024;

/// What a form says up to its file's first byte; the purpose comes behind the file where it is not `first`.
fn around(purpose_first: bool) -> (String, String) {
    let purpose = field("purpose", "user_data");
    let head = file("\"big.bin\"", "");
    let head = head.strip_suffix("\r\n").unwrap().to_owned();
    if purpose_first {
        (purpose + &head, "\r\n--cut--\r\n".to_owned())
    } else {
        (head, format!("\r\n{purpose}--cut--\r\n"))
    }
}

/// Blobs that keep nothing, and how much they were behind the client at most.
struct Sink {
    sent: Arc<AtomicU64>,
    furthest_behind: Arc<AtomicU64>,
}

#[async_trait]
impl Blobs for Sink {
    async fn put(&self, _: &str, mut bytes: BlobStream) -> Result<u64, BlobError> {
        let mut taken = 0;
        while let Some(piece) = bytes.try_next().await? {
            taken += piece.len() as u64;
            let behind = self.sent.load(Ordering::Relaxed) - taken;
            self.furthest_behind.fetch_max(behind, Ordering::Relaxed);
        }
        Ok(taken)
    }

    async fn read(&self, _: &str) -> Result<Option<Blob>, BlobError> {
        Ok(None)
    }

    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Ok(())
    }

    async fn list(&self, _: Option<&str>, _: usize) -> Result<Vec<BlobEntry>, BlobError> {
        Ok(Vec::new())
    }
}

#[test]
fn memory_stays_flat_however_large_the_file_is() {
    const PIECES: usize = 1024;
    for purpose_first in [true, false] {
        let sent_bytes = Arc::new(AtomicU64::new(0));
        let furthest_behind = Arc::new(AtomicU64::new(0));
        let sink = Sink {
            sent: Arc::clone(&sent_bytes),
            furthest_behind: Arc::clone(&furthest_behind),
        };
        let locum = Locum::in_world(&[], |world| World {
            blobs: Arc::new(sink),
            ..world
        });
        let (head, tail) = around(purpose_first);
        let piece = Bytes::from(vec![b'\r'; PIECE]);
        let pieces = iter::once(Bytes::from(head))
            .chain(iter::repeat_n(piece, PIECES))
            .chain([Bytes::from(tail)]);
        let counted = stream::iter(pieces).map(move |piece| {
            sent_bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Ok::<_, std::io::Error>(piece)
        });
        let made = locum.ask(sent(Body::from_stream(counted))).json();
        assert_eq!(made["bytes"], PIECE * PIECES);
        let behind = furthest_behind.load(Ordering::Relaxed);
        assert!(behind <= 3 * PIECE as u64, "{behind} bytes were in memory");
    }
}

#[test]
fn a_file_of_just_the_limit_is_taken() {
    let locum = Locum::with(&[("MAX_FILE_BYTES", "200000"), ("MAX_BODY_BYTES", "1024")]);
    let (head, tail) = around(false);
    for (size, status) in [(200_000, 200), (200_001, 413), (1_000_000, 413)] {
        let whole = [head.as_bytes(), &vec![b'x'; size], tail.as_bytes()].concat();
        let pieces: Vec<Bytes> = whole.chunks(5000).map(Bytes::copy_from_slice).collect();
        for body in [Body::from(whole), chunked(pieces)] {
            let answer = locum.ask(sent(body));
            assert_eq!(answer.status.as_u16(), status, "{size}");
            if status == 413 {
                assert_eq!(answer.error().code.as_deref(), Some("request_too_large"));
                assert_eq!(answer.header("connection"), "close");
                assert!(answer.text().contains("200000 bytes"));
            }
        }
    }
    assert_eq!(locum.world.blobs.names().len(), 2);
    assert_eq!(listed(&locum, "").0.len(), 2);
}

#[test]
fn a_form_that_says_it_is_too_large_is_refused_unread() {
    let locum = Locum::with(&[("MAX_FILE_BYTES", "1024")]);
    let request = with("content-length", "1000000", sent(silent_body()));
    assert_eq!(locum.ask(request).status.as_u16(), 413);
    assert_eq!(locum.now(), Duration::ZERO);
}

#[test]
fn what_surrounds_the_file_is_limited() {
    let padding = || iter::repeat(Bytes::from(vec![b'x'; 1000]));
    let (head, tail) = around(false);
    let padded = "--cut\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\n";
    let bodies = [
        chunked(padding()),
        chunked(iter::once(Bytes::from(padded)).chain(padding())),
        chunked(iter::once(Bytes::from(format!("{head}x{tail}"))).chain(padding())),
        chunked(iter::once(Bytes::from(format!("{head}x\r\n{padded}"))).chain(padding())),
        chunked(iter::once(Bytes::from("--cut\r\nx: ")).chain(padding())),
    ];
    for body in bodies {
        let locum = Locum::new();
        let refusal = locum.ask(sent(body)).refusal();
        assert_eq!(
            refusal.message,
            "The form's fields besides the file are larger than the limit of 65536 bytes."
        );
        assert!(locum.world.blobs.names().is_empty());
    }
}

/// A body of `pieces` with a pause ahead of each.
fn slowly(locum: &Locum, pause: Duration, pieces: Vec<Bytes>) -> Body {
    let clock = locum.world.clock.clone();
    let pieces = stream::iter(pieces).then(move |piece| {
        let pause = clock.sleep(pause);
        async move {
            pause.await;
            Ok::<_, std::io::Error>(piece)
        }
    });
    Body::from_stream(pieces.boxed())
}

#[test]
fn a_large_file_may_take_its_time_but_not_fall_silent() {
    let locum = Locum::with(&[("REQUEST_TIMEOUT", "5000")]);
    let (head, tail) = around(false);
    let mut pieces = vec![Bytes::from(head.clone())];
    pieces.extend(iter::repeat_n(Bytes::from_static(b"x"), 100));
    pieces.push(Bytes::from(tail));
    let body = slowly(&locum, Duration::from_secs(4), pieces);
    let made = locum.ask(sent(body)).json();
    assert_eq!(content(&locum, &made).text(), "x".repeat(100));
    assert_eq!(locum.now(), Duration::from_secs(408));

    for begun in ["", "--cut\r\n", &head, &format!("{head}some")] {
        let before = locum.now();
        let first = Ok::<_, std::io::Error>(Bytes::copy_from_slice(begun.as_bytes()));
        let body = Body::from_stream(stream::iter([first]).chain(stream::pending()));
        let answer = locum.ask(sent(body));
        assert_eq!(answer.status.as_u16(), 408, "{begun}");
        assert_eq!(answer.error().code.as_deref(), Some("request_timeout"));
        assert_eq!(locum.now() - before, Duration::from_secs(5));
    }
    assert_eq!(locum.world.blobs.names().len(), 1);
}

#[test]
fn what_surrounds_the_file_must_come_in_time() {
    let locum = Locum::with(&[("REQUEST_TIMEOUT", "5000")]);
    let (head, tail) = around(false);
    let ahead = head.into_bytes().into_iter();
    let ahead: Vec<Bytes> = ahead.map(|byte| Bytes::from(vec![byte])).collect();
    let mut behind = vec![Bytes::from(around(false).0)];
    behind.extend(
        tail.into_bytes()
            .into_iter()
            .map(|byte| Bytes::from(vec![byte])),
    );
    for (pieces, most) in [(ahead, 5), (behind, 5 + 20)] {
        let before = locum.now();
        let body = slowly(&locum, Duration::from_secs(1), pieces);
        assert_eq!(locum.ask(sent(body)).status.as_u16(), 408);
        assert!(locum.now() - before <= Duration::from_secs(most));
        assert!(locum.world.blobs.names().is_empty());
    }
}

#[test]
fn a_client_that_leaves_leaves_nothing() {
    let locum = Locum::new();
    let (head, _) = around(true);
    let first = Ok::<_, std::io::Error>(Bytes::from(format!("{head}some")));
    let body = Body::from_stream(stream::iter([first]).chain(stream::pending()));
    let asked = locum.begin(sent(body));
    assert!(
        locum
            .world
            .clock
            .run_for(Duration::from_secs(1), asked)
            .is_none()
    );
    assert!(locum.world.blobs.names().is_empty());
    assert_eq!(locum.metric("locum_requests_in_flight"), 0.0);

    let reset = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let pieces = [Ok(Bytes::from(format!("{head}some"))), reset];
    let refusal = locum.ask(sent(Body::from_stream(stream::iter(pieces))));
    assert_eq!(refusal.refusal().message, "The request's body broke off.");
    assert!(locum.world.blobs.names().is_empty());
}

#[test]
fn an_upload_without_a_key_is_not_read() {
    let locum = Locum::new();
    let request = request(http::Method::POST, super::PATH, silent_body());
    let answer = locum.ask(crate::support::without_key(request));
    assert_eq!(answer.status.as_u16(), 401);
}

/// Blobs that fail.
struct Broken(BlobError);

#[async_trait]
impl Blobs for Broken {
    async fn put(&self, _: &str, _: BlobStream) -> Result<u64, BlobError> {
        Err(self.0.clone())
    }

    async fn read(&self, _: &str) -> Result<Option<Blob>, BlobError> {
        Err(self.0.clone())
    }

    async fn delete(&self, _: &str) -> Result<(), BlobError> {
        Err(self.0.clone())
    }

    async fn list(&self, _: Option<&str>, _: usize) -> Result<Vec<BlobEntry>, BlobError> {
        Err(self.0.clone())
    }
}

#[test]
fn storage_that_fails_is_not_the_clients_fault() {
    for (error, status) in [
        (BlobError::Full("disk 1 is full".to_owned()), 500),
        (BlobError::Failed("disk 1 is broken".to_owned()), 500),
        (BlobError::Unavailable("disk 1 is away".to_owned()), 503),
    ] {
        let locum = Locum::in_world(&[], |world| World {
            blobs: Arc::new(Broken(error)),
            ..world
        });
        let parts = [field("purpose", "evals"), file("\"x\"", "x")];
        let answer = locum.ask(form(&parts));
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
        assert!(!answer.text().contains("disk"));
        assert_eq!(listed(&locum, ""), (vec![], false));
    }
}

#[test]
fn a_file_that_was_read_from_while_it_is_deleted_is_whole() {
    let locum = Locum::new();
    let made = upload(&locum, "evals", "\"x\"", &"x".repeat(200_000));
    let path = format!("/v1/files/{}/content", made["id"].as_str().unwrap());
    let body = locum
        .world
        .clock
        .run(locum.begin(crate::support::get(&path)))
        .into_body();
    locum.delete(path.trim_end_matches("/content"));
    let read = http_body_util::BodyExt::collect(body);
    let read = locum.world.clock.run(read).unwrap().to_bytes();
    assert_eq!(read.len(), 200_000);
}
