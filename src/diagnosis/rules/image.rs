//! `image` and `image-platform`.

use super::{Look, source};
use crate::diagnosis::evidence::{ContainerDefinition, Definition, Image};
use crate::diagnosis::needs::ImageName;
use crate::diagnosis::{Check, Finding};

pub(super) fn findings(look: Look<'_>, definition: &Definition) -> Vec<Finding> {
    definition.containers.iter().flat_map(|container| of(look, definition, container)).collect()
}

fn of(look: Look<'_>, definition: &Definition, container: &ContainerDefinition) -> Vec<Finding> {
    let reference = &container.image;
    let subject = look.about(reference);
    let name = ImageName::of(reference);
    if name.ecr.is_none() && !look.evidence.images.contains_key(reference) {
        let sentence = format!(
            "{} is no private registry of ECR's: it was not asked whether it has the image, and \
             for which processor",
            name.host
        );
        return vec![Finding::open(Check::Image, &subject, sentence)];
    }
    let image = match source(&look.evidence.images, reference, "images") {
        Ok(Some(image)) => image,
        Ok(None) => {
            let sentence = format!("{} has no {reference}", name.host);
            return vec![Finding::fail(Check::Image, &subject, sentence, push_it(&name))];
        }
        Err(unseen) => {
            return [Check::Image, Check::ImagePlatform]
                .map(|check| Finding::skipped(check, &subject, &unseen))
                .to_vec();
        }
    };
    vec![
        pull(&subject, &name, image),
        match image.platforms.seen("an image's processors") {
            Ok(platforms) => platform(&subject, definition, platforms),
            Err(unseen) => Finding::skipped(Check::ImagePlatform, &subject, &unseen),
        },
    ]
}

fn push_it(name: &ImageName<'_>) -> String {
    match name.ecr {
        Some((account, region)) => format!(
            "push it, or correct the name; what is there:\naws ecr list-images --registry-id \
             {account} --region {region} --repository-name {}",
            name.repository
        ),
        None => "push it, or correct the name".to_owned(),
    }
}

/// Whether the repository's policy lets the execution role pull.
fn pull(subject: &str, name: &ImageName<'_>, image: &Image) -> Finding {
    let check = Check::Image;
    let repository = name.repository;
    match image.policy_admits.seen("repository policies") {
        Ok(Some(false)) => Finding::fail(
            check,
            subject,
            format!("the policy of repository {repository} does not let the execution role pull"),
            format!(
                "aws ecr set-repository-policy --repository-name {repository} --policy-text \
                 POLICY\nwhich allows the role's account ecr:BatchCheckLayerAvailability, \
                 ecr:BatchGetImage and ecr:GetDownloadUrlForLayer"
            ),
        ),
        Ok(Some(true) | None) => Finding::ok(check, subject, "it is in its registry"),
        Err(unseen) => {
            let seen = "it is in its registry, whether the repository's policy lets it be pulled is not \
                 known";
            Finding::partly(check, subject, seen, &unseen)
        }
    }
}

fn platform(subject: &str, definition: &Definition, platforms: &[String]) -> Finding {
    let wanted = match (definition.windows, definition.architecture.as_str()) {
        (true, _) => "windows/amd64",
        (false, "ARM64") => "linux/arm64",
        (false, _) => "linux/amd64",
    };
    // `linux/arm64/v8` is `linux/arm64`.
    let fits = |platform: &String| {
        platform == wanted
            || platform.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'))
    };
    if platforms.iter().any(fits) {
        return Finding::ok(Check::ImagePlatform, subject, format!("it was built for {wanted}"));
    }
    if platforms.is_empty() {
        let sentence = "what it was built for is nowhere named in it";
        return Finding::open(Check::ImagePlatform, subject, sentence);
    }
    let build = format!("docker buildx build --platform {wanted} ...");
    let has = |other: &str| platforms.iter().any(|platform| platform.starts_with(other));
    let remedy = match wanted {
        "linux/amd64" if has("linux/arm64") => format!("{build}, or set task.architecture: ARM64"),
        "linux/arm64" if has("linux/amd64") => format!("{build}, or set task.architecture: X86_64"),
        _ => build,
    };
    let built = platforms.join(", ");
    let sentence = format!("it was built for {built}, and the task runs on {wanted}");
    Finding::fail(Check::ImagePlatform, subject, sentence, remedy)
}
