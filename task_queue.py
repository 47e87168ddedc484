"""The bell that tells the worker about due work; the only module that knows Redis.

What is due stands in the database. A bell that nobody hears costs a minute: the sweep finds the work.
"""

import logging
import re
import secrets
import signal
import time
from typing import Any

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

QUEUE = "espace-client"
JOB_TIMEOUT_SECONDS = 180
DEAF_SECONDS = 5.0
BELL = re.compile(r"([a-z_]+)-(\d+)-[0-9a-f]+")
"""How a bell is called: the job, its identifier, and by chance, since the one that is being heard may ring again."""

log = logging.getLogger(__name__)
_deaf_until: dict[str, float] = {}  # By URL, in this process: who rang in vain need not wait for the next one too.


def connection(url: str) -> Redis:
    """Return a connection that gives up soon: no customer waits for Redis."""
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0))


def ring(job_name: str, identifier: int) -> bool:
    """Tell a worker to run `jobs.<job_name>(identifier)` now; return False when nobody could be told.

    Never raises: the caller's work is committed already, and the sweep is the net under the bell. After a failure
    nobody is rung for during five seconds, so that a Redis that hangs costs a batch of orders one second in all.
    """
    url: str = current_app.extensions["settings"].redis_url
    if time.monotonic() < _deaf_until.get(url, 0.0):
        return False
    try:
        with connection(url) as redis:
            queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT_SECONDS)
            # Somebody may sit in front of the code that a mail brings; a document has a day.
            first = job_name == "deliver"
            bell = f"{job_name}-{identifier}-{secrets.token_hex(4)}"
            queue.enqueue(f"jobs.{job_name}", identifier, job_id=bell, at_front=first, result_ttl=0, failure_ttl=0)
    except (RedisError, OSError) as error:
        _deaf_until[url] = time.monotonic() + DEAF_SECONDS
        log.warning("bell not heard", extra={"job": job_name, "id": identifier, "error": type(error).__name__})
        return False
    return True


def answers() -> bool:
    """Whether Redis can be reached."""
    try:
        with connection(current_app.extensions["settings"].redis_url) as redis:
            return bool(redis.ping())
    except (RedisError, OSError):
        return False


def waiting() -> list[tuple[str, int]]:
    """Return the bells that nobody has heard yet, job and identifier of each; none when Redis is away."""
    try:
        with connection(current_app.extensions["settings"].redis_url) as redis:
            ids = Queue(QUEUE, connection=redis, serializer=JSONSerializer).job_ids
    except (RedisError, OSError):
        return []
    return [(found[1], int(found[2])) for each in ids if (found := BELL.fullmatch(each))]


def in_one_line(record: logging.LogRecord) -> bool:
    """Say in one line that Redis was lost, which rq tells with all that it was doing; `work` begins a new worker."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RedisError | OSError):
        record.msg, record.args, record.exc_info = "queue lost", (), None
        record.error = type(error).__name__
    return True


class _Worker(Worker):
    """A worker that logs as we do, lets a job end that has begun, and looks for a lost Redis every few seconds."""

    max_connection_wait_time = DEAF_SECONDS
    stop_wanted = False

    def request_stop(self, signum: Any, frame: Any) -> None:
        """Note that somebody wants the end, which rq itself remembers only during a job."""
        self.stop_wanted = True
        super().request_stop(signum, frame)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log a failed job; its row in the database says what is left to do."""
        log.error("job failed", exc_info=exc_info, extra={"job": job.description})

    def setup_work_horse_signals(self) -> None:
        """Let a job end that has begun: a SIGTERM to the whole group is meant for the parent, which waits for it."""
        super().setup_work_horse_signals()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def work(url: str) -> None:
    """Run jobs until told to stop (SIGTERM, SIGINT): one that has begun is finished first.

    rq ends its worker when Redis fails in the middle of something; a new one takes its place here.
    """
    logging.getLogger("rq.worker").addFilter(in_one_line)
    while True:
        stopped = False
        try:
            one = worker(url)
            one.work(logging_level="WARNING")
            stopped = one.stop_wanted
        except (RedisError, OSError) as error:
            log.warning("no queue", extra={"error": type(error).__name__})
        if stopped:
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)  # The ended worker would only note the wish.
        time.sleep(DEAF_SECONDS)


def worker(url: str) -> _Worker:
    """Return a worker on the one queue, so that a job is never lost between two of them.

    Its connection waits without a limit, as a worker does.
    """
    redis: Redis = Redis.from_url(url)
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    return _Worker([queue], connection=redis, serializer=JSONSerializer)
