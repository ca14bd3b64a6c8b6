.PHONY: install check test run
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
