//! Just enough of HTTP/1.1 for the two ends of the bench, the mock upstream and the load generator.
//!
//! Both share one core while the proxy under test has the other to itself, so they must cost less than
//! it does: they write prebuilt bytes and read without a header map. Nothing here is meant for hostile
//! peers.

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads until `buffer` holds a whole head and returns its length, the empty line included.
/// `None` when the peer closed the connection between two messages.
pub async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> Result<Option<usize>> {
    loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            return Ok(Some(end + 4));
        }
        if stream.read_buf(buffer).await? == 0 {
            if buffer.is_empty() {
                return Ok(None);
            }
            bail!("the connection was closed within a head");
        }
    }
}

/// The value of the header `name` (lower case) in `head`.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|&byte| byte == b'\n').skip(1).find_map(|line| {
        let (field, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        field
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.trim_ascii())
    })
}

/// `content-length` of `head`, when it has one.
pub fn content_length(head: &[u8]) -> Result<Option<usize>> {
    header(head, "content-length")
        .map(|value| {
            std::str::from_utf8(value)?
                .parse()
                .context("content-length is not a number")
        })
        .transpose()
}

/// Reads until `buffer` holds at least `length` bytes.
pub async fn read_exactly<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    length: usize,
) -> Result<()> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection was closed within a body");
        }
    }
    Ok(())
}

/// Reads a chunked body to its end and appends what it carries to `body`.
pub async fn read_chunked<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    body: &mut Vec<u8>,
) -> Result<()> {
    loop {
        let line_end = loop {
            if let Some(at) = memchr::memchr(b'\n', buffer) {
                break at;
            }
            read_exactly(stream, buffer, buffer.len() + 1).await?;
        };
        let size = std::str::from_utf8(buffer.get(..line_end).unwrap_or_default())?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).context("a chunk's size is not a number")?;
        buffer.advance(line_end + 1);
        read_exactly(stream, buffer, size + 2).await?;
        body.extend_from_slice(buffer.get(..size).unwrap_or_default());
        buffer.advance(size + 2);
        if size == 0 {
            return Ok(());
        }
    }
}

/// One chunk of a chunked body as it goes over the wire.
pub fn chunk(payload: &str) -> Vec<u8> {
    format!("{:x}\r\n{payload}\r\n", payload.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_chunked_body_is_read_whole_and_the_next_message_stays() {
        let mut wire = chunk("data: one\n\n");
        wire.extend(chunk("data: two\n\n"));
        wire.extend(b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        for cut in 0..wire.len() {
            let (front, back) = wire.split_at(cut);
            let mut stream = AsyncReadExt::chain(front, back);
            let (mut buffer, mut body) = (BytesMut::new(), Vec::new());
            read_chunked(&mut stream, &mut buffer, &mut body)
                .await
                .unwrap();
            assert_eq!(body, b"data: one\n\ndata: two\n\n");
            let head = read_head(&mut stream, &mut buffer).await.unwrap();
            assert_eq!(head, Some(19));
        }
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let head = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(header(head, "host"), Some(&b"here"[..]));
        assert_eq!(header(head, "hos"), None);
        assert_eq!(content_length(head).unwrap(), Some(12));
    }
}
