"""Another receiver than Prometheus has what the app shows, by remote write and by OTLP."""

import pytest

from lib import fault
from lib.parsers import OPENMETRICS

PAGE = """# TYPE hits counter
hits_total{path="/a\\"b\\\\c"} 7
# TYPE size histogram
size_bucket{le="1.0"} 2
size_bucket{le="+Inf"} 3
size_sum 4.5
size_count 3
# TYPE depth gauge
depth{queue="one"} -0.1
depth{queue="two"} 1e+300
# EOF
"""


def ways(url):
    """What `metrics.export` has for each of them."""
    return {"remote write": {"remote_write": {"url": url + "/api/v1/write", "interval": "200ms"}},
            "OTLP": {"otlp": {"endpoint": url + "/opentelemetry", "interval": "500ms"}}}


@pytest.mark.parametrize("way", ways(""))
def test_it_has_what_the_app_shows(oxpecker, victoriametrics, fault_server, tmp_path, way):
    app = fault_server(unix=str(tmp_path / "app.sock"))
    app.plan(fault.ok(PAGE.encode(), OPENMETRICS))
    agent = oxpecker({"metrics": {
        "collect": {"app": {"type": "scrape", "target": f"unix:{tmp_path}/app.sock", "timeout": "60s"}},
        "export": ways(victoriametrics.url)[way]}})

    def shown():
        rows = victoriametrics.query('{__name__=~"hits_total|size_.*|depth"}')
        return {(labels["__name__"], labels.get("path"), labels.get("le"), labels.get("queue")): value
                for labels, value in rows}

    wanted = {("hits_total", '/a"b\\c', None, None): 7, ("size_bucket", None, "+Inf", None): 3,
              ("size_bucket", None, "1" if way == "OTLP" else "1.0", None): 2, ("size_sum", None, None, None): 4.5,
              ("size_count", None, None, None): 3, ("depth", None, None, "one"): -0.1,
              ("depth", None, None, "two"): 1e300}
    agent.wait_until(lambda: len(shown()) >= len(wanted), 60, "all series")
    assert shown() == wanted
    agent.assert_balanced()
