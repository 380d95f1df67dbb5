//! `authward export`

use super::apply::LARGEST;
use super::apply::export::Exported;
use super::output;
use super::{Context, Failure, open};
use clap::{Args, ValueEnum};

/// Print everything that is stored as one document.
///
/// It is the document that "authward apply" takes: applying what was exported changes nothing. Users (with their
/// subjects, claims and roles), clients, resources, registration and the words of scopes are in it; sessions, tokens,
/// consents and keys are not.
///
/// Without --secrets there are no password hashes, client secrets and initial access tokens in it. Where such a document
/// is applied, those that are stored stay; a confidential client that is not stored there yet needs a client_secret.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Also print password_hash, client_secret_hash and token_hash. Keep the output as you keep the database.
    #[arg(long)]
    secrets: bool,
    /// How the document is written.
    #[arg(long, value_enum, default_value_t)]
    format: Notation,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Notation {
    /// For people.
    #[default]
    Yaml,
    /// For programs.
    Json,
}

impl Export {
    pub(super) async fn run(&self, context: &Context) -> Result<(), Failure> {
        let store = open::existing_store(context).await?;
        let exported = Exported::read(&store, self.secrets).await.map_err(Failure::work)?;
        let text = match self.format {
            Notation::Yaml => exported.to_yaml(),
            Notation::Json => serde_json::to_string_pretty(&exported).map_err(Failure::work)? + "\n",
        };
        if text.len() > LARGEST {
            output::complain("the document is larger than \"authward apply\" takes at once: divide its users");
        }
        output::print(&text)
    }
}
