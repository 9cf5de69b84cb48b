"""A fault server that keeps what it is sent, as an index does."""

import json

from .lines import as_written


class Sink:
    """Answers a bulk as an index does: 201 the first time an id comes, 409 after that."""

    def __init__(self, server):
        self.documents, self.server, self.again = {}, server, 0
        server.plan(self.behave)

    def answer(self, request):
        items = []
        for action, document in request.documents():
            known = action["create"]["_id"] in self.documents
            self.again += known
            self.documents.setdefault(action["create"]["_id"], as_written(document))
            items.append({"create": {"status": 409 if known else 201}})
        return {"took": 1, "errors": False, "items": items}

    def behave(self, handler, request):
        handler.answer(200, json.dumps(self.answer(request)).encode(), "application/json", {})
