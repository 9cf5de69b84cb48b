"""What of the logs has arrived: booked by the agent, and acknowledged by the server that was sent it."""

from .lines import as_written


def documents_of(server):
    """{id: document} of what a fault server acknowledged, as the app wrote it: under each id what came first.

    They are in the order of their ids, which is that of their places unless a client gave them an _id. They may come in
    another order: several sends are under way at a time, and beside one that gets no answer one of its items is sent
    again. What was refused, or whose answer was none, is not there; nor is what only a killed agent sent.
    """
    found = {}
    for request in server.taken("_bulk"):
        for action, document in request.acknowledged():
            found.setdefault(action["create"]["_id"], as_written(document))
    return dict(sorted(found.items()))


def largest_bulk(server):
    """The one with all lines, where they are few: another may have one of them beside it (Oxpecker.sent_again)."""
    return max(server.taken("_bulk"), key=lambda request: len(request.documents()))


def sent_to(server):
    """Every document of every bulk as the app wrote it, whatever became of it, as often as it came."""
    return [as_written(document) for request in server.taken("_bulk") for _, document in request.documents()]


def wait_delivered(agent, count, silence=120):
    """So many log lines booked as delivered, and no more. It may last, as long as `silence` seconds never bring one."""
    booked = lambda: agent.booked("delivered", signal="logs")  # noqa: E731
    before = -1
    while before < count:
        agent.wait_until(lambda: booked() > before, silence, f"more than {max(before, 0)} of {count} lines delivered")
        before = booked()
    assert before == count, f"{before} lines delivered, expected {count}"
