//! Lists, a page at a time: which page a query asks for, and the envelope that it comes back in.

use locum_domain::{
    error::ApiError,
    page::{Order, Page, PageQuery},
};
use serde::Serialize;

use super::{
    encode,
    fault::{self, Number, Type},
    query::Query,
};

/// How many objects a page of some list may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRules {
    /// Where the client does not say.
    default: u32,
    max: u32,
}

impl PageRules {
    /// Of most lists.
    pub(crate) const USUAL: Self = Self {
        default: 20,
        max: 100,
    };
    /// Of the list of files.
    pub(crate) const FILES: Self = Self {
        default: 10_000,
        max: 10_000,
    };
}

/// Which page `query`, what follows the question mark, asks for: `limit`, `order`, `after` and `before`.
///
/// # Errors
/// 400, `param` naming the parameter at fault.
pub(crate) fn page_query(query: Option<&str>, rules: PageRules) -> Result<PageQuery, ApiError> {
    const ORDERS: &[(&str, Order)] = &[("asc", Order::Ascending), ("desc", Order::Descending)];
    let query = Query::of(query);
    Ok(PageQuery {
        limit: limit(&query, rules)?,
        order: query.word("order", ORDERS)?.unwrap_or_default(),
        after: query.id("after"),
        before: query.id("before"),
    })
}

fn limit(query: &Query<'_>, rules: PageRules) -> Result<u32, ApiError> {
    const NAME: &str = "limit";
    let Some(text) = query.get(NAME) else {
        return Ok(rules.default);
    };
    let Ok(limit) = text.parse::<i128>() else {
        let got = match text.parse::<f64>() {
            Ok(_) => Type::Decimal,
            Err(_) => Type::String,
        };
        return Err(fault::wrong_type(NAME, "an integer", got));
    };
    match u32::try_from(limit) {
        Ok(limit) if (1..=rules.max).contains(&limit) => Ok(limit),
        _ if limit < 1 => Err(fault::below(NAME, Number::Integer, 1, limit)),
        _ => Err(fault::above(NAME, Number::Integer, rules.max, limit)),
    }
}

/// A page: `id` and `object` say how its items are known and written.
pub(crate) fn encode_page<'a, T, O: Serialize>(
    page: &'a Page<T>,
    id: impl Fn(&'a T) -> &'a str,
    object: impl Fn(&'a T) -> O,
) -> Vec<u8> {
    encode(&List {
        object: "list",
        data: page.items.iter().map(object).collect(),
        first_id: page.items.first().map(&id),
        last_id: page.items.last().map(&id),
        has_more: page.has_more,
    })
}

#[derive(Serialize)]
struct List<'a, O> {
    object: &'static str,
    data: Vec<O>,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}
