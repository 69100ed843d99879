# The two commands of the README, and what maintainers need beside them.

MOTO := target/moto/bin/moto_server

.PHONY: local test containers fuzz durability simulate replay e2e playground check deny licences release schema
.PHONY: reference pictures triggers lint-template lint-workflows bench clean

# Runs the main job on this machine: no AWS account, no SDKs.
local:
	cargo run --locked --quiet --no-default-features -- local events/s3-object-created.json

# Passes every test, with and without the default features; the AWS adapters against a moto server.
test: $(MOTO)
	cargo test --locked --no-default-features
	cargo test --locked

# Runs tasks as containers of each engine, which is installed with apt where it can be; else this says
# that it is left out.
ENGINES = podman docker
containers:
	set -e; for engine in $(ENGINES); do tests/containers/run.sh $$engine; done

# Tries more damaged input than an ordinary test does: `make fuzz CASES=100000`.
CASES = 10000
fuzz:
	PROPTEST_CASES=$(CASES) cargo test --locked --no-default-features --test it fuzz
	PROPTEST_CASES=$(CASES) cargo test --locked --no-default-features --lib

# Kills `local` and the supervisors of its tasks wherever they are: `make durability KILLS=5000`.
KILLS = 500
durability:
	DURABILITY_KILLS=$(KILLS) cargo test --locked --no-default-features --test it durability

# Runs the use cases in a world where everything goes wrong: one history for each seed, every history
# of small worlds with two deviations, every guard taken out once, and a burst of ten thousand objects.
# docs/semantics.md tells more.
SEEDS = 200000
FIRST = 0
WORLD = cargo test --locked --no-default-features --profile simulate --test world
simulate:
	SEEDS=$(SEEDS) FIRST=$(FIRST) DEVIATIONS=2 OBJECTS=10000 $(WORLD) -- --nocapture

# Runs one history again: `make replay TAPE=1:1,7:2`, as a violation prints it.
replay:
	TAPE=$(TAPE) $(WORLD) a_tape_is_run_again -- --nocapture

# A server that answers as AWS does, in an environment of its own.
$(MOTO): tests/moto/requirements.txt
	python3 -m venv --clear target/moto
	target/moto/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# Holds the dispatch function against a bare one: zip, start, first and warm invocation, memory.
bench:
	cargo build --locked --release --bin lambda
	cargo build --locked --release --manifest-path benches/bare/Cargo.toml --target-dir target/bare
	python3 -m zipfile -c target/release/lambda.zip target/release/lambda
	python3 -m zipfile -c target/bare/release/bare.zip target/bare/release/bare
	cargo bench --locked --no-default-features --bench functions

# Deploys the project with SAM onto an AWS of this machine, and holds that an object, a schedule and
# a failing job come to their verdicts there. The functions are built in release: ten minutes the
# first time.
e2e: target/ministack/installed target/sam/installed target/cargo-lambda/installed
	cargo test --locked --quiet --no-run --test it  # as `make test` builds it: the SDKs only once
	target/ministack/bin/python -B tests/e2e/run.py

# Deploys JOBS onto an AWS of this machine and leaves it there, to play with, until Ctrl-C: `make
# playground JOBS=mine.yaml`.
JOBS = tests/e2e/jobs.yaml
playground: target/ministack/installed target/sam/installed target/cargo-lambda/installed
	@echo "building longshore with AWS: ten minutes the first time"
	cargo test --locked --no-run --test it
	target/ministack/bin/python -B tests/e2e/playground.py $(JOBS)

target/%/installed: tests/e2e/%.txt
	python3 -m venv --clear target/$*
	target/$*/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# What must hold before a commit, beside the tests.
check:
	cargo fmt --check
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Takes minutes to build, once.
CARGO_DENY = target/cargo-deny-0.20.2

# Holds every dependency against deny.toml: its licence, its source, what is known against it.
deny: $(CARGO_DENY)/bin/cargo-deny
	$< --locked check

# Writes anew which crates the programs are made of, and under which licences these are.
licences: $(CARGO_DENY)/bin/cargo-deny
	{ sed '/^- /,$$d' LICENSES-THIRD-PARTY.md; $< --locked list --layout crate | sed 's/^/- /'; } > licences.new
	mv licences.new LICENSES-THIRD-PARTY.md

$(CARGO_DENY)/bin/cargo-deny:
	cargo install --locked --root $(CARGO_DENY) --version 0.20.2 cargo-deny

# Builds the functions as zips for both CPUs, with their sums, below target/releases. A CPU whose
# standard library is not installed is left out, and named.
release: target/cargo-lambda/installed
	.ci/release

# Writes the JSON Schema of jobs.yaml anew.
schema:
	cargo run --locked --quiet --no-default-features -- schema > jobs.schema.json.new
	mv jobs.schema.json.new jobs.schema.json

# Writes docs/reference.md anew, from the same types.
reference:
	cargo run --locked --quiet --no-default-features -- schema --markdown > docs/reference.md.new
	mv docs/reference.md.new docs/reference.md

# Draws docs/pictures anew, from what they are pictures of.
pictures:
	WRITE_PICTURES=1 cargo test --locked --quiet --no-default-features --test it pictures

# Writes triggers.yaml anew from jobs.yaml.
triggers:
	cargo run --locked --quiet --no-default-features -- render

# Looks at both templates with CloudFormation's own linter; needs Python, and the network once.
CFN_LINT = target/cfn-lint-1.58.0
lint-template: $(CFN_LINT)/bin/cfn-lint
	$(CFN_LINT)/bin/cfn-lint template.yaml triggers.yaml

$(CFN_LINT)/bin/cfn-lint:
	python3 -m venv $(CFN_LINT)
	$(CFN_LINT)/bin/pip install --quiet --disable-pip-version-check cfn-lint==1.58.0

# Checks the workflow of this repository, and the one that `longshore init` writes, against GitHub's
# schema, and for mistakes that let others in. Needs Python, and the network once.
WORKFLOW_LINT = target/workflow-lint-1.32.0-0.39.0
WORKFLOWS = .github/workflows/ci.yml $(WORKFLOW_LINT)/project/.github/workflows/longshore.yml
INIT = --image alpine:3.22 --cluster batch --vpc vpc-0a1b2c3d4e5f60718 --subnet-tags Type=private \
    --region eu-west-1 --schedule 'rate(1 day)' --namespace longshore
lint-workflows: $(WORKFLOW_LINT)/bin/zizmor
	cargo run --locked --quiet --no-default-features -- \
	    init $(WORKFLOW_LINT)/project --yes --force $(INIT)
	$(WORKFLOW_LINT)/bin/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(WORKFLOW_LINT)/bin/zizmor --offline --pedantic --no-progress $(WORKFLOWS)

$(WORKFLOW_LINT)/bin/zizmor:
	python3 -m venv $(WORKFLOW_LINT)
	$(WORKFLOW_LINT)/bin/pip install --quiet --disable-pip-version-check \
	    zizmor==1.32.0 check-jsonschema==0.39.0

clean:
	cargo clean
	rm -rf .longshore
