"""conf/kubernetes/canary and release.py: a good image gets more requests step by step, a bad one is taken back, at
whatever step and for whatever reason. The sidecars are real; kubectl is a stand-in, kubectl.py."""

import re

import pytest

from rollout import NEW, assert_taken_back, cluster  # noqa: F401


def test_a_good_canary_becomes_stable(cluster):
    """Though both fail as many as the old one always did."""
    made, requests = cluster("canary", stable=0.1, canary=0.1)
    status, said = made.release()
    assert status == 0, said
    assert re.findall(r"(\d+) % of the requests go", said) == ["1", "5", "25", "100", "0"]
    assert made.calls("scale") == [f"scale deployment/shop-canary --replicas={count}" for count in (1, 1, 5, 20, 0)]
    assert (made.image("stable"), made.image("canary")) == (NEW, NEW)
    assert made.weights() == {"stable": 100, "canary": 0} and made.replicas("stable") == 20
    assert requests.most == {"stable": 100, "canary": 100}
    made.assert_objects_are_valid()


@pytest.mark.parametrize("worse_from, most", [(0, 5), (100, 100)])
def test_a_canary_that_fails_is_taken_back(cluster, worse_from, most):
    """At the first step, and at the last, where the old one has no requests to compare with."""
    made, _ = cluster("canary", worse_from=worse_from, canary=0.5, stable=0.1)
    status, said = made.release("--steps", "5,100")
    assert_taken_back(made, status, said)
    assert "canary fails" in said and f" {most} % of the requests" in said
    assert not any(f" {step} % of the requests" in said for step in (5, 100) if step > most)


def test_a_canary_whose_check_is_down_is_taken_back(cluster):
    made, _ = cluster("canary", fine=False)
    status, said = made.release()
    assert_taken_back(made, status, said)
    assert "canary is not fine: " in said and "app of shop-canary-7d4-x2x" in said


def test_a_canary_that_nobody_asks_is_taken_back(cluster):
    """Nothing was seen of it, which is no reason to go on."""
    made, requests = cluster("canary")
    requests.close()
    status, said = made.release("--patience", "1s")
    assert_taken_back(made, status, said)
    assert "canary had 0 requests" in said


@pytest.mark.parametrize("fails, undone", [
    ("rollout status deployment/shop-canary", []),
    ("/proxy/metrics", []),
    ("rollout status deployment/shop-stable", ["rollout undo deployment/shop-stable"])])
def test_what_cannot_be_rolled_out_or_seen_is_taken_back(cluster, fails, undone):
    made, _ = cluster("canary")
    made.write("fails", fails)
    status, said = made.release("--steps", "100")
    assert status == 1 and made.calls("rollout undo") == undone, said
    if undone:
        assert "a person has to look" in said  # the stand-in lets the old one not come up either
    else:
        assert_taken_back(made, status, said)
