//! Device marks: a browser that signed in to an account before is known again, and its attempts are counted apart.

use crate::domain::id::UserId;
use crate::domain::secret::Secret;
use crate::keys::KeysError;
use crate::sessions::guard::{Guard, Source};
use crate::web::cookies::CookieKind;
use crate::web::csrf::Binding;
use crate::web::extract::Edge;

/// Where an attempt on the account of `user` comes from.
pub(super) fn source(edge: &Edge, user: Option<&UserId>) -> Result<Source, KeysError> {
    let device = user.map(|user| known_device(edge, user)).transpose()?.flatten();
    Ok(Source { address: edge.context.source, device })
}

/// The counters of an attempt on the account of somebody who is signed in.
pub(super) fn guard(edge: &Edge, user: &UserId) -> Result<Guard, KeysError> {
    Ok(Guard::new(edge.settings.limits.login, Some(user), None, &source(edge, Some(user))?))
}

/// The value of a device mark for `user`: a random id and its proof, good for this account only.
pub(super) fn mark(edge: &Edge, user: &UserId) -> Result<Secret, KeysError> {
    let id = Secret::new(crate::domain::client::hex(&edge.entropy.bytes::<8>()));
    let proof = Binding { form: "device", browser: &id, transaction: user.as_str() }.token(&edge.keys)?;
    Ok(Secret::new(format!("{}.{proof}", id.reveal())))
}

/// The id of this browser's mark, if it is one for `user`.
fn known_device(edge: &Edge, user: &UserId) -> Result<Option<Secret>, KeysError> {
    let Some(mark) = edge.cookie(CookieKind::Device) else { return Ok(None) };
    let Some((id, proof)) = mark.reveal().split_once('.') else { return Ok(None) };
    let id = Secret::new(id);
    let is_genuine =
        Binding { form: "device", browser: &id, transaction: user.as_str() }.is_met_by(proof, &edge.keys)?;
    Ok(is_genuine.then_some(id))
}
