//! `keys.*`: the signing-key service.

use super::database::{Database, DatabaseKind};
use super::reader::Reader;
use crate::domain::key::Algorithm;
use crate::domain::secret::Secret;
use crate::domain::time::Lifetime;
use std::path::PathBuf;

/// `keys.*`
#[derive(Debug, Clone)]
pub struct Keys {
    /// The master key in clear, where it was given as a value.
    pub master_key: Option<Secret>,
    /// The file that holds it. Where neither was set and the database is embedded: `master.key` beside the database, which
    /// may be made when it is missing.
    pub master_key_file: Option<PathBuf>,
    /// Whether a missing `master_key_file` may be made: nobody named it.
    pub may_make_master_key: bool,
    /// Algorithms that have a key; the first signs access tokens; RS256 is among them.
    pub algorithms: Vec<Algorithm>,
    /// How long a key signs.
    pub rotate_every: Lifetime,
    /// How long the next key is published before it signs; more than `jwks_max_age`.
    pub publish_ahead: Lifetime,
    /// How long verifiers may keep the JWKS.
    pub jwks_max_age: Lifetime,
}

impl Keys {
    pub(super) fn read(reader: &mut Reader, database: &Database) -> Self {
        let master_key = reader.optional("keys.master_key", |text| Ok(Secret::new(text)));
        let named = reader.optional("keys.master_key_file", |text| Ok(PathBuf::from(text)));
        let is_embedded = database.kind() == DatabaseKind::Sqlite;
        if master_key.is_some() && named.is_some() {
            reader.object("keys.master_key_file", "keys.master_key is set as well; set one of the two");
        }
        if master_key.is_none() && named.is_none() && !is_embedded {
            let what = "it is required on PostgreSQL and MySQL, the same on every node; set it or keys.master_key_file";
            reader.object("keys.master_key", what);
        }
        let may_make_master_key = master_key.is_none() && named.is_none() && is_embedded;
        let beside =
            || database.embedded_path().filter(|_| may_make_master_key).map(|path| path.with_file_name("master.key"));
        let keys = Self {
            master_key,
            master_key_file: named.or_else(beside),
            may_make_master_key,
            algorithms: read_algorithms(reader),
            rotate_every: reader.lifetime("keys.rotate_every", 3600..=63_072_000),
            publish_ahead: reader.lifetime("keys.publish_ahead", 60..=31_536_000),
            jwks_max_age: reader.lifetime("keys.jwks_max_age", 60..=86_400),
        };
        if keys.publish_ahead <= keys.jwks_max_age {
            let what = "it must be more than keys.jwks_max_age, or verifiers meet keys that they do not know";
            reader.object("keys.publish_ahead", what);
        }
        if keys.publish_ahead >= keys.rotate_every {
            reader.object("keys.publish_ahead", "it must be less than keys.rotate_every");
        }
        keys
    }
}

fn read_algorithms(reader: &mut Reader) -> Vec<Algorithm> {
    let parse =
        |text: &str| Algorithm::parse(text).ok_or_else(|| "it is none of ES256, RS256, EdDSA, PS256".to_owned());
    let mut algorithms: Vec<Algorithm> = Vec::new();
    for algorithm in reader.list("keys.algorithms", parse) {
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    if !algorithms.contains(&Algorithm::RS256) {
        let what = "RS256 is missing; it signs the ID tokens of clients that registered no algorithm";
        reader.object("keys.algorithms", what);
    }
    algorithms
}
