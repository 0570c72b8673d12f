"""A Spark cluster on loopback, of real processes: a master, workers and a Connect server.

    python tests/spark/spark_cluster.py FOLDER --spark-home .venv-spark/lib/python3.11/site-packages/pyspark

All that it writes lies in FOLDER: logs, tables, the catalog's database. It prints one line of JSON once the server
answers, then waits. Each line that it reads, `worker` or `connect`, starts another one and prints the line again. When
its input ends, however the program ended that started it, every process is killed, executors too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

START_SECONDS = 600
HOST = "127.0.0.1"
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m"
"""Half of the time of short tests went into compiling what they then hardly ran, and a seventh of the server's into
making room among it: so compiled, Java keeps 48 MB, which Spark fills."""
FEW_ROWS = {
    # Each task opens a file for every part.
    "spark.sql.shuffle.partitions": "4",
    # Nothing of it is needed once the server is gone, and every table is some transactions there.
    "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:catalog;create=true",
}
"""Settings of a server that is asked of few rows, and that nobody kills."""


@dataclass(slots=True)
class Member:
    """A process of the cluster, and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def says(self, pattern: str) -> str:
        """What the group of the pattern matches in its log, once it does."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if found := re.search(pattern, self.log.read_text(errors="replace")):
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        text = self.log.read_text(errors="replace")
        raise SystemExit(f"{self.name} did not start; its log is {self.log}:\n{text[-4000:]}")


class Cluster:
    """Starts members, and knows how to end them all."""

    def __init__(
        self, folder: Path, spark_home: Path, *, memory: str, java_options: str, settings: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.memory = memory
        self.java_options = java_options
        self.settings = settings
        self.members: list[Member] = []
        self._spark_home = spark_home
        self._master = ""
        self._port = 0

    def start(self, workers: int) -> None:
        """Starts a master, so many workers, and the Connect server on them."""
        (self.folder / "log4j2.properties").write_text(_LOGS)
        master = self._launch(
            "master", "spark-class", "org.apache.spark.deploy.master.Master", "--host", HOST, "--port", "0", *_NO_UI
        )
        self._master = master.says(r"Starting Spark master at (spark://\S+)")
        started = [self._launch_worker() for _ in range(workers)]
        self.start_connect()
        for worker in started:
            worker.says(_REGISTERED)

    def start_worker(self) -> None:
        """Starts a worker of one core."""
        self._launch_worker().says(_REGISTERED)

    def _launch_worker(self) -> Member:
        number = sum(member.name.startswith("worker") for member in self.members) + 1
        name = f"worker{number}"
        words = ("--host", HOST, "--cores", "1", "--memory", self.memory, "--work-dir", str(self.folder / name))
        return self._launch(name, "spark-class", "org.apache.spark.deploy.worker.Worker", *words, *_NO_UI, self._master)

    def start_connect(self) -> None:
        """Starts the Connect server, or one in the place of the one that ended, at the same address."""
        catalog = f"jdbc:derby:;databaseName={self.folder}/catalog;create=true"
        settings = {
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": str(self._port),
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.executor.memory": self.memory,
            "spark.executor.extraJavaOptions": self.java_options,
            "spark.driver.extraJavaOptions": f"{self.java_options} -Dderby.system.home={self.folder}",
            "spark.ui.enabled": "false",
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            # A catalog that outlives the server, as those of real clusters do.
            "spark.sql.catalogImplementation": "hive",
            "spark.hadoop.javax.jdo.option.ConnectionURL": catalog,
            **self.settings,
        }
        words = [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
        server = self._launch(
            f"connect{sum(member.name.startswith('connect') for member in self.members) + 1}",
            *("spark-submit", "--master", self._master, "--driver-memory", "1g"),
            *words,
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        )
        self._port = int(server.says(r"Spark Connect server started at: \S+:(\d+)"))

    def told(self) -> dict[str, Any]:
        """What a program that uses the cluster needs to know; processes by their ids, those that ended left out."""
        alive = [member for member in self.members if member.process.poll() is None]
        pids = {member.name: member.process.pid for member in alive}
        return {"remote": f"sc://{HOST}:{self._port}", "folder": str(self.folder), "pids": pids}

    def stop(self) -> None:
        """Kills every process: what they wrote is of no use to anyone afterwards."""
        for member in reversed(self.members):
            # Executors are in the group of their worker, also when that is dead.
            with suppress(ProcessLookupError):
                os.killpg(member.process.pid, signal.SIGKILL)
            member.process.wait()

    def _launch(self, name: str, script: str, *words: str) -> Member:
        log = self.folder / f"{name}.log"
        environment = os.environ | {
            "SPARK_HOME": str(self._spark_home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(self.folder / "scratch"),
            "SPARK_CONF_DIR": str(self.folder),
        }
        if script == "spark-class":
            environment |= {"SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": self.java_options}
        environment.pop("SPARK_REMOTE", None)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(self._spark_home / "bin" / script), *words],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        member = Member(name, process, log)
        self.members.append(member)
        return member


_REGISTERED = "Successfully (registered) with master"
_LOGS = """
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.deploy.name = org.apache.spark.deploy
logger.deploy.level = info
logger.connect.name = org.apache.spark.sql.connect.service.SparkConnectServer
logger.connect.level = info
"""
"""Little: Spark would write every plan as text. What tells that a member has started must stand in it."""
_NO_UI = ("--webui-port", "0")
"""A standalone master and its workers always have pages; these lie on any free port."""


def java_problem() -> str:
    """Why Spark cannot start on this machine; empty when it can."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin/java") if home else "java"
    if shutil.which(java) is None:
        return f"a Spark cluster needs Java 17 or later, and there is no {java}"
    told = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < 17:
        return f"a Spark cluster needs Java 17 or later, and {java} is: {told.splitlines()[0] if told else 'silent'}"
    return ""


class ClusterProcess:
    """The program in this file, as those that use a cluster see it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._told: dict[str, Any] = {}
        self._read()

    @property
    def remote(self) -> str:
        """The address of its Connect server, without a session."""
        return str(self._told["remote"])

    @property
    def folder(self) -> Path:
        """Where its logs and tables lie."""
        return Path(self._told["folder"])

    @property
    def pids(self) -> dict[str, int]:
        """The process of each member, such as `worker1`: its group has whatever that member started."""
        return dict(self._told["pids"])

    def start(self, kind: str) -> None:
        """Starts another `worker`, or `connect` at the address of the one that ended."""
        self._stream(self._process.stdin).write(f"{kind}\n")
        self._stream(self._process.stdin).flush()
        self._read()

    def kill(self, name: str) -> None:
        """Ends a member at once, and its executors with it, as when a machine loses its power."""
        os.killpg(self.pids[name], signal.SIGKILL)

    def _read(self) -> None:
        line = self._stream(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the Spark cluster did not start, and exited with {self._process.wait()}")
        self._told = json.loads(line)

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


@contextmanager
def spark_cluster(
    folder: Path,
    spark_home: Path,
    *,
    workers: int = 2,
    memory: str = "1g",
    java_options: str = SHORT_LIVED,
    settings: Mapping[str, str] | None = None,
) -> Iterator[ClusterProcess]:
    """A cluster of so many workers, of one core and this much memory each, while the block runs.

    Java's options are for processes that live some minutes, unless said otherwise; settings are those of the Connect
    server, where they differ from Spark's own.

    Raises:
        RuntimeError: Java is missing, or a member did not start.
    """
    if problem := java_problem():
        raise RuntimeError(problem)
    words = [sys.executable, __file__, str(folder), "--spark-home", str(spark_home)]
    words += ["--workers", str(workers), "--memory", memory, f"--java-options={java_options}"]
    words += [f"--set={key}={value}" for key, value in (settings or {}).items()]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield ClusterProcess(process)
    finally:
        ClusterProcess._stream(process.stdin).close()
        process.wait(60)
        ClusterProcess._stream(process.stdout).close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spark-home", type=Path, required=True, help="folder of the Python package pyspark")
    parser.add_argument("--workers", type=int, default=2, help="each has one core")
    parser.add_argument("--memory", default="1g", help="of an executor, as Spark writes it")
    parser.add_argument("--java-options", default=SHORT_LIVED, help="of every process")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the Connect server")
    options = parser.parse_args()
    if problem := java_problem():
        raise SystemExit(problem)
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    home = options.spark_home.absolute()
    settings = dict(word.split("=", 1) for word in options.set)
    cluster = Cluster(folder, home, memory=options.memory, java_options=options.java_options, settings=settings)
    # Killing the program politely ends the cluster too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        cluster.start(options.workers)
        print(json.dumps(cluster.told()), flush=True)
        for line in sys.stdin:
            {"worker": cluster.start_worker, "connect": cluster.start_connect}[line.strip()]()
            print(json.dumps(cluster.told()), flush=True)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
