//! Server-sent events, read incrementally.
//!
//! Follows the WHATWG HTML standard's event-stream format as far as providers use it: LF, CRLF or CR line ends, several
//! `data:` lines joined by a line feed, comments and other fields passed over, a byte order mark at the start.

/// Takes bytes in pieces of any size and hands out the data of every complete event.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    past_bom: bool,
}

/// An event grew larger than [`MAX_EVENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLarge;

/// The largest event that is taken: an image in base64 has room.
pub const MAX_EVENT_BYTES: usize = 32 << 20;

impl SseParser {
    /// Feeds `bytes`; calls `event` with the data of each event that they complete. `event` ends the reading by an error.
    ///
    /// # Errors
    /// What `event` returned, or [`EventTooLarge`].
    pub fn feed<E: From<EventTooLarge>>(
        &mut self,
        mut bytes: &[u8],
        mut event: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            if self.after_cr {
                self.after_cr = false;
                if bytes[0] == b'\n' {
                    bytes = &bytes[1..];
                    continue;
                }
            }
            match memchr::memchr2(b'\n', b'\r', bytes) {
                None => {
                    if self.line.len() + self.data.len() + bytes.len() > MAX_EVENT_BYTES {
                        return Err(EventTooLarge.into());
                    }
                    self.line.extend_from_slice(bytes);
                    return Ok(());
                }
                Some(end) => {
                    self.after_cr = bytes[end] == b'\r';
                    let line = &bytes[..end];
                    bytes = &bytes[end + 1..];
                    if self.line.is_empty() {
                        self.take_line(line, &mut event)?;
                    } else {
                        let mut whole = std::mem::take(&mut self.line);
                        whole.extend_from_slice(line);
                        self.take_line(&whole, &mut event)?;
                        whole.clear();
                        self.line = whole;
                    }
                }
            }
        }
        Ok(())
    }

    /// The stream has ended: an event without its blank line still counts, because some servers leave that out.
    ///
    /// # Errors
    /// What `event` returned, or [`EventTooLarge`].
    pub fn finish<E: From<EventTooLarge>>(
        &mut self,
        mut event: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.feed(b"\n\n", &mut event)
    }

    fn take_line<E: From<EventTooLarge>>(
        &mut self,
        mut line: &[u8],
        event: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.past_bom {
            self.past_bom = true;
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            if !self.has_data {
                return Ok(());
            }
            self.has_data = false;
            let data = std::mem::take(&mut self.data);
            let result = event(&data);
            self.data = data;
            self.data.clear();
            return result;
        }
        let Some(value) = data_of(line) else {
            return Ok(());
        };
        if self.data.len() + value.len() > MAX_EVENT_BYTES {
            return Err(EventTooLarge.into());
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
        Ok(())
    }
}

/// The value of a `data` line; `None` for every other line.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"data")?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = SseParser::default();
        let mut seen = Vec::new();
        let mut take = |data: &[u8]| -> Result<(), EventTooLarge> {
            seen.push(String::from_utf8_lossy(data).into_owned());
            Ok(())
        };
        for piece in pieces {
            parser.feed(piece, &mut take).unwrap();
        }
        parser.finish(&mut take).unwrap();
        seen
    }

    const STREAM: &[u8] = "\u{feff}data: one\n\n: comment\ndata:two\r\ndata: lines\r\n\r\nevent: x\rdata: three\r\rdata\n\nid: 1\n\ndata: unclosed".as_bytes();
    const EXPECTED: [&str; 5] = ["one", "two\nlines", "three", "", "unclosed"];

    #[test]
    fn every_cut_gives_the_same_events() {
        for cut in 0..=STREAM.len() {
            let (head, tail) = STREAM.split_at(cut);
            assert_eq!(events(&[head, tail]), EXPECTED, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(events(&bytes), EXPECTED);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = SseParser::default();
        let piece = vec![b'x'; 1 << 20];
        let fed = (0..40).try_for_each(|_| parser.feed(&piece, |_| Ok::<(), EventTooLarge>(())));
        assert_eq!(fed, Err(EventTooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            events(&pieces);
        }
    }
}
