// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Sizes as datafusion-cli reads them: a whole number and an optional unit, `512m`.

/// Bytes of a memory limit.
pub(super) fn parse_memory_limit(text: &str) -> Result<usize, String> {
    let bytes = parse_size(text, "memory pool size")?;
    usize::try_from(bytes).map_err(|_| format!("memory pool size '{text}' is too large"))
}

/// Bytes of a disk limit.
pub(super) fn parse_disk_limit(text: &str) -> Result<u64, String> {
    parse_size(text, "disk limit")
}

fn parse_size(text: &str, label: &str) -> Result<u64, String> {
    let lower = text.to_lowercase();
    let digits = lower.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = lower.split_at(digits);
    let shift = match unit {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return Err(invalid(text, label)),
    };
    if number.is_empty() {
        return Err(invalid(text, label));
    }
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| format!("{label} '{text}' is too large"))
}

fn invalid(text: &str, label: &str) -> String {
    format!("Invalid {label} '{text}', expected a whole number and b, k, m, g or t, as in '512m'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_in_either_case() {
        for (text, expected) in [
            ("5", 5),
            ("5b", 5),
            ("4k", 4 << 10),
            ("4KB", 4 << 10),
            ("20m", 20 << 20),
            ("2Gb", 2 << 30),
            ("4tb", 4 << 40),
        ] {
            assert_eq!(parse_disk_limit(text), Ok(expected));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "m",
            "-1m",
            "1.5g",
            "10x",
            "10 m",
            "99999999999999999999",
            "99999999t",
        ] {
            assert!(parse_memory_limit(text).is_err(), "{text}");
        }
        assert!(
            parse_disk_limit("99999999t")
                .unwrap_err()
                .contains("too large")
        );
    }
}
