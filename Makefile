# The work is done by the scripts in Deploy/Local; docs/operating.md says what each target can be told.
.PHONY: setup run stop test faults check format lint bench bench-drivers bench-log rolling sanitize clean

SWIFT_FOLDERS = Package.swift Services Shared Tests

setup:
	Deploy/Local/setup build run test

run:
	@Deploy/Local/setup build run
	@exec Deploy/Local/run

stop:
	@Deploy/Local/stop

test:
	@Deploy/Local/setup build run test
	@exec Deploy/Local/test

faults:
	@Deploy/Local/setup build run test
	swift build
	@exec Deploy/Local/faults $(FAULTS)

check: lint
	@exec Deploy/Local/check

format:
	swift format -i -r $(SWIFT_FOLDERS)

lint:
	swift format lint -s -r $(SWIFT_FOLDERS)

bench:
	@Deploy/Local/setup build run bench
	swift build -c release --product switchboard-load
	@exec Deploy/Local/bench $(BENCH)

bench-drivers:
	@Deploy/Local/setup build run bench
	swift build -c release --product switchboard-load
	@exec Deploy/Local/bench-drivers

bench-log:
	@Deploy/Local/setup build run bench
	swift build -c release --product switchboard-load
	swift build -c release --product embedded-log
	@exec Deploy/Local/bench-log $(BENCH)

rolling:
	@Deploy/Local/setup build run bench
	swift build -c release --product switchboard-load
	@exec Deploy/Local/rolling keep=1 $(ROLLING)

sanitize:
	@Deploy/Local/setup build run test sanitize
	@exec Deploy/Local/sanitize

clean:
	rm -rf .build .build-* .venv
