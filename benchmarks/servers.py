"""The contenders, each a process of its own on a free port, started before anything is measured."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

FHIR_DELAY_MS = 200
_THREADS = "16"  # as many as the service has
_READY_WITHIN = 120.0
_APPLICATIONS = {
    "unread": "benchmarks.floor:unread",
    "parsed": "benchmarks.floor:parsed",
    "asked": "benchmarks.floor_fetching:asked",
}


@dataclass(frozen=True)
class Server:
    """A contender that listens."""

    name: str
    workers: int
    pid: int
    port: int
    prefix: str = ""
    """Stands before ``/cds-services``."""


class Servers:
    """Starts what is asked for, once; all of it ends with the ``with`` block."""

    def __init__(self, stack: ExitStack, healthchain: Path | None) -> None:
        """Take what ends the processes, and the environment that holds HealthChain, if there is one."""
        self._stack = stack
        self._healthchain = healthchain
        self._running: dict[tuple[str, int], Server] = {}
        self._scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="magnesium-bench-")))
        self.fhir = f"http://127.0.0.1:{self._start_fhir()}/sandbox/fhir"
        """The base URL of a FHIR server that holds the same chart and lets every query wait."""

    def get(self, name: str, workers: int) -> Server:
        """Return a contender: ``unread``, ``parsed``, ``asked``, ``healthchain`` or ``magnesium-cds``."""
        if (name, workers) not in self._running:
            self._running[name, workers] = self._start(name, workers)
        return self._running[name, workers]

    def _start(self, name: str, workers: int) -> Server:
        port = _free_port()
        environ = dict(os.environ)
        prefix = ""
        match name:
            case "healthchain":
                script = Path(__file__).with_name("healthchain_service.py")
                command = [f"{self._healthchain}/bin/python", str(script), str(port)]
                prefix = "/cds"
            case "magnesium-cds":
                command = [sys.executable, "-m", "cds_service", "serve", "--port", str(port), "--workers", str(workers)]
                environ |= {
                    "MAGNESIUM_CDS_PROFILE": "dev",
                    "MAGNESIUM_CDS_DATABASE": f"sqlite:///{self._scratch}/records-{workers}.sqlite",
                    "MAGNESIUM_CDS_FHIR_SERVERS": self.fhir,
                    "MAGNESIUM_CDS_METRICS": "on",
                    "MAGNESIUM_CDS_LOG_FORMAT": "json",
                }
            case _:
                command = [sys.executable, "-m", "gunicorn", "--preload", "--worker-class", "gthread"]
                command += ["--threads", _THREADS, "--workers", str(workers), "--keep-alive", "75"]
                command += ["--bind", f"127.0.0.1:{port}", "--no-control-socket", _APPLICATIONS[name]]
        return Server(name, workers, self._run(name, command, port, environ), port, prefix)

    def _start_fhir(self) -> int:
        port = _free_port()
        command = [sys.executable, "-m", "benchmarks.slow_fhir", str(port), str(FHIR_DELAY_MS)]
        self._run("slow_fhir", command, port, dict(os.environ))
        return port

    def _run(self, name: str, command: list[str], port: int, environ: dict[str, str]) -> int:
        log = self._scratch / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(command, env=environ, stdout=file, stderr=file)  # noqa: S603  our own commands
        self._stack.callback(_stop, process)
        until = time.monotonic() + _READY_WITHIN
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{name} did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.1)
        return process.pid


@contextmanager
def servers(healthchain: Path | None) -> Iterator[Servers]:
    """Start contenders as they are asked for, and end them all."""
    with ExitStack() as stack:
        yield Servers(stack, healthchain)


def with_healthchain(folder: Path) -> Path:
    """Return an environment that holds HealthChain, made if there is none; it is none of our dependencies.

    Raises:
        SystemExit: it could not be installed.
    """
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
        command = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "healthchain==0.16.*"]
        if subprocess.run(command, check=False).returncode != 0:  # noqa: S603  our own command
            raise SystemExit("HealthChain could not be installed; leave out --healthchain to go without it")
    return folder


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
