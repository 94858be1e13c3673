"""The commands of the pages that ask somebody else: an exchange, a channel, a database, a model; each a real one."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from binance_server import BinanceServer, market_rows
from documented_commands import CHANNELS, DATABASE, EXCHANGE, INSTEAD, MEANING, STUDIES, TICKS, scene
from postgres_server import ADVICE, postgres, programs
from ssh_server import an_ssh_server
from study_servers import free_port
from tick_builders import quotes, saved, trades_within
from typist import Typist

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import planted_market
from swarmd.state.knowledge.meaning import embedder
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal


def all_typed(name: str, typist: Typist) -> None:
    for text in scene(name):
        typist.once(text)
    assert typist.needless == []


def test_bars_are_downloaded_as_the_pages_show(tmp_path: Path) -> None:
    # Of the last day: each page of the years before it would be asked for, and be empty.
    yesterday = datetime.now(UTC) - timedelta(days=1)
    first_ms = int(yesterday.timestamp()) // 300 * 300_000
    markets = {f"{coin}USDT": market_rows(280, first_ms=first_ms, seed=seed) for coin, seed in (("BTC", 1), ("ETH", 2))}
    with BinanceServer(markets) as exchange:
        since = yesterday.date().isoformat()
        all_typed(EXCHANGE, Typist(tmp_path, INSTEAD[EXCHANGE], exchange=exchange.url, since=since))
    assert sorted(path.name for path in (tmp_path / "data" / "bars_5m").glob("*.parquet")) == [
        "BTCUSDT.parquet", "ETHUSDT.parquet",
    ]  # fmt: skip


def test_ticks_are_run_as_the_pages_show(tmp_path: Path) -> None:
    for folder in ("quotes", "trades"):
        (tmp_path / folder).mkdir()
    quoted = quotes(4_000)
    traded = trades_within(quoted, 2_000)
    saved(tmp_path / "quotes" / "IBM.parquet", quoted)
    saved(tmp_path / "trades" / "IBM.parquet", traded)
    saved(tmp_path / "trades" / "SPY.parquet", traded)
    (tmp_path / "vectors.json").write_text(json.dumps([{"half_life_s": 5.0, "threshold": 1.5, "sigma_events": 50}]))
    all_typed(TICKS, Typist(tmp_path))
    assert (tmp_path / "trades.csv").exists()


class Channel(ThreadingHTTPServer):
    """Takes what is posted; `titles` are those of the messages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.titles: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Channel

    def do_POST(self) -> None:
        self.server.titles.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["title"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the terminal."""


def test_channels_are_tried_as_the_pages_show(tmp_path: Path) -> None:
    pytest.importorskip("apprise", reason="the extra is missing: pip install 'swarmd[notify]'")
    home = Home(tmp_path / "swarm")
    home.prepare()
    Journal.open(home.journal)[0].close()
    with Channel() as channel:
        (tmp_path / "campaign.yaml").write_text(
            "name: told\ndata: {root: .}\nassets: {tiers: {A: [COIN]}}\nstrategy: {name: mtf_ema, modes: [balanced]}\n"
            f'notify: [{{url: "json://127.0.0.1:{channel.server_port}"}}]\n'
        )
        all_typed(CHANNELS, Typist(tmp_path))
        assert len(channel.titles) == 1
        channel.shutdown()


def test_meaning_is_asked_as_the_pages_show(tmp_path: Path) -> None:
    if embedder.why_not() is not None:
        pytest.skip(f"{embedder.why_not()}: {embedder.ADVICE}")
    typist = Typist(tmp_path)
    typist.type('swarmd knowledge add --title VRAM --text "The kernel could not allocate 2 GiB of VRAM."')
    # Forgetting the vectors comes last, whatever a page says after it.
    for text in sorted(scene(MEANING), key=lambda text: text.endswith("--off")):
        said = typist.type(text)
        assert "--mode both" not in text or "VRAM" in said


@pytest.mark.xdist_group("surroundings of a daemon")
def test_knowledge_moves_into_a_database_and_back_as_the_pages_show(tmp_path: Path) -> None:
    if programs() is None:
        pytest.skip(ADVICE)
    typist = Typist(tmp_path, INSTEAD[DATABASE])
    typist.type("swarmd knowledge add --title Disk --text full")
    with postgres() as url:
        (tmp_path / "address.txt").write_text(url)
        typist.words["database"] = url.partition("s3cret")[2]
        typist.environment["LEDGER_PASSWORD"] = "s3cret"
        all_typed(DATABASE, typist)
    assert "Disk" in typist.type("swarmd knowledge list")


@pytest.mark.xdist_group("studies on servers")
def test_a_study_is_shared_through_a_tunnel_as_the_pages_show(tmp_path: Path) -> None:
    """The proxy, who leads, and a helper that reaches it through a real sshd."""
    (tmp_path / "data" / "bars_5m").mkdir(parents=True)
    edge, _ = planted_market(120, 7, 6.0, symbol="BTCUSDT")
    write_bars(tmp_path / "data" / "bars_5m" / "BTCUSDT.parquet", edge)
    served, tunnel = free_port(), free_port()
    with an_ssh_server(tmp_path / "sshd") as machine:
        ssh = f"-p {machine.port} -i {machine.identity} -o UserKnownHostsFile={machine.folder}/known_hosts 127.0.0.1"
        typist = Typist(
            tmp_path, INSTEAD[STUDIES],
            served=served, url=f"grpc://127.0.0.1:{served}", other=free_port(), tunnel=tunnel, machine=ssh,
        )  # fmt: skip
        with typist.staying("swarmd storage serve", "Ctrl-C ends it"):
            for text in ("swarmd storage check", "swarmd storage check grpc://127.0.0.1:8788"):
                assert "answers in" in typist.type(text)
            with (
                typist.staying("ssh -N -L 8788:localhost:8788 big-machine", ""),
                typist.staying("swarmd storage work grpc://127.0.0.1:8788 --data data/bars_5m --workers 8", ""),
            ):
                data = "--data data/bars_5m/BTCUSDT.parquet"
                typist.type(f"swarmd refine {data} --workers 4 --storage grpc://127.0.0.1:8788")
        with typist.staying("swarmd storage serve --journal studies.journal", "Ctrl-C ends it"):
            pass
    assert set(scene(STUDIES)) == set(typist.typed)
    assert typist.needless == []
