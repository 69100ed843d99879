//! The shapes of names that a task refers to: images, task definitions, containers, ARNs.

/// An ARN of one of these services.
pub(super) fn is_arn(text: &str, services: &[&str]) -> bool {
    let mut parts = text.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next().is_some_and(|service| services.contains(&service))
        && parts.nth(1).is_some()
        && parts.next().is_some_and(|resource| !resource.is_empty() && !resource.contains(' '))
}

/// The ARN of an IAM role: of an account, and with a name.
pub(super) fn is_role(arn: &str) -> bool {
    let account = arn.split(':').nth(4).unwrap_or_default();
    is_arn(arn, &["iam"])
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && arn.split(':').nth(5).is_some_and(|name| name.len() > 5 && name.starts_with("role/"))
}

/// A container's name, or a family's.
pub(super) fn is_container_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// The shape of an image reference: no spaces, no scheme, lower-case repository.
pub(super) fn is_image(image: &str) -> bool {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let digest_is_right = digest.is_none_or(|digest| {
        digest.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    });
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    };
    let tag_is_right = tag.is_none_or(|tag| {
        (1..=128).contains(&tag.len())
            && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    });
    let segment_is_right = |segment: &str| {
        !segment.is_empty()
            && segment
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-:".contains(c))
    };
    !image.is_empty()
        && digest_is_right
        && tag_is_right
        && repository.split('/').all(segment_is_right)
}

/// A family, `family:revision`, or the ARN of one.
pub(super) fn is_task_definition(text: &str) -> bool {
    let name = match text.strip_prefix("arn:") {
        Some(_) if is_arn(text, &["ecs"]) => match text.split_once(":task-definition/") {
            Some((_, name)) => name,
            None => return false,
        },
        Some(_) => return false,
        None => text,
    };
    let (family, revision) = match name.split_once(':') {
        Some((family, revision)) => (family, Some(revision)),
        None => (name, None),
    };
    let revision_is_right = revision
        .is_none_or(|digits| digits.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == digits));
    is_container_name(family) && revision_is_right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_what_only_looks_like_them() {
        let digest = format!("alpine@sha256:{}", "a".repeat(64));
        for image in [
            "alpine",
            "alpine:3.22",
            "localhost:5000/a/b:1",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/report:1.4.2",
            &digest,
        ] {
            assert!(is_image(image), "{image}");
        }
        for image in ["", "Alpine", "a b", "https://x/y", "alpine:", "a//b", "alpine@sha256:abc"] {
            assert!(!is_image(image), "{image}");
        }
        for text in [
            "thumbnailer",
            "thumbnailer:7",
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/thumbnailer:7",
        ] {
            assert!(is_task_definition(text), "{text}");
        }
        for text in [
            "",
            "*",
            "thumbnailer:0",
            "thumbnailer:latest",
            "arn:aws:ecs:eu-west-1:123456789012:cluster/x",
        ] {
            assert!(!is_task_definition(text), "{text}");
        }
    }
}
