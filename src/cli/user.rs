//! `authward user …`

use super::apply::describe;
use super::output::{self, Format, Row, time};
use super::{Context, Failure, open, typed};
use crate::domain::id::UserId;
use crate::domain::secret::Secret;
use crate::domain::user::{self as domain, Email, LoginName, Username};
use crate::passwords::{Password, policy};
use crate::store::{self, Db, Store, StoreError};
use crate::users;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

/// How many accounts are read at a time.
const PAGE: i64 = 500;

/// Add, list, show, disable and enable accounts, and set their passwords and roles.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    Add(Add),
    /// List all accounts.
    List {
        /// How the list is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show everything that is stored of one account, but its password.
    Show {
        /// User name or e-mail address.
        user: String,
        /// How it is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Disable an account, end its sessions and revoke everything issued for it.
    Disable {
        /// User name or e-mail address.
        user: String,
    },
    /// Enable an account that was disabled.
    Enable {
        /// User name or e-mail address.
        user: String,
    },
    /// Set a password, end the account's sessions and revoke everything issued for it.
    ///
    /// Without --password-stdin a password is generated and printed once.
    SetPassword {
        /// User name or e-mail address.
        user: String,
        /// Read the password from standard input; at a terminal it is asked for and not shown.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Replace the roles of an account; without a role it has none.
    SetRoles {
        /// User name or e-mail address.
        user: String,
        /// A role, such as admin.
        #[arg(value_parser = parse_role)]
        roles: Vec<String>,
    },
}

/// Add an account.
///
/// Without --password-stdin a password is generated and printed once.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The user name.
    username: String,
    /// The e-mail address.
    #[arg(long)]
    email: String,
    /// The address is proven.
    #[arg(long)]
    email_verified: bool,
    /// A role, such as admin; may be repeated.
    #[arg(long, value_parser = parse_role)]
    role: Vec<String>,
    /// Read the password from standard input; at a terminal it is asked for and not shown.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Serialize)]
struct UserRow {
    sub: String,
    username: String,
    email: String,
    email_verified: bool,
    roles: Vec<String>,
    has_password: bool,
    claims: Map<String, Value>,
    disabled_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl From<domain::User> for UserRow {
    fn from(user: domain::User) -> Self {
        Self {
            sub: user.id.as_str().to_owned(),
            username: user.username.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            roles: user.roles,
            has_password: user.password_hash.is_some(),
            claims: user.claims,
            disabled_at: user.disabled_at.map(time),
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
        }
    }
}

impl Row for UserRow {
    const HEADS: &'static [&'static str] = &["username", "email", "verified", "roles", "state", "created", "sub"];

    fn cells(&self) -> Vec<String> {
        let state = if self.disabled_at.is_some() { "disabled" } else { "enabled" };
        let verified = if self.email_verified { "yes" } else { "no" };
        vec![
            self.username.clone(),
            self.email.clone(),
            verified.to_owned(),
            self.roles.join(" "),
            state.to_owned(),
            self.created_at.clone(),
            self.sub.clone(),
        ]
    }
}

impl User {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List { format } => list(&open::existing_store(context).await?, *format).await,
            Self::Show { user, format } => show(load(&open::existing_store(context).await?, user).await?, *format),
            Self::Disable { user } => {
                let by = context.by("user disable");
                let was_enabled = change(context, user, move |db, id| users::disable(db, id, &by)).await?;
                output::print(if was_enabled {
                    "The account is disabled. Its sessions are ended, and what was issued for it is revoked.\n"
                } else {
                    "The account was disabled before.\n"
                })
            }
            Self::Enable { user } => {
                let by = context.by("user enable");
                change(context, user, move |db, id| users::enable(db, id, &by)).await?;
                output::print("The account is enabled.\n")
            }
            Self::SetRoles { user, roles } => {
                let (roles, by) = (roles.clone(), context.by("user set-roles"));
                let set = move |db: &mut Db, id: &UserId| Ok(users::set_roles(db, id, &roles, &by)?.then_some(()));
                change(context, user, set).await?;
                output::print("The roles are set; running servers know them at once.\n")
            }
            Self::SetPassword { user, password_stdin } => set_password(context, user, *password_stdin).await,
        }
    }
}

impl Add {
    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let username = Username::parse(&self.username).map_err(|error| Failure::Unusable(error.to_string()))?;
        let email = Email::parse(&self.email).map_err(|error| Failure::Unusable(error.to_string()))?;
        let (password, is_new) = choose_password(context, self.password_stdin, &username, &email)?;
        let store = open::store(context).await?;
        let hash = open::passwords(context)?.hash(&password).await.map_err(Failure::work)?;
        let now = context.now();
        let user = domain::User {
            id: UserId::new(context.entropy.uuid(now.seconds())),
            username,
            email,
            email_verified: self.email_verified,
            password_hash: Some(hash),
            claims: serde_json::Map::new(),
            roles: self.role.clone(),
            disabled_at: None,
            created_at: now,
            updated_at: now,
        };
        let by = context.by("user add");
        match store.write(move |db| users::create(db, &user, &by)).await {
            Err(StoreError::Conflict) => {
                Err(Failure::work("the user name, one that looks like it, or the e-mail address is taken"))
            }
            outcome => outcome.map_err(Failure::work),
        }?;
        announce("The account is made.", &password, is_new)
    }
}

async fn list(store: &Store, format: Format) -> Result<(), Failure> {
    let mut rows: Vec<UserRow> = Vec::new();
    let mut after: Option<UserId> = None;
    loop {
        let from = after.clone();
        let page = store.read(move |db| store::users::list(db, from.as_ref(), PAGE)).await.map_err(Failure::work)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        rows.extend(page.into_iter().map(UserRow::from));
    }
    output::list(&rows, format)
}

fn show(user: domain::User, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(&UserRow::from(user));
    }
    let times = [("created", user.created_at), ("updated", user.updated_at)].map(|(name, at)| (name, time(at)));
    let password = if user.password_hash.is_some() { "(kept as a hash)" } else { "(none: no sign-in by password)" };
    let described = describe::user(&user).without_secrets();
    let fields = described.0.iter().map(|(name, value)| (name.as_str(), output::text_of(value)));
    let password = [("password", password.to_owned())];
    output::fields(&fields.chain(password).chain(times).collect::<Vec<_>>())
}

async fn load(store: &Store, name: &str) -> Result<domain::User, Failure> {
    let login = LoginName::parse(name).ok_or_else(|| unknown(name))?;
    let found = store.read(move |db| store::users::find_by_login(db, &login)).await.map_err(Failure::work)?;
    found.ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Failure {
    Failure::Work(format!("there is no user {name}"))
}

/// Changes an account in one transaction; `None` of the change means that it is gone.
async fn change<T: Send + 'static>(
    context: &Context,
    name: &str,
    change: impl Fn(&mut Db, &UserId) -> Result<Option<T>, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let store = open::existing_store(context).await?;
    let id = load(&store, name).await?.id;
    let changed = store.write(move |db| change(db, &id)).await.map_err(Failure::work)?;
    changed.ok_or_else(|| unknown(name))
}

async fn set_password(context: &Context, user: &str, from_stdin: bool) -> Result<(), Failure> {
    let store = open::existing_store(context).await?;
    let account = load(&store, user).await?;
    let (password, is_new) = choose_password(context, from_stdin, &account.username, &account.email)?;
    let hash = open::passwords(context)?.hash(&password).await.map_err(Failure::work)?;
    let by = context.by("user set-password");
    let change = move |db: &mut Db| users::set_password(db, &account.id, &hash, &by);
    if !store.write(change).await.map_err(Failure::work)? {
        return Err(unknown(user));
    }
    announce("The password is set. Sessions are ended, and what was issued is revoked.", &password, is_new)
}

/// The password from standard input, checked as at sign-up, or a generated one; and whether it was generated.
fn choose_password(
    context: &Context,
    from_stdin: bool,
    username: &Username,
    email: &Email,
) -> Result<(Secret, bool), Failure> {
    if !from_stdin {
        return Ok((context.entropy.secret(), true));
    }
    let password = Password::parse(typed::read("password")?.reveal());
    let password = password.map_err(|problem| Failure::Unusable(problem.to_string()))?;
    policy::check_common(&password, username.as_str(), email.as_str())
        .map_err(|problem| Failure::Unusable(problem.to_string()))?;
    Ok((password, false))
}

fn parse_role(text: &str) -> Result<String, String> {
    let is_role = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_role { Ok(text.to_owned()) } else { Err("a role has 1 to 64 visible ASCII characters".to_owned()) }
}

fn announce(sentence: &str, password: &Secret, is_new: bool) -> Result<(), Failure> {
    let shown = if is_new { format!("Password (shown this once): {}\n", password.reveal()) } else { String::new() };
    output::print(&format!("{sentence}\n{shown}"))
}
