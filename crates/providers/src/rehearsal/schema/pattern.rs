//! Texts that match a regular expression, as JSON Schema's `pattern` has them.
//!
//! Takes literals, classes, groups, alternatives, repetitions and anchors at the ends. Whatever looks around, refers back or
//! anchors elsewhere is refused: then there is no text.

/// Longer texts are not made.
const MAX_CHARS: usize = 4_096;
/// Deeper groups are not read.
const MAX_DEPTH: u32 = 40;

/// A text that matches `pattern` and has at least `least` and at most `most` characters; `None` where none was found.
/// `variant` picks among the characters of a class.
pub(super) fn text(pattern: &str, least: usize, most: usize, variant: usize) -> Option<String> {
    let mut reader = Reader {
        rest: pattern.chars().collect::<Vec<_>>(),
        at: 0,
        depth: 0,
    };
    let node = reader.alternatives()?;
    if reader.peek().is_some() {
        return None;
    }
    // Repetitions are as short as can be at first, then longer and longer.
    let more = (0..8).chain([12, 16, 24, 32, 48, 64, 128, 256, 512, 1024, 2048, 4096]);
    more.map(|more| {
        let mut text = String::new();
        node.write(&mut text, more, variant)?;
        Some(text)
    })
    .map_while(|text| text)
    .find(|text| (least..=most).contains(&text.chars().count()))
}

enum Node {
    /// One of the characters in these ranges.
    Class(Vec<(char, char)>),
    Sequence(Vec<Node>),
    /// The first is taken.
    Alternatives(Vec<Node>),
    Repeat {
        node: Box<Node>,
        least: usize,
        most: usize,
    },
}

impl Node {
    fn write(&self, text: &mut String, more: usize, variant: usize) -> Option<()> {
        match self {
            Self::Class(ranges) => text.push(pick(ranges, variant)?),
            Self::Sequence(nodes) => {
                for node in nodes {
                    node.write(text, more, variant)?;
                }
            }
            Self::Alternatives(nodes) => {
                nodes
                    .get(variant % nodes.len().max(1))?
                    .write(text, more, variant)?;
            }
            Self::Repeat { node, least, most } => {
                for _ in 0..least.saturating_add(more).min(*most) {
                    let before = text.len();
                    node.write(text, more, variant)?;
                    if text.len() == before {
                        break;
                    }
                }
            }
        }
        (text.len() <= MAX_CHARS).then_some(())
    }
}

/// The character number `variant` of a class, from its beginning again behind its end.
fn pick(ranges: &[(char, char)], variant: usize) -> Option<char> {
    let size = |&(from, to): &(char, char)| (u32::from(to) + 1).saturating_sub(u32::from(from));
    let all: u32 = ranges.iter().map(size).sum();
    let mut place = (variant as u32).checked_rem(all)?;
    for range in ranges {
        let size = size(range);
        if place < size {
            return char::from_u32(u32::from(range.0) + place);
        }
        place -= size;
    }
    None
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    depth: u32,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn alternatives(&mut self) -> Option<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut nodes = vec![self.sequence()?];
        while self.take('|') {
            nodes.push(self.sequence()?);
        }
        self.depth -= 1;
        Some(Node::Alternatives(nodes))
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        // Anchors say nothing new at the ends of an alternative, and are refused between.
        self.take('^');
        while let Some(char) = self.peek() {
            match char {
                '|' | ')' => break,
                '$' => {
                    self.at += 1;
                    if !matches!(self.peek(), None | Some('|' | ')')) {
                        return None;
                    }
                }
                '^' | '*' | '+' | '?' => return None,
                _ => {
                    let node = self.atom()?;
                    nodes.push(self.repeated(node)?);
                }
            }
        }
        Some(Node::Sequence(nodes))
    }

    fn atom(&mut self) -> Option<Node> {
        Some(match self.next()? {
            '(' => {
                if self.take('?') && !self.take(':') {
                    // Only names of groups are passed over.
                    if !self.take('<') || matches!(self.peek(), Some('=' | '!')) {
                        return None;
                    }
                    while self.next()? != '>' {}
                }
                let node = self.alternatives()?;
                if !self.take(')') {
                    return None;
                }
                node
            }
            '[' => self.class()?,
            '.' => Node::Class(vec![('a', 'z')]),
            '\\' => Node::Class(self.escape()?),
            char => Node::Class(vec![(char, char)]),
        })
    }

    fn repeated(&mut self, node: Node) -> Option<Node> {
        let (least, most) = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                self.at += 1;
                let least = self.number()?;
                let most = if self.take(',') {
                    if self.peek() == Some('}') {
                        usize::MAX
                    } else {
                        self.number()?
                    }
                } else {
                    least
                };
                if self.peek() != Some('}') {
                    return None;
                }
                (least, most)
            }
            _ => return Some(node),
        };
        self.at += 1;
        self.take('?');
        Some(Node::Repeat {
            node: Box::new(node),
            least,
            most,
        })
    }

    fn number(&mut self) -> Option<usize> {
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            digits.push(digit);
            self.at += 1;
        }
        digits.parse().ok()
    }

    fn class(&mut self) -> Option<Node> {
        let negated = self.take('^');
        let mut ranges = Vec::new();
        loop {
            let from = match self.next()? {
                ']' => break,
                '\\' => self.escape()?,
                char => vec![(char, char)],
            };
            let is_range = self.peek() == Some('-')
                && self.rest.get(self.at + 1).is_some_and(|&char| char != ']');
            if !is_range {
                ranges.extend(from);
                continue;
            }
            self.at += 1;
            let to = match self.next()? {
                '\\' => self.escape()?,
                char => vec![(char, char)],
            };
            let ([(from, _)], [(_, to)]) = (&from[..], &to[..]) else {
                return None;
            };
            ranges.push((*from, *to));
        }
        Some(Node::Class(if negated { all_but(&ranges) } else { ranges }))
    }

    fn escape(&mut self) -> Option<Vec<(char, char)>> {
        const DIGITS: &[(char, char)] = &[('0', '9')];
        const WORD: &[(char, char)] = &[('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
        const SPACE: &[(char, char)] = &[(' ', ' '), ('\t', '\r')];
        let single = |char: char| vec![(char, char)];
        Some(match self.next()? {
            'd' => DIGITS.to_vec(),
            'D' => all_but(DIGITS),
            'w' => WORD.to_vec(),
            'W' => all_but(WORD),
            's' => SPACE.to_vec(),
            'S' => all_but(SPACE),
            'n' => single('\n'),
            'r' => single('\r'),
            't' => single('\t'),
            'x' => single(self.hex(2)?),
            'u' => single(self.hex(4)?),
            char if char.is_ascii_alphanumeric() => return None,
            char => single(char),
        })
    }

    fn hex(&mut self, digits: usize) -> Option<char> {
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + self.next()?.to_digit(16)?;
        }
        char::from_u32(code)
    }
}

/// The characters that a person would type, letters first, without those of `ranges`.
fn all_but(ranges: &[(char, char)]) -> Vec<(char, char)> {
    ('a'..='z')
        .chain('A'..='Z')
        .chain(' '..='@')
        .chain('['..='`')
        .chain('{'..='~')
        .filter(|char| !ranges.iter().any(|(from, to)| (from..=to).contains(&char)))
        .map(|char| (char, char))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shortest(pattern: &str) -> Option<String> {
        text(pattern, 0, 1_000, 0)
    }

    #[test]
    fn texts_match() {
        for (pattern, expected) in [
            ("^[A-Z]{2}-\\d{4}$", "AA-0000"),
            ("^(foo|bar)+$", "foo"),
            ("^(?:a|b)?c*d+$", "d"),
            ("^(?<year>\\d{4})-[01]\\d$", "0000-00"),
            ("^[^a-y]$", "z"),
            ("^\\S+@\\S+\\.\\w{2,}?$", "a@a.aa"),
            ("x.y", "xay"),
            ("^\\u00e9\\x41[\\]\\-]$", "éA]"),
            ("[a-]", "a"),
            ("^(^a$)$", "a"),
            ("", ""),
        ] {
            assert_eq!(shortest(pattern).as_deref(), Some(expected), "{pattern}");
        }
    }

    #[test]
    fn lengths_are_kept() {
        assert_eq!(text("^a*b$", 4, 9, 0).as_deref(), Some("aaab"));
        assert_eq!(text("^a{2,3}$", 4, 9, 0), None);
        assert_eq!(text("^a{5}$", 0, 4, 0), None);
        assert_eq!(text("^[ab]$", 0, 9, 1).as_deref(), Some("b"));
        assert_eq!(text("^(x|y)$", 0, 9, 1).as_deref(), Some("y"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pattern in [
            "(?=a)a",
            "(?!a)b",
            "(?<=a)b",
            "(a)\\1",
            "\\bword\\b",
            "a^b",
            "a$b",
            "(",
            ")",
            "[",
            "a{",
            "a{x}",
            "*",
            "\\",
            "[z-\\d]",
            "\\p{L}",
            "(?<n",
            "a{999999999999999999999}",
            "[]",
        ] {
            assert_eq!(shortest(pattern), None, "{pattern}");
        }
        assert_eq!(shortest("((((a{99}){99}){99}){99}){99}"), None);
        assert_eq!(shortest("((){999999999}){999999999}").as_deref(), Some(""));
        assert_eq!(shortest(&"(".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in r"[\^\$\.\|\?\*\+\(\)\[\]\{\}\\a-c0-9,:<=!-]{0,20}", variant: usize) {
            text(&pattern, 1, 10, variant);
        }
    }
}
