"""Images that are missing: in CI a failure, unless no container can run on that machine."""

import pytest

from lib import containers, need


@pytest.mark.parametrize("apart, ends", [(True, pytest.fail.Exception), (False, pytest.skip.Exception)])
def test_in_ci_images_that_could_be_built_have_to_be_there(tmp_path, monkeypatch, apart, ends):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(need, "IN_CI", True)
    monkeypatch.setattr(need, "missed", [])
    monkeypatch.setattr(containers, "can_be_apart", lambda: apart)
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception), match="no images of Debian") as caught:
        containers.images_built()
    assert caught.type is ends
