//! References: wherever they lead in the schema, what they lead to is moved to `$defs` and referred to there.

use std::collections::{HashMap, HashSet, VecDeque};

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Names of definitions are cut to this: one is written for every reference.
const MAX_NAME_BYTES: usize = 64;

/// The references of one schema: where each leads, and which definitions are still to be made.
pub(super) struct References<'a> {
    root: &'a Value,
    names: HashMap<String, String>,
    taken: HashSet<String>,
    wanted: VecDeque<String>,
}

impl<'a> References<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self {
            root,
            names: HashMap::new(),
            taken: HashSet::new(),
            wanted: VecDeque::new(),
        }
    }

    pub(super) fn root(&self) -> &'a Value {
        self.root
    }

    /// The JSON Pointer of what `reference` leads to; `None` where it leads out of the schema or to nothing.
    pub(super) fn resolve(&self, reference: &str) -> Option<String> {
        let pointer = percent_decode_str(reference.strip_prefix('#')?)
            .decode_utf8()
            .ok()?;
        self.root.pointer(&pointer).map(|_| pointer.into_owned())
    }

    /// What stands at a pointer that [`References::resolve`] gave.
    pub(super) fn target(&self, pointer: &str) -> &'a Value {
        self.root.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The reference to the definition that will hold what stands at `pointer`.
    pub(super) fn want(&mut self, pointer: &str) -> String {
        if let Some(name) = self.names.get(pointer) {
            return format!("#/$defs/{name}");
        }
        let name = self.free_name(pointer);
        let reference = format!("#/$defs/{name}");
        self.taken.insert(name.clone());
        self.names.insert(pointer.to_owned(), name);
        self.wanted.push_back(pointer.to_owned());
        reference
    }

    /// The next definition to make: its pointer, its name, what stands there.
    pub(super) fn next_wanted(&mut self) -> Option<(String, String, &'a Value)> {
        let pointer = self.wanted.pop_front()?;
        let name = self.names.get(&pointer)?.clone();
        let target = self.target(&pointer);
        Some((pointer, name, target))
    }

    /// The last step of the pointer, in letters that need no escape, and with a number where it is taken.
    fn free_name(&self, pointer: &str) -> String {
        let step = pointer.rsplit('/').next().unwrap_or_default();
        let mut name: String = step
            .chars()
            .take(MAX_NAME_BYTES)
            .map(|letter| match letter {
                'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '.' => letter,
                _ => '_',
            })
            .collect();
        if name.is_empty() {
            name.push_str("root");
        }
        let taken = |name: &str| self.taken.contains(name);
        if !taken(&name) {
            return name;
        }
        (2..)
            .map(|number| format!("{name}_{number}"))
            .find(|name| !taken(name))
            .unwrap_or(name)
    }
}
