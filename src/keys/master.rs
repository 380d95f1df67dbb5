//! The master key: 32 bytes from the configuration or from a file beside an embedded database. It seals every private
//! key at rest and does nothing else.

use crate::entropy::Entropy;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

const BYTES: usize = 32;
/// A key file is 44 characters; anything longer than this is not one.
const MAX_FILE_BYTES: u64 = 1024;

/// The key that encrypts signing keys at rest. It does not print and is wiped from memory when dropped.
#[derive(Clone)]
pub struct MasterKey(Arc<Zeroizing<[u8; BYTES]>>);

/// Why there is no master key. Never contains the value.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither 43 or 44 characters of base64 nor 64 of hexadecimal.
    #[error("a master key is 32 bytes: 43 characters of base64url or 64 of hexadecimal, not {0} characters")]
    Length(usize),
    /// The right length, but a character that does not belong.
    #[error("a master key is written in base64url or hexadecimal; this one has other characters in it")]
    Encoding,
    /// All bytes are equal: a placeholder.
    #[error("this master key is a placeholder: all of its bytes are the same")]
    Placeholder,
    /// Others may read the file.
    #[error("{} can be read or written by others (mode {mode:o}); it must be 600", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{} does not hold a master key: {problem}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with its content.
        problem: Box<MasterKeyError>,
    },
    /// The file cannot be read or made.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl MasterKey {
    /// Reads 32 bytes written in base64, base64url (with or without padding) or hexadecimal; blanks around it are
    /// ignored.
    ///
    /// # Errors
    /// [`MasterKeyError::Length`], [`MasterKeyError::Encoding`], [`MasterKeyError::Placeholder`].
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let decoded = match text.len() {
            64 => decode_hex(text),
            43 => URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok(),
            44 => URL_SAFE.decode(text).or_else(|_| STANDARD.decode(text)).ok(),
            _ => return Err(MasterKeyError::Length(text.chars().count())),
        };
        let decoded = Zeroizing::new(decoded.ok_or(MasterKeyError::Encoding)?);
        let bytes: [u8; BYTES] = decoded.as_slice().try_into().map_err(|_| MasterKeyError::Encoding)?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(MasterKeyError::Placeholder);
        }
        Ok(Self(Arc::new(Zeroizing::new(bytes))))
    }

    /// A new random key.
    pub fn generate(entropy: &Entropy) -> Self {
        Self(Arc::new(Zeroizing::new(entropy.bytes())))
    }

    /// The key in the file at `path`; where there is none, a new one is made there, readable by its owner only. Several
    /// processes may do this at once: all get the same key.
    ///
    /// # Errors
    /// [`MasterKeyError::Exposed`] when group or others may touch the file, [`MasterKeyError::File`] when it holds
    /// something else, [`MasterKeyError::Io`].
    pub fn load_or_create(path: &Path, entropy: &Entropy) -> Result<Self, MasterKeyError> {
        let io_error = |error| MasterKeyError::Io { path: path.to_owned(), error };
        if let Some(key) = Self::find(path)? {
            return Ok(key);
        }
        Self::generate(entropy).create(path, entropy).map_err(io_error)?;
        Self::load(path)
    }

    /// The key in the file at `path`, which must be there.
    ///
    /// # Errors
    /// As [`MasterKey::load_or_create`].
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no such file");
        Self::find(path)?.ok_or_else(|| MasterKeyError::Io { path: path.to_owned(), error: missing() })
    }

    /// The key in the file at `path`; `None` when there is no such file.
    ///
    /// # Errors
    /// As [`MasterKey::load_or_create`].
    pub fn find(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        let io_error = |error| MasterKeyError::Io { path: path.to_owned(), error };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(error)),
        };
        refuse_exposed(path, &file.metadata().map_err(io_error)?)?;
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(io_error)?;
        match Self::parse(&text) {
            Ok(key) => Ok(Some(key)),
            Err(problem) => Err(MasterKeyError::File { path: path.to_owned(), problem: Box::new(problem) }),
        }
    }

    /// A short public identifier, stored beside what is sealed: 11 characters base64url.
    pub fn id(&self) -> String {
        Self::id_text(&self.id_bytes())
    }

    pub(super) fn id_text(id: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(id)
    }

    /// The first 8 bytes of a labelled SHA-256: tells keys apart and says nothing about them.
    pub(super) fn id_bytes(&self) -> [u8; 8] {
        let digest: [u8; 32] =
            Sha256::new().chain_update(b"authward master key id\0").chain_update(self.bytes()).finalize().into();
        digest[..8].try_into().expect("32 bytes have 8 first ones")
    }

    pub(super) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// Writes the key to a file that nobody else can see half-written: a temporary one, synced, then linked to its
    /// name, which fails when another process was first; theirs stays.
    fn create(&self, path: &Path, entropy: &Entropy) -> io::Result<()> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(directory)?;
        let temporary = directory.join(format!(".master-key-{}", URL_SAFE_NO_PAD.encode(entropy.bytes::<12>())));
        let linked = self.write_new(&temporary).and_then(|()| match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
        let removed = match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        linked.and(removed)?;
        File::open(directory)?.sync_all()
    }

    fn write_new(&self, path: &Path) -> io::Result<()> {
        let text = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(self.bytes())));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)
        })
        .collect()
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, metadata: &fs::Metadata) -> Result<(), MasterKeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path, _: &fs::Metadata) -> Result<(), MasterKeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_UP: [u8; 32] = {
        let mut bytes = [0; 32];
        let mut at = 0;
        while at < 32 {
            bytes[at] = 0xe0 + at as u8;
            at += 1;
        }
        bytes
    };

    #[test]
    fn base64_base64url_and_hexadecimal_give_the_same_key() {
        let hex: String = BYTES_UP.iter().map(|byte| format!("{byte:02x}")).collect();
        let forms = [
            hex.to_uppercase(),
            hex,
            URL_SAFE_NO_PAD.encode(BYTES_UP),
            URL_SAFE.encode(BYTES_UP),
            STANDARD.encode(BYTES_UP),
            format!("  {}\n", STANDARD_NO_PAD.encode(BYTES_UP)),
        ];
        for form in forms {
            assert_eq!(MasterKey::parse(&form).unwrap().bytes(), &BYTES_UP, "{form}");
        }
    }

    #[test]
    fn an_error_says_what_is_wrong_without_the_value() {
        for (text, expected) in [
            ("", "not 0 characters"),
            ("swordfish", "not 9 characters"),
            ("swordfish swordfish swordfish swordfish swo", "other characters"),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "placeholder"),
            ("zz00000000000000000000000000000000000000000000000000000000000000", "other characters"),
            ("키키키키키키키키키키키키키키aa", "other characters"),
        ] {
            let error = MasterKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("swordfish"));
        }
    }

    #[test]
    fn a_key_does_not_print() {
        let key = MasterKey::parse(&URL_SAFE_NO_PAD.encode(BYTES_UP)).unwrap();
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
        assert_eq!(key.id().len(), 11);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_is_made_once_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data").join("master.key");
        let first = MasterKey::load_or_create(&path, &Entropy::seeded(1)).unwrap();
        let second = MasterKey::load_or_create(&path, &Entropy::seeded(2)).unwrap();
        assert_eq!(first.bytes(), second.bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn processes_that_race_for_the_file_get_one_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let ids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|seed| {
                    let path = &path;
                    scope.spawn(move || MasterKey::load_or_create(path, &Entropy::seeded(seed)).unwrap().id())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_or_that_holds_something_else_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        MasterKey::load_or_create(&path, &Entropy::seeded(1)).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(MasterKey::find(&path), Err(MasterKeyError::Exposed { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(MasterKey::find(&path), Err(MasterKeyError::File { .. })));
        fs::write(&path, vec![b'a'; 4096]).unwrap();
        assert!(matches!(MasterKey::find(&path), Err(MasterKeyError::File { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(MasterKey::find(&path), Ok(None)));
        assert!(MasterKey::load(&path).unwrap_err().to_string().ends_with("master.key: there is no such file"));
    }
}
