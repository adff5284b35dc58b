//! What is said in the end.

use locum_store_sql::transfer::Compared;

use super::blobs::ComparedBlobs;

/// How many digits of a checksum are shown.
const DIGITS: usize = 16;

/// A line for each table.
pub fn of_tables(tables: &[Compared]) -> String {
    let mut report = format!("{:<12}{:>12}  {:<DIGITS$}\n", "", "rows", "sha-256");
    for table in tables {
        let (from, to) = (&table.from, &table.to);
        let verdict = match table.is_same() {
            true => "ok".to_owned(),
            false => format!(
                "DIFFERS: {} rows at the target, {}",
                to.rows,
                start(&to.checksum)
            ),
        };
        let (rows, checksum) = (from.rows, start(&from.checksum));
        report.push_str(&format!(
            "{:<12}{rows:>12}  {checksum}  {verdict}\n",
            table.table
        ));
    }
    report
}

/// A line for all blobs.
pub fn of_blobs(blobs: &ComparedBlobs) -> String {
    let verdict = match blobs.different.len() {
        0 => "ok".to_owned(),
        count => format!("DIFFERS: {count} of them"),
    };
    let (count, checksum, bytes) = (blobs.count, start(&blobs.checksum), blobs.bytes);
    format!(
        "{:<12}{count:>12}  {checksum}  {verdict}, {bytes} bytes\n",
        "blobs"
    )
}

fn start(checksum: &str) -> &str {
    checksum.get(..DIGITS).unwrap_or(checksum)
}
