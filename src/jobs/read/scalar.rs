//! Which texts are numbers, and what to write in place of those that only look like one.

use super::error::shorten;

/// Plain decimal digits: anything else that YAML takes for a number means different things to
/// different readers.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_padded = digits.len() > 1 && digits.starts_with('0');
    !digits.is_empty() && !is_padded && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Decimal digits with a fraction or an exponent.
pub(super) fn is_float(text: &str) -> bool {
    let (whole, rest) =
        text.split_at_checked(text.find(['.', 'e', 'E']).unwrap_or(text.len())).unwrap_or_default();
    let ends_in_digit = text.ends_with(|c: char| c.is_ascii_digit());
    let begins_fraction =
        rest.strip_prefix('.').is_none_or(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_integer(whole) && ends_in_digit && begins_fraction && text.parse::<f64>().is_ok()
}

/// What to write in place of a text that some reader of YAML takes for a whole number.
pub(super) fn integer_remedy(text: &str) -> Option<String> {
    let unsigned = text.trim_start_matches(['-', '+']);
    let lower = unsigned.to_ascii_lowercase();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let ungrouped = unsigned.replace('_', "");
    if is_integer(text) {
        None
    } else if ["0x", "0o", "0b"].iter().any(|prefix| lower.starts_with(prefix)) {
        Some("write it in decimal digits".to_owned())
    } else if is_digits(unsigned) && unsigned.starts_with('0') && unsigned.len() > 1 {
        Some("it looks octal: write it without the leading zero".to_owned())
    } else if is_digits(unsigned) {
        Some(format!("write {} without a sign", shorten(unsigned)))
    } else if is_digits(&ungrouped) {
        Some(format!("write {} without underscores", shorten(&ungrouped)))
    } else if is_digits(&unsigned.chars().take(1).collect::<String>())
        && unsigned.parse::<f64>().is_ok()
    {
        Some("write it in digits, without a fraction or an exponent".to_owned())
    } else {
        None
    }
}
