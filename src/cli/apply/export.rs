//! What is stored as one document, which [`super::Applier`] takes back and changes nothing.

use super::describe::{self, Described};
use super::yaml;
use crate::domain::registration::{POLICY, RegistrationPolicy};
use crate::domain::user::User;
use crate::store::{self, Db, Store, StoreError};
use serde::Serialize;

/// How many accounts are read at a time.
const PAGE: i64 = 5000;

/// The document. A section that is empty is written as such: it says that there is nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exported {
    users: Vec<Described>,
    clients: Vec<Described>,
    resources: Vec<Described>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration: Option<Described>,
    scopes: Vec<Described>,
    #[serde(skip)]
    shows_secrets: bool,
}

impl Exported {
    /// Reads everything. Without secrets, neither password hashes nor stored forms of client secrets and initial access
    /// tokens are in it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(store: &Store, shows_secrets: bool) -> Result<Self, StoreError> {
        let read = store.read(read).await?;
        let conceal = |entries: Vec<Described>| entries.into_iter().map(Described::without_secrets).collect();
        if shows_secrets {
            return Ok(Self { shows_secrets, ..read });
        }
        Ok(Self {
            users: conceal(read.users),
            clients: conceal(read.clients),
            registration: read.registration.map(Described::without_secrets),
            ..read
        })
    }

    /// The document as YAML.
    pub fn to_yaml(&self) -> String {
        let mut out = String::from(if self.shows_secrets {
            "# Everything that is stored, with the stored forms of secrets: keep it as you keep the database.\n"
        } else {
            "# Everything that is stored but secrets. Where it is applied, the secrets that are stored there stay.\n"
        });
        yaml::section(&mut out, "users", &self.users);
        yaml::section(&mut out, "clients", &self.clients);
        yaml::section(&mut out, "resources", &self.resources);
        if let Some(registration) = &self.registration {
            yaml::single(&mut out, "registration", registration);
        }
        yaml::section(&mut out, "scopes", &self.scopes);
        out
    }
}

fn read(db: &mut Db) -> Result<Exported, StoreError> {
    let registration = store::policies::find(db, POLICY)?;
    let registration: Option<RegistrationPolicy> = registration
        .map(|policy| {
            serde_json::from_str(&policy).map_err(|error| StoreError::Corrupt(format!("policies.document: {error}")))
        })
        .transpose()?;
    Ok(Exported {
        users: users(db)?,
        clients: store::clients::list(db)?.iter().map(describe::client).collect(),
        resources: store::resources::list(db)?.iter().map(describe::resource).collect(),
        registration: registration.as_ref().map(describe::registration),
        scopes: store::scopes::list(db)?.iter().map(describe::scope).collect(),
        shows_secrets: false,
    })
}

fn users(db: &mut Db) -> Result<Vec<Described>, StoreError> {
    let (mut all, mut after) = (Vec::<User>::new(), None);
    loop {
        let page = store::users::list(db, after.as_ref(), PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        all.extend(page);
    }
    // By name, so that two exports can be compared line by line.
    all.sort_by(|one, other| one.username.key().cmp(other.username.key()));
    Ok(all.iter().map(describe::user).collect())
}
