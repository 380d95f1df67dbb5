//! `authward migrate`

use super::{Context, Failure, open, output};
use crate::store::migrate;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let store = open::unchecked_store(context)?;
    let applied = migrate::run(&store).await.map_err(Failure::work)?;
    match applied.len() {
        0 => output::print("The schema is up to date.\n"),
        count => output::print(&format!("{count} migrations were applied: {}.\n", applied.join(", "))),
    }
}
