# Two commands do everything: `make run` and `make test`. Each installs what is missing, and is quick the second time.

PYTHON ?= python3
BIN := .venv/bin
QUIETLY := --quiet --disable-pip-version-check

.PHONY: asterisk run demo test install lint assets prompts voice listen bench mutants reloads faults fuzz-api sqlmap storm clean help

##@ to use it

help: ## say what there is
	@grep -hE '^(##@|[a-z-]+:.*##)' $(MAKEFILE_LIST) | sed 's/^##@ /\n/; s/:.*## /\t/; s/^[a-z-]*\t/  &/' | expand -t 12

run: .venv/.line asterisk ## start the line, call it once, leave it running
	@$(BIN)/ivr run

demo: .venv/.line asterisk ## the same, but stop after the call; succeeds only if the right balance was heard
	@$(BIN)/ivr run --once

install: .venv/.line asterisk ## make .venv with the `ivr` command, and fetch Asterisk

voice: .venv/.voice ## let the neural voice say what nobody has recorded (0.6 to 0.9 GB of memory a language)
	$(BIN)/ivr voices --fetch

clean: ## remove what was installed and everything the line has written
	rm -rf .venv var

##@ to change it

test: .venv/.dev asterisk ## run the tests, three files at a time, real calls to a real Asterisk included
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder # in this order: the slow files, which mostly wait, come early

lint: .venv/.dev ## ruff, mypy --strict and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

assets: .venv/.line ## fetch the scripts of the console's pages anew (npm)
	@$(BIN)/python -m adapters.console.vendor

prompts: .venv/.voice ## record the prompts that are new or have changed
	$(BIN)/ivr prompts build

listen: .venv/.dev ## hear every prompt and many read-outs with a recogniser
	IVR_LISTEN_ALL=1 IVR_LISTEN=1000 $(BIN)/python -m pytest -s tests/listening

##@ to measure it, for longer than the tests do

bench: .venv/.dev asterisk ## measure the line beside a plain dialplan, and answers that hold a fresh text
	$(BIN)/python -m tests.asterisk.latency
	$(BIN)/python -m tests.asterisk.fresh_texts 30 var/voices

mutants: .venv/.dev ## load 50,000 broken flows; each must give problems, within a second
	IVR_MUTANTS=50000 $(BIN)/python -m pytest -s tests/language/test_mutants.py

reloads: .venv/.dev asterisk ## publish a thousand times, well and badly, under twenty calls
	IVR_RELOADS=1000 $(BIN)/python -m pytest -s tests/asterisk/test_reloads.py

faults: .venv/.dev asterisk ## kill 300 engines and 100 desks under calls, claims and calls back; let fifty agents share 5,000 tickets
	IVR_KILLS=300 IVR_TICKETS=5000 $(BIN)/python -m pytest -s tests/adapters/storage/test_random_kills.py \
		tests/adapters/storage/test_agent_kills.py tests/adapters/storage/test_many_agents.py tests/asterisk/test_joint_kills.py

fuzz-api: .venv/.dev ## ask the programs' side 1,000 times with data that fit, and as often with data that do not
	IVR_FUZZ=1000 $(BIN)/python -m pytest -s tests/adapters/console/test_api_fuzzed.py

sqlmap: .venv/.dev ## try every parameter of the console that reaches the database with sqlmap (a Debian package)
	$(BIN)/python -m tests.adapters.console.sqlmap 2 2

storm: .venv/.dev ## let fifty agents claim and close at once through the console, and measure
	$(BIN)/python -m tests.adapters.console.storm

.venv/bin/python:
	@sh asterisk_conf/packages.sh
	@echo "making .venv ..."
	@$(PYTHON) -m venv .venv

.venv/.line: .venv/bin/python setup.cfg
	@echo "installing selfline and what it stands on (about a minute the first time) ..."
	@$(BIN)/python -m pip install $(QUIETLY) -e '.[listen]'
	@touch $@

asterisk: .venv/bin/python
	@$(BIN)/python asterisk_conf/install.py >/dev/null

.venv/.dev: .venv/.line
	@sh asterisk_conf/packages.sh tests
	@echo "installing the test tools ..."
	@$(BIN)/python -m pip install $(QUIETLY) -e '.[listen,dev]'
	@touch $@

.venv/.voice: .venv/.line
	@echo "installing the neural voice ..."
	@$(BIN)/python -m pip install $(QUIETLY) -e '.[listen,voice]'
	@touch $@
