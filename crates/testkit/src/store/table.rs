//! Rows of one kind of object: found by id, listed a page at a time, changed by version, deleted to tombstones.

use locum_domain::{
    page::{Order, Page, PageQuery},
    project::Project,
};
use locum_engine::store::{MaybePage, StoreError, Stored, Versioned};

/// What can be a row.
pub(super) trait Object: Clone {
    /// The list that it is part of (the thread's id, the run's, or nothing where there is one list), and its id.
    fn key(&self) -> (&str, &str);
}

/// The rows of all projects.
pub(super) struct Table<T> {
    rows: Vec<Row<T>>,
    last_seq: u64,
}

/// A row: an object, or what is left of one that was deleted.
struct Row<T> {
    project: Project,
    list: String,
    id: String,
    /// Counts rows as they are stored, which is the order of every list.
    seq: u64,
    living: Option<Versioned<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            last_seq: 0,
        }
    }
}

impl<T: Object> Table<T> {
    pub(super) fn insert(&mut self, project: &Project, value: &T) -> Stored<()> {
        let (list, id) = value.key();
        if self.rows.iter().any(|row| row.id == id) {
            return Err(StoreError::Failed(format!("{id} is there already")));
        }
        self.last_seq += 1;
        self.rows.push(Row {
            project: project.clone(),
            list: list.to_owned(),
            id: id.to_owned(),
            seq: self.last_seq,
            living: Some(Versioned {
                value: value.clone(),
                version: 1,
            }),
        });
        Ok(())
    }

    pub(super) fn find(&self, project: &Project, list: &str, id: &str) -> Option<&Versioned<T>> {
        self.rows
            .iter()
            .find(|row| row.is(project, list, id))
            .and_then(|row| row.living.as_ref())
    }

    pub(super) fn find_mut(
        &mut self,
        project: &Project,
        list: &str,
        id: &str,
    ) -> Option<&mut Versioned<T>> {
        self.rows
            .iter_mut()
            .find(|row| row.is(project, list, id))
            .and_then(|row| row.living.as_mut())
    }

    /// Compare-and-set.
    pub(super) fn update(&mut self, project: &Project, new: &Versioned<T>) -> bool {
        let (list, id) = new.value.key();
        match self.find_mut(project, list, id) {
            Some(row) if row.version == new.version => {
                row.set(new.value.clone());
                true
            }
            _ => false,
        }
    }

    /// Adds what is new, and replaces what is there.
    pub(super) fn upsert(&mut self, project: &Project, value: &T) -> Stored<()> {
        let (list, id) = value.key();
        match self.rows.iter_mut().find(|row| row.is(project, list, id)) {
            None => return self.insert(project, value),
            Some(row) => {
                if let Some(living) = &mut row.living {
                    living.set(value.clone());
                }
            }
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, project: &Project, list: &str, id: &str) -> bool {
        let row = self.rows.iter_mut().find(|row| row.is(project, list, id));
        row.is_some_and(|row| row.living.take().is_some())
    }

    pub(super) fn delete_where(&mut self, gone: impl Fn(&T) -> bool) {
        for row in &mut self.rows {
            row.living.take_if(|living| gone(&living.value));
        }
    }

    /// All that was not deleted, of every project, in the order in which it was stored.
    pub(super) fn living(&self) -> impl Iterator<Item = &Versioned<T>> {
        self.rows.iter().filter_map(|row| row.living.as_ref())
    }

    /// The same, with whose it is, and to be changed.
    pub(super) fn living_mut(&mut self) -> impl Iterator<Item = (&Project, &mut Versioned<T>)> {
        self.rows
            .iter_mut()
            .filter_map(|row| Some((&row.project, row.living.as_mut()?)))
    }

    /// The objects of a list that `wanted` takes, each with its place, in order.
    pub(super) fn list(
        &self,
        project: &Project,
        list: &str,
        wanted: impl Fn(&T) -> bool,
    ) -> Vec<(u64, &T)> {
        self.rows
            .iter()
            .filter(|row| row.project == *project && row.list == list)
            .filter_map(|row| Some((row.seq, &row.living.as_ref()?.value)))
            .filter(|(_, value)| wanted(value))
            .collect()
    }

    pub(super) fn page(
        &self,
        project: &Project,
        list: &str,
        query: &PageQuery,
        wanted: impl Fn(&T) -> bool,
    ) -> MaybePage<T> {
        let seq_of = |cursor: &String| {
            let mut rows = self.rows.iter();
            rows.find(|row| row.is(project, list, cursor))
                .map(|row| row.seq)
        };
        let mut rows = self.list(project, list, wanted);
        if let Some(after) = &query.after {
            let after = seq_of(after)?;
            rows.retain(|(seq, _)| match query.order {
                Order::Ascending => *seq > after,
                Order::Descending => *seq < after,
            });
        }
        if let Some(before) = &query.before {
            let before = seq_of(before)?;
            rows.retain(|(seq, _)| match query.order {
                Order::Ascending => *seq < before,
                Order::Descending => *seq > before,
            });
        }
        if query.order == Order::Descending {
            rows.reverse();
        }
        let limit = query.limit as usize;
        let has_more = rows.len() > limit;
        if has_more && query.after.is_none() && query.before.is_some() {
            rows.drain(..rows.len() - limit);
        }
        rows.truncate(limit);
        Some(Page {
            items: rows.into_iter().map(|(_, value)| value.clone()).collect(),
            has_more,
        })
    }

    pub(super) fn tombstones(&self) -> u64 {
        let tombstones = self.rows.iter().filter(|row| row.living.is_none());
        tombstones.count() as u64
    }

    /// Takes away tombstones, one for each of `left`, and says how many.
    pub(super) fn purge(&mut self, left: &mut u64) -> u64 {
        let before = self.rows.len();
        self.rows.retain(|row| {
            let stays = row.living.is_some() || *left == 0;
            *left -= u64::from(!stays);
            stays
        });
        (before - self.rows.len()) as u64
    }
}

impl<T> Row<T> {
    fn is(&self, project: &Project, list: &str, id: &str) -> bool {
        self.project == *project && self.list == list && self.id == id
    }
}

/// Changes an object's state.
pub(super) trait Set<T> {
    fn set(&mut self, value: T);
}

impl<T> Set<T> for Versioned<T> {
    fn set(&mut self, value: T) {
        self.value = value;
        self.version += 1;
    }
}
