"""Ships COUNT log records to URL with the official Python client's bulk helper: `python ship.py URL COUNT`."""

import sys

from elasticsearch import Elasticsearch, helpers

url, count = sys.argv[1], int(sys.argv[2])
client = Elasticsearch(url)
assert client.info()["tagline"] == "You Know, for Search"
actions = ({"_op_type": "create", "_index": "app", "message": f"line {n}", "n": n} for n in range(count))
taken, refused = helpers.bulk(client, actions, raise_on_error=False)
assert (taken, refused) == (count, []), refused
