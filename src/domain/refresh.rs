//! Refresh token families and the one rule by which their tokens change.
//!
//! A family is one row. Its tokens are derived from it, not stored: `family . generation . attempt . HMAC`. What a
//! presented token means is decided by [`decide`], a pure function whose whole state space a test explores.

use super::id::{ClientId, FamilyId, GrantId, KeyId, UserId};
use super::scope::ScopeSet;
use super::time::{Lifetime, Timestamp};

/// Whether the tokens of a family change at each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Each use gives a successor (RFC 9700 §4.14.2).
    Rotated,
    /// The token stays: its client authenticates itself or is bound to a key.
    Kept,
}

/// A refresh token family, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshTokenFamily {
    /// Its identifier, the first part of its tokens.
    pub id: FamilyId,
    /// The grant it hangs on.
    pub grant_id: GrantId,
    /// Whom its tokens were issued to.
    pub client_id: ClientId,
    /// On whose behalf.
    pub user_id: UserId,
    /// What was granted; never widened, and never shrunk by a narrower request (RFC 6749 §6).
    pub scopes: ScopeSet,
    /// 32 random bytes that enter every HMAC of this family.
    pub salt: [u8; 32],
    /// The refresh key that its HMACs are made with.
    pub key_id: KeyId,
    /// Whether tokens change.
    pub rotation: Rotation,
    /// Where it stands.
    pub position: Position,
    /// When the first token was issued.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// When it ends unless it is used again.
    pub idle_expires_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Where a family stands: which token is the current one, and which one it replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// How often the token was rotated; from 0.
    pub generation: i64,
    /// How often this generation was issued again because its answer was lost; from 0.
    pub attempt: i64,
    /// The attempt of generation - 1 that was rotated into this generation; 0 while generation is 0.
    pub previous_attempt: i64,
    /// When the current token was last given out: at the rotation, or again to a retry.
    pub rotated_at: Timestamp,
}

/// The part of a token that says which one it is. Its HMAC was checked before anybody looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Presented {
    /// Generation of the token.
    pub generation: i64,
    /// Attempt of the token.
    pub attempt: i64,
}

/// What a presented token means, and where the family stands afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The current token of a family that does not rotate: it stays.
    Kept,
    /// The current token: the family moves to the next generation.
    Rotated(Position),
    /// The token that the current one replaced, again within the retry window (two tabs, parallel calls, a retry): the
    /// very same successor is the answer. It was given out now, so the window begins anew; within the same second the
    /// position is the stored one and there is nothing to write.
    Repeated(Position),
    /// The token that the current one replaced, later: the answer was lost. Same generation, next attempt; the
    /// successor that nobody used is dead from here on.
    Reissued(Position),
    /// Anything else: the token was used by somebody else, or is older than the one allowed retry. The family and its
    /// access tokens are dead.
    Replayed,
}

/// Decides what `presented` means to a family that stands at `position` (RFC 9700 §4.14.2).
///
/// `retry_window`: how long after the current token was last given out the replaced one still gives the very same
/// successor. If the window began at the rotation only, two tabs that retry around its end could be given different
/// tokens, the older of which is dead, and the storage they share may keep that one. A clock that went backwards counts as
/// within the window.
pub fn decide(
    rotation: Rotation,
    position: Position,
    presented: Presented,
    now: Timestamp,
    retry_window: Lifetime,
) -> Decision {
    let is_current = presented == Presented { generation: position.generation, attempt: position.attempt };
    if rotation == Rotation::Kept {
        return if is_current { Decision::Kept } else { Decision::Replayed };
    }
    if is_current {
        return Decision::Rotated(Position {
            generation: position.generation + 1,
            attempt: 0,
            previous_attempt: position.attempt,
            rotated_at: now,
        });
    }
    let is_replaced = position.generation > 0
        && presented == Presented { generation: position.generation - 1, attempt: position.previous_attempt };
    if !is_replaced {
        return Decision::Replayed;
    }
    if now.since(position.rotated_at) <= retry_window.as_seconds() {
        Decision::Repeated(Position { rotated_at: now, ..position })
    } else {
        Decision::Reissued(Position { attempt: position.attempt + 1, rotated_at: now, ..position })
    }
}
