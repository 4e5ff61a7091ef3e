"""A place for PostgreSQL that its account can reach, wherever the working copy lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.local import owner

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another account")


def _private_folder(tmp_path: Path) -> Path:
    private = tmp_path / "private"
    state_dir = private / "state"
    state_dir.mkdir(parents=True)
    private.chmod(0o700)
    return state_dir


@as_root
def test_root_chooses_an_account_without_privileges() -> None:
    chosen = owner.choose_owner({})

    assert chosen is not None
    assert chosen.uid != 0


@as_root
def test_a_private_parent_moves_the_data_outside_and_clean_removes_it(tmp_path: Path) -> None:
    state_dir = _private_folder(tmp_path)
    chosen = owner.choose_owner({})

    place = owner.reachable_dir(state_dir, chosen)

    assert not place.is_relative_to(state_dir)
    assert owner.can_enter(place, chosen)
    assert owner.reachable_dir(state_dir, chosen) == place
    owner.forget_dir(state_dir)
    assert not place.exists()


@as_root
def test_programs_copied_under_a_strict_umask_can_be_run(tmp_path: Path) -> None:
    chosen = owner.choose_owner({})
    place = owner.reachable_dir(_private_folder(tmp_path), chosen)
    program = place / "programs/bin/hello"
    try:
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        for path in (place / "programs", program.parent, program):
            path.chmod(0o700)
        assert not owner.can_run(program, chosen)

        owner.open_to_all(place / "programs")

        assert owner.can_run(program, chosen)
    finally:
        owner.forget_dir(tmp_path / "private/state")


def test_the_data_stays_inside_when_the_current_account_uses_it(tmp_path: Path) -> None:
    state_dir = _private_folder(tmp_path)

    assert owner.reachable_dir(state_dir, None) == state_dir / "postgres"


def test_a_program_that_is_missing_cannot_run(tmp_path: Path) -> None:
    assert not owner.can_run(tmp_path / "postgres", None)
