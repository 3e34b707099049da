//! A size of which there may be none, written as 0 then: so every field has a value in a file.

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

pub(super) fn serialize<S: Serializer>(size: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    size.unwrap_or(0).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    usize::deserialize(deserializer).map(|size| (size > 0).then_some(size))
}
