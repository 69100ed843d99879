//! `image` and `image-platform`.

use super::{Look, source};
use crate::diagnosis::evidence::{ContainerDefinition, Definition};
use crate::diagnosis::needs::ImageName;
use crate::diagnosis::{Check, Finding, Unseen};

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    definition.containers.iter().flat_map(|container| of(look, definition, container)).collect()
}

fn of(look: Look<'_>, definition: &Definition, container: &ContainerDefinition) -> Vec<Finding> {
    let reference = &container.image;
    let subject = look.about(reference);
    let name = ImageName::of(reference);
    let image = match source(&look.evidence.images, reference, "images") {
        Ok(Some(image)) => image,
        Ok(None) => {
            let list = match name.ecr {
                Some((account, region)) => format!(
                    "push it, or correct the name; what is there:\naws ecr list-images \
                     --registry-id {account} --region {region} --repository-name {}",
                    name.repository
                ),
                None => "push it, or correct the name".to_owned(),
            };
            let sentence = format!("{} has no {reference}", name.host);
            return vec![Finding::fail(Check::Image, &subject, sentence, list)];
        }
        Err(unseen) => {
            return [Check::Image, Check::ImagePlatform]
                .map(|check| Finding::skipped(check, &subject, &unseen))
                .to_vec();
        }
    };
    let mut found = vec![match image.policy_admits {
        Some(false) => Finding::fail(
            Check::Image,
            &subject,
            format!(
                "the policy of repository {} does not let the execution role pull",
                name.repository
            ),
            format!(
                "aws ecr set-repository-policy --repository-name {} --policy-text with \
                 ecr:BatchCheckLayerAvailability, ecr:BatchGetImage and \
                 ecr:GetDownloadUrlForLayer for the role's account",
                name.repository
            ),
        ),
        Some(true) | None => Finding::ok(Check::Image, &subject, "it is in its registry"),
    }];
    found.push(match image.platforms.as_slice() {
        [] => {
            let unseen = Unseen::NotAsked("an image by itself names no platform: its layers");
            Finding::skipped(Check::ImagePlatform, &subject, &unseen)
        }
        platforms => platform(&subject, definition, platforms),
    });
    found
}

fn platform(subject: &str, definition: &Definition, platforms: &[String]) -> Finding {
    let wanted = match definition.architecture.as_str() {
        "ARM64" => "linux/arm64",
        _ => "linux/amd64",
    };
    // `linux/arm64/v8` is `linux/arm64`.
    let fits = |platform: &String| {
        platform == wanted
            || platform.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'))
    };
    let built = platforms.join(", ");
    if platforms.iter().any(fits) {
        return Finding::ok(Check::ImagePlatform, subject, format!("it was built for {wanted}"));
    }
    let other = if wanted == "linux/amd64" { "ARM64" } else { "X86_64" };
    Finding::fail(
        Check::ImagePlatform,
        subject,
        format!("it was built for {built}, and the task runs on {wanted}"),
        format!("docker buildx build --platform {wanted}, or set task.architecture: {other}"),
    )
}
