.PHONY: install check test run site wheel lock licences
PYTHON ?= python

install:
	$(PYTHON) -m pip install -r requirements.txt -r requirements-dev.txt

check:
	ruff format --check .
	ruff check .
	mypy
	lint-imports

test:
	$(PYTHON) -m pytest

run:
	$(PYTHON) -m streamlit run app.py

site:
	rm -rf docs/reference docs/_build
	$(PYTHON) -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build

wheel:
	$(PYTHON) scripts/check_wheel.py

lock:
	$(PYTHON) -m uv pip compile --quiet --universal --generate-hashes --upgrade --custom-compile-command "make lock" \
		--output-file requirements.lock requirements.txt

licences:
	$(PYTHON) scripts/licences.py
