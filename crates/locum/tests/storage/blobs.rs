//! Blobs in a folder.

use std::{fs, path::Path, time::SystemTime};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use locum::blobs::Folder;
use locum_domain::error::ApiError;
use locum_engine::ports::{BlobError, BlobStream, Blobs};

fn bytes(pieces: impl IntoIterator<Item = Vec<u8>>) -> BlobStream {
    let pieces: Vec<_> = pieces
        .into_iter()
        .map(|piece| Ok(Bytes::from(piece)))
        .collect();
    Box::pin(stream::iter(pieces))
}

async fn content(blobs: &Folder, name: &str) -> Option<Vec<u8>> {
    let blob = blobs.read(name).await.unwrap()?;
    let pieces: Vec<Bytes> = blob.bytes.try_collect().await.unwrap();
    let content = pieces.concat();
    assert_eq!(content.len() as u64, blob.size_bytes);
    Some(content)
}

async fn names(blobs: &Folder) -> Vec<String> {
    let entries = blobs.list(None, 1000).await.unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// The files of uploads that are on their way.
fn incoming(root: &Path) -> usize {
    fs::read_dir(root.join(".incoming")).unwrap().count()
}

#[tokio::test]
async fn any_bytes_come_back() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..3u32 << 20).map(|number| (number % 251) as u8).collect();
    for (name, pieces) in [
        ("file-empty", vec![]),
        (
            "file-bytes",
            vec![every_byte.clone(), vec![], every_byte.clone()],
        ),
        (
            "file-large",
            large.chunks(70_001).map(<[u8]>::to_vec).collect(),
        ),
    ] {
        let whole = pieces.concat();
        assert_eq!(blobs.put(name, bytes(pieces)).await, Ok(whole.len() as u64));
        assert_eq!(content(&blobs, name).await, Some(whole));
    }
    assert_eq!(incoming(root.path()), 0);
    let again = Folder::open(root.path()).unwrap();
    assert_eq!(content(&again, "file-large").await, Some(large));
}

#[tokio::test]
async fn a_blob_is_read_in_pieces() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    blobs
        .put("file-a", bytes([vec![7; 1 << 20]]))
        .await
        .unwrap();
    let mut blob = blobs.read("file-a").await.unwrap().unwrap();
    let mut count = 0;
    while let Some(piece) = blob.bytes.next().await {
        assert!(piece.unwrap().len() <= 256 << 10);
        count += 1;
    }
    assert!(count >= 4);
}

#[tokio::test]
async fn what_is_cut_short_on_the_disk_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    blobs.put("file-a", bytes([vec![7; 1000]])).await.unwrap();
    let blob = blobs.read("file-a").await.unwrap().unwrap();
    let file = root.path().join("file-a").join("file-a");
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(500)
        .unwrap();
    let read: Result<Vec<Bytes>, _> = blob.bytes.try_collect().await;
    assert!(matches!(read, Err(BlobError::Failed(_))), "{read:?}");
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    let refusal = BlobError::Refused(Box::new(ApiError::invalid("too much")));
    let pieces = [Ok(Bytes::from(vec![1; 500_000])), Err(refusal.clone())];
    let broken = blobs.put("file-a", Box::pin(stream::iter(pieces))).await;
    assert_eq!(broken, Err(refusal));

    let stuck = stream::iter([Ok(Bytes::from(vec![1; 500_000]))]).chain(stream::pending());
    let mut upload = Box::pin(blobs.put("file-b", Box::pin(stuck)));
    while incoming(root.path()) == 0 {
        assert!((&mut upload).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(upload);

    assert_eq!(incoming(root.path()), 0);
    assert_eq!(names(&blobs).await, [""; 0]);
    assert_eq!(content(&blobs, "file-a").await, None);
    assert_eq!(content(&blobs, "file-b").await, None);
}

#[tokio::test]
async fn an_upload_cannot_be_read_until_it_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    let seen = async {
        let none = blobs.read("file-a").await.unwrap().is_none();
        none && names(&blobs).await.is_empty()
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    let first = stream::iter([Ok(Bytes::from_static(b"first"))]);
    let second = stream::once(async { Ok(told.await.unwrap()) });
    let upload = blobs.put("file-a", Box::pin(first.chain(second)));
    let (stored, unseen) = tokio::join!(upload, async {
        let unseen = seen.await;
        tell.send(Bytes::from_static(b" second")).unwrap();
        unseen
    });
    assert_eq!((stored, unseen), (Ok(12), true));
    assert_eq!(content(&blobs, "file-a").await.unwrap(), b"first second");
}

#[tokio::test]
async fn a_start_clears_up_what_a_crash_left() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    blobs.put("file-0VbmwvJ", bytes([vec![1]])).await.unwrap();
    blobs.put("file-0VbmxvJ", bytes([vec![1]])).await.unwrap();
    blobs.delete("file-0VbmxvJ").await.unwrap();
    fs::write(root.path().join(".incoming/file-b.1.0"), "half").unwrap();
    blobs.sweep().unwrap();
    assert_eq!(incoming(root.path()), 0);
    assert!(!root.path().join("file-0Vbmx").exists());
    assert_eq!(names(&blobs).await, ["file-0VbmwvJ"]);
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("blobs");
    let blobs = Folder::open(&folder).unwrap();
    fs::write(root.path().join("secret"), "secret").unwrap();
    let long = "a".repeat(65);
    let traversals = [
        "",
        ".",
        "..",
        "../secret",
        "a/b",
        "/etc/passwd",
        "a\\b",
        "a\0b",
        "a.b",
        "ä",
    ];
    for name in traversals.into_iter().chain([long.as_str()]) {
        let put = blobs.put(name, bytes([vec![1]])).await;
        assert!(matches!(put, Err(BlobError::Failed(_))), "{name:?}");
        assert!(blobs.read(name).await.unwrap().is_none(), "{name:?}");
        assert_eq!(blobs.delete(name).await, Ok(()), "{name:?}");
    }
    assert_eq!(names(&blobs).await, [""; 0]);
    assert_eq!(
        fs::read_to_string(root.path().join("secret")).unwrap(),
        "secret"
    );
    let longest = "a".repeat(64);
    assert_eq!(blobs.put(&longest, bytes([vec![1]])).await, Ok(1));
}

#[tokio::test]
async fn what_was_deleted_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    blobs.put("file-a", bytes([vec![1]])).await.unwrap();
    blobs.delete("file-a").await.unwrap();
    blobs.delete("file-a").await.unwrap();
    assert_eq!(content(&blobs, "file-a").await, None);
}

#[tokio::test]
async fn a_listing_leads_through_all_in_order() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    let mut expected: Vec<String> = (0..40).map(|n| format!("file-0Vb{n:02}aaa")).collect();
    expected.extend(["a", "file-0", "zz-1"].map(str::to_owned));
    for name in expected.iter().rev() {
        blobs
            .put(name, bytes([name.clone().into_bytes()]))
            .await
            .unwrap();
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
        assert_eq!(found, expected);
    }
    // A cursor need not be there any more.
    let behind = blobs.list(Some("file-0Vb39z"), 9).await.unwrap();
    assert_eq!(behind.len(), 1);
}

#[tokio::test]
async fn two_uploads_of_one_name_do_not_meet() {
    let root = tempfile::tempdir().unwrap();
    let blobs = Folder::open(root.path()).unwrap();
    let (one, other) = tokio::join!(
        blobs.put("file-a", bytes([vec![1; 300_000], vec![1; 300_000]])),
        blobs.put("file-a", bytes([vec![2; 300_000], vec![2; 300_000]])),
    );
    assert_eq!((one, other), (Ok(600_000), Ok(600_000)));
    let content = content(&blobs, "file-a").await.unwrap();
    assert!(content.iter().all(|byte| *byte == content[0]));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    assert!(Folder::open(&root.path().join("file")).is_err());
}
