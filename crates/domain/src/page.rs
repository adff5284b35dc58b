//! Lists, a page at a time.

/// Which page of a list is wanted.
///
/// Lists are in the order in which objects were stored, which is that of their creation. A cursor names an
/// object of the list; one that was deleted meanwhile still says where the list goes on, until it is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// How many objects at most. At least 1.
    pub limit: u32,
    /// Newest first or oldest first.
    pub order: Order,
    /// The page begins right behind this object.
    pub after: Option<String>,
    /// The page ends right ahead of this object. Together with `after`: the first objects between the two.
    pub before: Option<String>,
}

impl Default for PageQuery {
    /// OpenAI's default: the newest twenty.
    fn default() -> Self {
        Self {
            limit: 20,
            order: Order::Descending,
            after: None,
            before: None,
        }
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The objects, in the order that was asked for.
    pub items: Vec<T>,
    /// Whether there are more in the direction of paging: behind the page, or ahead of it where only `before` was given.
    pub has_more: bool,
}
