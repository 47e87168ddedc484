"""The bell that tells the worker about due work; the only module that knows Redis.

What is due stands in the database. A bell that nobody hears costs a minute: the sweep finds the work.
"""

import logging

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer

QUEUE = "espace-client"
JOB_TIMEOUT_SECONDS = 180

log = logging.getLogger(__name__)


def connection(url: str) -> Redis:
    """Return a connection that gives up soon: no customer waits for Redis."""
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2)


def ring(job_name: str, identifier: int) -> bool:
    """Tell a worker to run `jobs.<job_name>(identifier)` now; return False when nobody could be told.

    Never raises: the caller's work is committed already, and the sweep is the net under the bell.
    """
    url: str = current_app.extensions["settings"].redis_url
    try:
        with connection(url) as redis:
            queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT_SECONDS)
            queue.enqueue(f"jobs.{job_name}", identifier, result_ttl=0, failure_ttl=86400)
    except (RedisError, OSError) as error:
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


def waiting() -> int:
    """Return how many bells wait to be heard; none when Redis is away."""
    try:
        with connection(current_app.extensions["settings"].redis_url) as redis:
            return Queue(QUEUE, connection=redis, serializer=JSONSerializer).count
    except (RedisError, OSError):
        return 0


def worker(url: str) -> Worker:
    """Return a worker on the one queue, so that a job is never lost between two of them.

    Its connection waits without a limit, as a worker does.
    """
    redis: Redis = Redis.from_url(url)
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    return Worker([queue], connection=redis, serializer=JSONSerializer)
