"""Wrong usage: one line that says what to do, exit status 4, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_world import IDEAL, Cli, cli

from bookproof import __version__
from bookproof.cli.main import COMMANDS, bookproof

__all__ = ["cli"]

RUN = ("run", "--dialect", "kraken-v2", "--client")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("rnu",), "there is no command 'rnu' (did you mean 'run'?)"),
        (("frobnicate",), "there is no command 'frobnicate' (known: adapter, fuzz, "),
        (("run", "--clinet", "x"), "No such option '--clinet'"),
        (("run", "--dialect", "kraken-v2"), "Missing option '--client'"),
        (("run", "--client", "python", "a.py", "--dialect", "kraken-v2"), 'quotes: --client "python a.py"'),
        (("replay", "--client", "python", "a.py", "f.yaml"), 'quotes: --client "python a.py f.yaml"'),
        (("run", "--client", "x"), "which dialect? (--dialect, once or more: binance-spot, kraken-v2, mexc-v3)"),
        (("run", "--client", "x", "--case", "book/gap/*"), "which dialect? (--dialect, once or more"),
        (("run", "--client", "x", "--case", "kraken/book/gap/*"), "did you mean --case kraken-v2/book/gap/*?"),
        (("run", "--client", "x", "--case", "binance-spot/book/gap/singel"), "no case matches 'binance-spot/"),
        (("run", "--dialect", "kraken-v3", "--client", "x"), "unknown dialect 'kraken-v3' (did you mean 'kraken-v2'?)"),
        ((*RUN, "x", "--jobs", "0"), "'--jobs'"),
        ((*RUN, "x", "--jobs", "many"), "'many'"),
        ((*RUN, "x", "--time-scale", "0"), "'--time-scale'"),
        ((*RUN, "x", "--seed", "one"), "'one'"),
        ((*RUN, "x", "--scenarios", "nowhere"), "nowhere: there is no such file"),
        ((*RUN, "x", "--scenarios", "."), "no scenario under '.'"),
        ((*RUN, "x", "--case", "book/gap/singel"), "no case matches 'book/gap/singel' (did you mean 'book/gap/single'?)"),
        ((*RUN, ""), "the client command is empty"),
        ((*RUN, "'"), "cannot be split"),
        ((*RUN, "python:module"), "names no adapter class (expected python:package.module:Class"),
        (("list", "cakes"), "'cakes' is not one of 'cases', 'dialects', 'faults', 'rules'"),
        (("list", "rules", "--dialect", "krakn-v2"), "did you mean 'kraken-v2'?"),
        (("scenario", "chekc"), "chekc"),
        (("scenario", "check"), "Missing argument 'FILE...'"),
        (("replay", "--client", "x"), "Missing argument 'FILE'"),
        (("replay", "nowhere.yaml", "--client", "x"), "nowhere.yaml: there is no such file"),
        (("serve",), "Missing option '--dialect'"),
        (("serve", "--dialect", "kraken-v2", "--port", "99999"), "'--port'"),
        (("serve", "--dialect", "kraken-v2", "--profile", "sleepy"), "'sleepy' is not one of"),
        (("selftest", "--mutant", "merges-snapshots"), "unknown mutant 'merges-snapshots' (did you mean 'merges-snapshot'?)"),
        (("adapter", "check", "--client", "./nothing"), "the client command was not found: './nothing'"),
    ],
)  # fmt: skip
def test_mistakes(cli: Cli, args: tuple[str, ...], said: str) -> None:
    found = cli(*args)
    assert found.status == 4
    assert found.out == ""
    lines = found.err.splitlines()
    assert lines[0].startswith("bookproof: ")
    assert said in lines[0]
    assert all(line.startswith(("Usage:", "Help:")) for line in lines[1:])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--known-failures", "nowhere.yaml"), "cannot read the known-failures file 'nowhere.yaml': No such file"),
        (("--known-failures", "broken.yaml"), "broken.yaml:1:"),
        (("--update-known-failures",), "--update-known-failures needs --known-failures FILE"),
        (("--report", "broken.yaml"), "is a file"),
        (("--report", "/proc/nothing"), "cannot write a report into '/proc/nothing'"),
        (("--reporter", "junitt=x.xml"), "unknown reporter 'junitt' (did you mean 'junit'?)"),
        (("--reporter", "junit"), "there is no place for junit.xml (give --report DIR"),
        (("--reporter", "json=no/where.json"), "there is no folder 'no'"),
        (("--case", "own/nothing"), "no case matches 'own/nothing'"),
        (("--dialect", "binance-spot", "--case", "mexc*"), "no case matches 'mexc*'"),
    ],
)
def test_mistakes_of_a_run_are_found_before_anything_runs(cli: Cli, args: tuple[str, ...], said: str) -> None:
    Path("broken.yaml").write_text("{")
    found = cli(*RUN, "./never-run", "--scenarios", cli.scenario(), *args)
    assert (found.status, found.out) == (4, "")
    assert said in found.err.splitlines()[0]


def test_only_slow_cases(cli: Cli) -> None:
    found = cli(*RUN, "x", "--scenarios", cli.scenario("slow", slow=True), "--case", "own/s*")
    assert (found.status, found.err) == (
        4,
        "bookproof: only slow cases match (kraken-v2/own/slow) (add --slow)\n",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("script: [", "x.scenario.yaml:1:"),
        ("id: own/x\n", "title"),
        ("id: own/x\ntitle: T\npurpose: P\nrules: [a]\nscript: [{fault: dorp}]\n", "dorp"),
        ("id: own/x\ntitle: T\npurpose: P\nrules: [a]\nscript: [{snd: 3}]\n", "snd"),
        ("id: own/x\ntitle: T\npurpose: P\nrules: [a]\nscript: [sync]\nfoo: 1\n", "foo"),
        ("id: own/x\ntitle: T\npurpose: P\nrules: [no-such-rule]\nscript: [sync]\n", "no-such-rule"),
    ],
)
def test_broken_scenarios(cli: Cli, text: str, said: str) -> None:
    Path("x.scenario.yaml").write_text(text)
    for args in ((*RUN, "x", "--scenarios", "x.scenario.yaml"), ("replay", "x.scenario.yaml", "--client", "x")):
        found = cli(*args)
        assert (found.status, found.out) == (4, "")
        assert said in found.err
        assert len(found.err.splitlines()) == 1


def test_a_client_that_cannot_be_found_is_said_once_and_in_the_report(cli: Cli) -> None:
    Path("plain").write_text("#!/bin/sh\n")
    scenario = cli.scenario()
    for client, said in (
        ("./nothing", "the client command was not found: './nothing'"),
        ("no-such-program", "was not found: 'no-such-program' (is it installed, and on PATH?)"),
        ("./plain", "is not executable: './plain' (chmod +x plain)"),
        ("./scenarios", "is a directory"),
    ):
        found = cli(*RUN, client, "--scenarios", scenario, "--report", "out")
        assert found.status == 4
        assert said in found.out
        assert found.out.splitlines()[-2] == "exit status 4: wrong usage, or a file that cannot be used"
        assert said.split(":")[0] in Path("out/report.json").read_text()


def test_nothing_at_all_shows_the_help(cli: Cli) -> None:
    for args in ((), ("scenario",)):
        found = cli(*args)
        assert (found.status, found.out) == (4, "")
        assert found.err.startswith("Usage: bookproof")
        assert "Commands:" in found.err


def test_help_and_version(cli: Cli) -> None:
    found = cli("--version")
    assert found == (0, f"bookproof {__version__}\n", "")
    found = cli("-h")
    assert found.status == 0
    for name, (_, text) in COMMANDS.items():
        assert f"  {name}" in found.out
        assert text in found.out


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_a_help_that_explains_all_its_options(cli: Cli, name: str) -> None:
    import click

    found = cli(name, "--help")
    assert found.status == 0
    assert found.err == ""
    with click.Context(bookproof) as context:
        command = bookproof.get_command(context, name)
    assert command is not None
    commands = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for each in commands:
        assert each.help
        for parameter in each.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)


def test_hostile_arguments_steer_no_terminal(cli: Cli) -> None:
    found = cli("run", "--dialect", "\x1b[31mkraken\n", "--client", IDEAL)
    assert found.status == 4
    assert "\x1b" not in found.err
