// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The nearest of several names, for the suggestion in an error.

use datafusion::common::utils::datafusion_strsim::levenshtein;

/// The candidate that `wanted` was most likely meant to be: equal but for case, or within an edit
/// distance of a third of its length (at least one, at most three).
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let limit = (wanted.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// What stands behind an unknown name in an error: the nearest candidate, or nothing.
pub(crate) fn did_you_mean<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(wanted, candidates).map_or_else(String::new, |name| {
        format!(" (did you mean {}?)", super::quoted_name(name))
    })
}

/// The end of an error about an unknown name: the nearest existing one, else all that exist, else
/// that there is none. `plural` names what the candidates are.
pub(crate) fn suggestion(wanted: &str, candidates: &[String], plural: &str) -> String {
    const LISTED: usize = 10;
    if let Some(name) = nearest(wanted, candidates.iter().map(String::as_str)) {
        return format!("did you mean {}?", super::quoted_name(name));
    }
    if candidates.is_empty() {
        return format!("there are no {plural}");
    }
    let mut sorted: Vec<&str> = candidates.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let more = if sorted.len() > LISTED { ", …" } else { "" };
    sorted.truncate(LISTED);
    format!("{plural}: {}{more}", sorted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_close_or_nothing() {
        assert_eq!(nearest("drivr", ["customer", "driver"]), Some("driver"));
        assert_eq!(nearest("DRIVER", ["driver"]), Some("driver"));
        assert_eq!(nearest("x", ["driver"]), None);
        assert_eq!(nearest("", ["driver"]), None);
    }

    #[test]
    fn an_unknown_name_is_answered_by_the_nearest_or_all() {
        let names = vec!["driver".to_owned(), "Customer".to_owned()];
        assert_eq!(
            suggestion("drver", &names, "entities"),
            "did you mean driver?"
        );
        assert_eq!(
            suggestion("customer", &names, "entities"),
            "did you mean \"Customer\"?"
        );
        assert_eq!(
            suggestion("zzzzz", &names, "entities"),
            "entities: Customer, driver"
        );
        assert_eq!(
            suggestion("zzzzz", &[], "entities"),
            "there are no entities"
        );
    }
}
