// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Locations as they may be shown.

/// `location` without the credentials that a URL can carry: user and password before the host, and
/// the query of an HTTP address. Paths of other schemes have no query: a `?` is part of a name.
pub(super) fn shown(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else {
        return location.to_string();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // In `container@account` of Azure's schemes the part before the `@` is no secret.
    let azure = matches!(scheme, "abfs" | "abfss" | "wasb" | "wasbs");
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) if !azure || user.contains(':') => host,
        _ => authority,
    };
    let path = match scheme {
        "http" | "https" => path.split_once('?').map_or(path, |(path, _)| path),
        _ => path,
    };
    format!("{scheme}://{authority}{path}")
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn credentials_are_left_out() {
        for (location, expected) in [
            ("/w/t/m.avro", "/w/t/m.avro"),
            ("s3://b/t/a=1@x/m?.avro", "s3://b/t/a=1@x/m?.avro"),
            ("s3://key:secret@b/t/m.avro", "s3://b/t/m.avro"),
            ("https://u:p@h/m.avro?sig=secret", "https://h/m.avro"),
            (
                "abfss://c@a.dfs.core.windows.net/m",
                "abfss://c@a.dfs.core.windows.net/m",
            ),
            ("abfss://c:k@a/m", "abfss://a/m"),
        ] {
            assert_eq!(shown(location), expected);
        }
    }
}
