# The two commands of the README, and what maintainers need beside them.

.PHONY: local test check schema clean

# Runs the main job on this machine: no AWS account, no SDKs.
local:
	cargo run --locked --quiet --no-default-features -- local events/s3-object-created.json

# Passes every test, with and without the default features.
test:
	cargo test --locked --no-default-features
	cargo test --locked

# What must hold before a commit, beside the tests.
check:
	cargo fmt --check
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Writes the JSON Schema of jobs.yaml anew.
schema:
	cargo run --locked --quiet --no-default-features -- schema > jobs.schema.json.new
	mv jobs.schema.json.new jobs.schema.json

clean:
	cargo clean
	rm -rf .longshore
