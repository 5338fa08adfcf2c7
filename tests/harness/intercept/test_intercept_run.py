"""``run --intercept`` from outside: unmodified programs with the venue's address in them meet the mock exchange."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bookproof.cli import main
from bookproof.cli.options import dialects_named
from bookproof.intercept.interception import Interception
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError

PROGRAMS = Path(__file__).parent / "programs"
PROGRAM = [sys.executable, str(PROGRAMS / "hard_coded.py")]


def adapter(numbers: str, *command: str) -> str:
    return " ".join([sys.executable, str(PROGRAMS / "adapter.py"), numbers, *command])


def run(client: str, *cases: str, scale: float = 0.4) -> tuple[int, dict[str, str]]:
    """The exit status and each case's verdict."""
    words = ["run", "--intercept", "--client", client, "--dialect", "kraken-v2", "--once", "-q"]
    for case in cases:
        words += ["--case", case]
    status = main([*words, "--time-scale", str(scale), "--reporter", "json=report.json"])
    read = json.loads(Path("report.json").read_text("utf-8"))
    return status, {case["scenario"]: case["verdict"] for case in read["cases"]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_python_program_is_driven_unmodified(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(adapter("string", *PROGRAM), "book/start-up/plain", "book/reconnect/reset")
    assert found == (0, {"book/start-up/plain": "pass", "book/reconnect/reset": "pass"})
    assert capsys.readouterr().err == ""


def test_a_javascript_program_is_driven_unmodified() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip("v").split(".")[0]) < 20:
        pytest.skip(f"node {version.strip()} has no WebSocket of its own")
    program = (node, "--experimental-websocket", str(PROGRAMS / "hard_coded.mjs"))
    found = run(adapter("float", *program), "book/start-up/plain", "book/reconnect/close")
    assert found == (0, {"book/start-up/plain": "pass", "book/reconnect/close": "pass"})


def test_who_goes_past_the_proxy_is_told(folder: Path) -> None:
    book = json.dumps({"symbol": "BTC/USD", "bids": [["1", "1"]], "asks": []})
    (folder / "past.py").write_text(f"import time\nprint({book!r}, flush=True)\ntime.sleep(60)\n")
    status, verdicts = run(adapter("string", sys.executable, "past.py"), "book/start-up/plain", scale=0.2)
    assert (status, verdicts) == (3, {"book/start-up/plain": "adapter-error"})
    said = json.loads(Path("report.json").read_text("utf-8"))["cases"][0]["message"]
    assert "the client showed a book, but no connection to the venue came through its proxy" in said


def test_what_is_refused_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = (PROGRAMS / "hard_coded.py").read_text("utf-8").replace("ws.kraken.com", "ws.example.com")
    (folder / "elsewhere.py").write_text(elsewhere)
    status, _ = run(adapter("string", sys.executable, "elsewhere.py"), "book/start-up/plain", scale=0.2)
    assert status == 3
    assert "bookproof: refused ws.example.com:443: not an address of kraken-v2" in capsys.readouterr().err


def test_who_does_not_trust_the_authority_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = "import os\nos.environ.pop('SSL_CERT_FILE')\n"
    (folder / "own.py").write_text(
        (PROGRAMS / "hard_coded.py").read_text("utf-8").replace("import asyncio\n", f"{own}import asyncio\n")
    )
    status, _ = run(adapter("string", sys.executable, "own.py"), "book/start-up/plain", scale=0.2)
    assert status == 3
    err = capsys.readouterr().err
    assert "the client gave up the TLS handshake with ws.kraken.com:443" in err
    assert "it does not trust the run's authority" in err


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--client", "true", "--dialect", "kraken-v2", "--intercept", "--tls"]) == 4
    assert "--tls is for clients that are redirected" in capsys.readouterr().err

    class Unknown:
        name = "unknown-v1"
        traits = type("Traits", (), {"addresses": ()})

    with pytest.raises(UsageError, match="unknown-v1 does not say which addresses are its venue's"):
        Interception([Unknown()], tmp_path)  # type: ignore[list-item]


def test_every_dialect_says_where_its_venue_is() -> None:
    for dialect in dialects_named(DIALECTS.names()):
        assert {address.what for address in dialect.traits.addresses} == {"ws", "rest"}
