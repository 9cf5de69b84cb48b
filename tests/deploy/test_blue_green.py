"""conf/kubernetes/blue-green and release.py: a good image gets all requests at once, a bad one none, or not for long.
The sidecars are real; kubectl is a stand-in, kubectl.py."""

import os
import subprocess
import sys

from rollout import NEW, OLD, SCRIPT, cluster  # noqa: F401


def test_blue_green_switches_and_can_switch_back(cluster):
    made, requests = cluster("blue-green")
    status, said = made.release()
    assert status == 0, said
    assert made.weights() == {"blue": 0, "green": 100} and requests.most["green"] == 100
    assert (made.image("blue"), made.image("green")) == (OLD, NEW)
    assert made.replicas("blue") == made.replicas("green")
    made.assert_objects_are_valid()
    done = subprocess.run([sys.executable, SCRIPT, "blue-green", "--namespace", "shop", "--back"], timeout=60,
                          env={**os.environ, **made.env()}, capture_output=True, text=True)
    assert done.returncode == 0 and made.weights() == {"blue": 100, "green": 0}, done.stdout


def test_a_bad_green_is_switched_back(cluster):
    made, requests = cluster("blue-green", green=0.5)
    status, said = made.release()
    assert status == 1 and "green fails" in said
    assert made.weights() == {"blue": 100, "green": 0} and requests.most["green"] == 100
    made.assert_objects_are_valid()


def test_a_green_whose_check_is_down_gets_no_requests(cluster):
    made, requests = cluster("blue-green", fine=False)
    status, said = made.release()
    assert status == 1 and "green is not fine" in said
    assert made.weights() == {"blue": 100, "green": 0} and requests.most.get("green", 0) == 0
