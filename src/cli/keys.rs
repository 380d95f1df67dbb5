//! `authward keys …`

use super::output::{self, Format, Row, time};
use super::{Context, Failure, open};
use crate::domain::id::KeyId;
use crate::domain::key::{Algorithm, SigningKey};
use crate::keys::{KeysError, MasterKey, Rotated, RotationOutcome, Sealed};
use crate::settings;
use crate::store::StoreError;
use clap::Subcommand;
use clap::builder::{PathBufValueParser, TypedValueParser};
use serde::Serialize;

/// List, rotate and retire signing keys, and replace the master key.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List the signing keys and when they change.
    List {
        /// How the list is printed.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Publish the next key, and let it sign as soon as every verifier can know it.
    ///
    /// Running servers notice within seconds. Rotation also happens by itself, by keys.rotate_every.
    Rotate {
        /// Only this algorithm: ES256, RS256, EdDSA or PS256.
        #[arg(long, value_parser = parse_algorithm)]
        algorithm: Option<Algorithm>,
        /// Let it sign at once; verifiers that have cached the JWKS do not know it until they look again.
        #[arg(long)]
        force: bool,
    },
    /// Take a key out of use at once, because it may be known to others.
    ///
    /// It leaves the JWKS, and what it signed is refused from now on. A key that signs is replaced first.
    Retire {
        /// The key's id, as "authward keys list" shows it.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Replace the master key: seal everything anew that is sealed under the configured one.
    ///
    /// Signing keys, secret keys and sealed client secrets stay what they are, so apps, people and APIs notice nothing.
    /// All or nothing; what is under the new key already is left alone, so this may be run again. Then put the new key
    /// in place on every node and restart it.
    Reseal {
        /// The file that holds the new master key: 32 bytes in base64 or hexadecimal, mode 600.
        #[arg(long, value_name = "FILE", value_parser = master_key_file())]
        new_master_key_file: MasterKey,
    },
}

#[derive(Serialize)]
struct KeyRow {
    kid: String,
    algorithm: &'static str,
    state: &'static str,
    created_at: String,
    activated_at: Option<String>,
    retiring_at: Option<String>,
    retires_at: Option<String>,
}

impl From<SigningKey> for KeyRow {
    fn from(key: SigningKey) -> Self {
        Self {
            kid: key.id.as_str().to_owned(),
            algorithm: key.algorithm.as_str(),
            state: key.state.as_str(),
            created_at: time(key.created_at),
            activated_at: key.activated_at.map(time),
            retiring_at: key.retiring_at.map(time),
            retires_at: key.retires_at.map(time),
        }
    }
}

impl Row for KeyRow {
    const HEADS: &'static [&'static str] =
        &["kid", "algorithm", "state", "created", "signs since", "stopped signing", "leaves the jwks"];

    fn cells(&self) -> Vec<String> {
        let text = |time: &Option<String>| time.clone().unwrap_or_default();
        vec![
            self.kid.clone(),
            self.algorithm.to_owned(),
            self.state.to_owned(),
            self.created_at.clone(),
            text(&self.activated_at),
            text(&self.retiring_at),
            text(&self.retires_at),
        ]
    }
}

impl Keys {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let keys = open::keys(context).await?;
        match self {
            Self::List { format } => {
                let rows: Vec<KeyRow> =
                    keys.list().await.map_err(Failure::work)?.into_iter().map(KeyRow::from).collect();
                output::list(&rows, *format)
            }
            Self::Rotate { algorithm, force } => {
                keys.ensure().await.map_err(Failure::work)?;
                let rotated = keys.rotate_now(*algorithm, *force, &context.by("keys rotate")).await.map_err(failure)?;
                output::print(&rotated.iter().map(sentence).collect::<String>())
            }
            Self::Retire { kid } => {
                keys.ensure().await.map_err(Failure::work)?;
                let retired =
                    keys.retire(&KeyId::new(kid.as_str()), &context.by("keys retire")).await.map_err(failure)?;
                let instead = retired.replaced_by.map(|kid| format!(" {kid} signs instead.")).unwrap_or_default();
                output::print(&format!("{} is out of use.{instead}\n", retired.kid))
            }
            Self::Reseal { new_master_key_file: new } => {
                let resealed = keys.reseal(new, &context.by("keys reseal")).await.map_err(failure)?;
                output::print(&(told(resealed, new) + &what_to_do_next(&context.settings.keys)))
            }
        }
    }
}

fn failure(error: KeysError) -> Failure {
    match error {
        KeysError::NotConfigured(_) => Failure::Unusable(format!("{error}; see keys.algorithms")),
        KeysError::SameMasterKey => Failure::Unusable(format!("{error}; name the file of another one")),
        KeysError::Store(StoreError::Corrupt(what)) => Failure::Work(format!("nothing was changed: {what}")),
        error => Failure::work(error),
    }
}

fn sentence(rotated: &Rotated) -> String {
    let algorithm = rotated.algorithm.as_str();
    match &rotated.outcome {
        RotationOutcome::Promoted { kid, replaced: Some(replaced) } => {
            format!("{algorithm}: {kid} signs from now on instead of {replaced}.\n")
        }
        RotationOutcome::Promoted { kid, replaced: None } => format!("{algorithm}: {kid} signs from now on.\n"),
        RotationOutcome::Waiting { kid, until } => {
            format!("{algorithm}: {kid} is published and will sign from {} on.\n", time(*until))
        }
    }
}

fn told(resealed: Sealed, new: &MasterKey) -> String {
    let new = new.id();
    if resealed == Sealed::default() {
        return format!("Nothing is sealed under the configured master key any more; all is under {new}.\n");
    }
    let Sealed { keys, client_secrets } = resealed;
    format!("Sealed anew under the master key {new}: keys {keys}, client secrets {client_secrets}.\n")
}

fn what_to_do_next(keys: &settings::Keys) -> String {
    let place = match &keys.master_key_file {
        Some(path) if keys.master_key.is_none() => format!("{} (mode 600)", path.display()),
        _ => "keys.master_key".to_owned(),
    };
    format!(
        "Now put the new key in the place of the old one, {place}, on every node, and restart each. Keep the old one \
         with the backups that were made under it, and look with \"authward doctor\" afterwards.\n"
    )
}

fn master_key_file() -> impl TypedValueParser<Value = MasterKey> {
    PathBufValueParser::new().try_map(|path| MasterKey::load(&path))
}

fn parse_algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::parse(text).ok_or_else(|| "it is one of ES256, RS256, EdDSA, PS256".to_owned())
}
