//! `authward migrate`

use super::progress::Progress;
use super::{Context, Failure, open, output};
use crate::store::migrate;
use std::sync::Arc;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let store = open::unchecked_store(context)?;
    let progress = Progress::on_terminal();
    progress.begin("Migrating the schema", u64::MAX);
    let bar = progress.clone();
    let show = move |done: usize, total: usize| bar.reach(done as u64, total as u64);
    let applied = migrate::run_showing(&store, Arc::new(show)).await;
    progress.end();
    let applied = applied.map_err(Failure::work)?;
    match applied.len() {
        0 => output::print("The schema is up to date.\n"),
        count => output::print(&format!("{count} migrations were applied: {}.\n", applied.join(", "))),
    }
}
