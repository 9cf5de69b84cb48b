"""Logs the records of a file through a logging library, as its users set it up:

    log.py structlog|json_logger RECORDS LOG
"""

import json
import logging
import sys


def failed(message):
    try:
        raise ValueError("failed: " + message)
    except ValueError as error:
        return error


def with_structlog(file):
    import structlog

    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file))
    log = structlog.get_logger()

    def write(record):
        trace = {"exc_info": failed(record["message"])} if record["fail"] else {}
        getattr(log, record["level"])(record["message"], n=record["n"], nested=record["nested"], **trace)

    return write


def with_json_logger(file):
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler(file)
    handler.setFormatter(JsonFormatter("{levelname}{name}{message}", style="{", timestamp=True))
    log = logging.getLogger("shop")
    log.addHandler(handler)
    log.setLevel("DEBUG")

    def write(record):
        trace = {"exc_info": failed(record["message"])} if record["fail"] else {}
        level = logging.getLevelName(record["level"].upper())  # WARN is an old name of WARNING
        log.log(level, record["message"], extra={"n": record["n"], "nested": record["nested"]}, **trace)

    return write


def main(library, source, target):
    with open(source, encoding="utf-8") as records, open(target, "a", encoding="utf-8") as file:
        write = {"structlog": with_structlog, "json_logger": with_json_logger}[library](file)
        for line in records:
            write(json.loads(line))


main(*sys.argv[1:])
