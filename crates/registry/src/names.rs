// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What may be a name.

use crate::error::{Error, Result};

/// Checks the name of an entity, a data source or a feature service.
pub(crate) fn check(kind: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid(format!(
            "the {kind} has no name; give it one"
        )));
    }
    Ok(())
}

/// Checks the name of a feature view: `:` and `@` have a meaning in feature references.
pub(crate) fn check_view(name: &str) -> Result<()> {
    check("feature view", name)?;
    match name.chars().find(|c| matches!(c, ':' | '@')) {
        None => Ok(()),
        Some(found) => Err(Error::invalid(format!(
            "the feature view name '{name}' contains '{found}', which has a meaning in feature \
             references such as 'view:feature'; leave it out"
        ))),
    }
}

/// Checks the name of a project, by Feast's rule.
pub(crate) fn check_project(name: &str) -> Result<()> {
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.starts_with(['_', '-']) || !name.chars().all(legal) {
        return Err(Error::invalid(format!(
            "the project name '{name}' is not one of Feast's: use letters, digits, '_' and '-', \
             and begin with a letter or a digit"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_follow_feasts_rule() {
        for name in ["a", "1", "größe", "a_b-c", "日本"] {
            check_project(name).unwrap();
        }
        for name in ["", "_a", "-a", "a b", "a.b", "a:b", "a/b"] {
            assert!(check_project(name).is_err(), "{name}");
        }
    }

    #[test]
    fn view_names_leave_room_for_references() {
        check_view("a.b c").unwrap();
        for name in ["", " ", "a:b", "a@v2"] {
            assert!(check_view(name).is_err(), "{name}");
        }
    }
}
