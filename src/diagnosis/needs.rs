//! Which services a task must reach before its program runs.

use std::collections::BTreeMap;

use super::Source;
use super::evidence::{Definition, Evidence, Subject};
use super::reach::{Destination, Service};

/// An image's reference, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageName<'t> {
    /// The registry's host.
    pub(crate) host: &'t str,
    /// The repository in it.
    pub(crate) repository: &'t str,
    /// Account and region, where the registry is ECR's.
    pub(crate) ecr: Option<(&'t str, &'t str)>,
}

/// Docker Hub, which names without a host mean.
const DOCKER_HUB: &str = "registry-1.docker.io";

impl<'t> ImageName<'t> {
    /// Reads `HOST/REPOSITORY:TAG`, `HOST/REPOSITORY@DIGEST` and Docker Hub's short names.
    pub(crate) fn of(reference: &'t str) -> Self {
        let (host, rest) = match reference.split_once('/') {
            // Docker's own rule: what looks like no host is the beginning of the repository.
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => (DOCKER_HUB, reference),
        };
        let host = if host == "docker.io" { DOCKER_HUB } else { host };
        let repository = rest.split('@').next().unwrap_or(rest);
        let repository = match repository.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => repository,
        };
        Self { host, repository, ecr: ecr(host) }
    }
}

/// Account and region of a private registry of ECR's:
/// `123456789012.dkr.ecr.eu-west-1.amazonaws.com`, or `123456789012.dkr-ecr.eu-west-1.on.aws`.
fn ecr(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once('.')?;
    let rest = ["dkr.ecr.", "dkr-ecr.", "dkr.ecr-fips.", "dkr-ecr-fips."]
        .iter()
        .find_map(|kind| rest.strip_prefix(kind))?;
    let region = rest.split('.').next()?;
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    is_account.then_some((account, region))
}

/// Which service keeps a secret, by how a task definition names it: an ARN of Secrets Manager's, or
/// the ARN or name of a parameter.
pub(super) fn keeper(secret: &str) -> Service {
    if secret.contains(":secretsmanager:") { Service::SecretsManager } else { Service::Ssm }
}

/// The services, each once, where AWS's own are in the task's region unless they say otherwise.
pub(super) fn services(
    evidence: &Evidence,
    subject: &Subject,
    definition: &Definition,
) -> Vec<Destination> {
    let here = evidence.region.as_str();
    let mut needed = BTreeMap::new();
    let mut need = |service: Service, region: &str, host: Option<String>| {
        let mut to = Destination::new(service, region);
        to.host = host.unwrap_or(to.host);
        needed.insert((to.service.clone(), to.host.clone()), to);
    };
    for container in &definition.containers {
        let image = ImageName::of(&container.image);
        match image.ecr {
            Some((_, region)) => {
                // Under its dual-stack name an image comes from dual-stack hosts throughout.
                let dual = image.host.ends_with(".on.aws");
                let api = dual.then(|| format!("api.ecr.{region}.api.aws"));
                let layers = dual.then(|| format!("s3.dualstack.{region}.amazonaws.com"));
                need(Service::EcrApi, region, api);
                need(Service::EcrDkr, region, Some(image.host.to_owned()));
                need(Service::S3, region, layers);
            }
            None => need(Service::Host(image.host.to_owned()), here, None),
        }
        for secret in &container.secrets {
            need(keeper(secret), here, None);
            let own_key = evidence.secrets.get(secret).is_some_and(
                |source| matches!(source, Source::Seen(Some(secret)) if secret.key.is_some()),
            );
            if own_key {
                need(Service::Kms, here, None);
            }
        }
        if let Some(logs) = &container.logs {
            need(Service::Logs, &logs.region, None);
        }
    }
    if subject.enable_execute_command {
        need(Service::SsmMessages, here, None);
    }
    needed.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart_as_docker_does() {
        let ecr = Some(("123456789012", "eu-west-1"));
        for (reference, host, repository, account) in [
            ("alpine", DOCKER_HUB, "alpine", None),
            ("alpine:3.20", DOCKER_HUB, "alpine", None),
            ("acme/report:1", DOCKER_HUB, "acme/report", None),
            ("docker.io/acme/report", DOCKER_HUB, "acme/report", None),
            ("ghcr.io/acme/report@sha256:ab", "ghcr.io", "acme/report", None),
            ("localhost:5000/report", "localhost:5000", "report", None),
            ("public.ecr.aws/acme/report:1", "public.ecr.aws", "acme/report", None),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/report:1",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "team/report",
                ecr,
            ),
            (
                "123456789012.dkr-ecr.eu-west-1.on.aws/report:1@sha256:ab",
                "123456789012.dkr-ecr.eu-west-1.on.aws",
                "report",
                ecr,
            ),
        ] {
            let expected = ImageName { host, repository, ecr: account };
            assert_eq!(ImageName::of(reference), expected, "{reference}");
        }
    }
}
