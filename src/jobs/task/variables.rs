//! Environment variables: which names a job may use, and what must not be their value.

use crate::jobs::problem::Problem;
use crate::jobs::yaml::Path;

/// Variables no job may set: they change what program runs, or pretend to be ECS's or ours.
const RESERVED: [&str; 6] =
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "NODE_OPTIONS", "PATH"];
const RESERVED_PREFIXES: [&str; 3] = ["LONGSHORE_", "ECS_", "AWS_"];
/// Of those, the ones a job may set all the same: they select, they do not grant.
const ALLOWED: [&str; 3] = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"];

/// The variable for a template value: `VERSION_ID` for `versionId`.
pub(super) fn variable_for(name: &str) -> String {
    let mut variable = String::new();
    for c in name.trim_start_matches("parameters.").chars() {
        if c.is_ascii_uppercase() && !variable.is_empty() {
            variable.push('_');
        }
        variable.push(c.to_ascii_uppercase());
    }
    variable
}

/// Checks the name of a variable.
pub(super) fn check_variable(at: &Path, name: &str, problems: &mut Vec<Problem>) {
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        problems.push(
            Problem::error(
                at.clone(),
                format!("`{}` is no name of an environment variable", name.escape_debug()),
            )
            .remedy("use letters, digits and `_`, no digit first"),
        );
        return;
    }
    let reserved =
        RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if reserved && !ALLOWED.contains(&name) {
        problems.push(
            Problem::error(at.clone(), format!("`{name}` may not be set by a job")).remedy(
                "it decides what program runs, or belongs to ECS, AWS or longshore; set it in the \
                 image",
            ),
        );
    }
}

/// Whether a value stands there that should not be readable by everyone who reads this file.
pub(super) fn looks_secret(name: &str, value: &str) -> bool {
    const ENDINGS: [&str; 9] = [
        "PASSWORD",
        "PASSWD",
        "SECRET",
        "SECRET_KEY",
        "ACCESS_KEY",
        "API_KEY",
        "TOKEN",
        "PRIVATE_KEY",
        "CREDENTIALS",
    ];
    let name = name.to_ascii_uppercase();
    let by_name =
        ENDINGS.iter().any(|ending| name == *ending || name.ends_with(&format!("_{ending}")));
    let access_key = ["AKIA", "ASIA"].iter().any(|start| {
        value.match_indices(start).any(|(at, _)| {
            let rest: Vec<u8> = value.bytes().skip(at + 4).take(16).collect();
            rest.len() == 16 && rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        })
    });
    (by_name && !value.is_empty()) || access_key || value.contains("-----BEGIN ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_plain_text_are_noticed() {
        for (name, value, secret) in [
            ("DB_PASSWORD", "hunter2", true),
            ("password", "x", true),
            ("GITHUB_TOKEN", "ghp_x", true),
            ("CONFIG", "key=AKIAIOSFODNN7EXAMPLE", true),
            ("CERT", "-----BEGIN RSA PRIVATE KEY-----", true),
            ("DB_PASSWORD", "", false),
            ("TOKEN_TTL", "30", false),
            ("DB_HOST", "db", false),
        ] {
            assert_eq!(looks_secret(name, value), secret, "{name}={value}");
        }
    }
}
