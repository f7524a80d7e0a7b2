"""The language model by path and by URL: fetched once from a real server, checked, and part of what extract depends on."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from filters.language.identify import bundled_model
from pipeline.config import Config
from pipeline.model_file import model_file
from pipeline.signals import language_model, signals_settings
from tests.filters.fasttext import models as fasttext_models


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "lid.176.ftz").write_bytes(bundled_model().read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server, f"http://127.0.0.1:{server.server_port}/lid.176.ftz"
    server.shutdown()
    server.server_close()


def config(tmp_path, **signals):
    sources = [{"name": "web", "kind": "web", "paths": [str(tmp_path)]}]
    return Config.model_validate({"name": "run", "output": str(tmp_path), "sources": sources, "signals": signals})


def test_a_model_behind_a_url_is_fetched_once(served, tmp_path):
    server, url = served
    digest = hashlib.sha256(bundled_model().read_bytes()).hexdigest()
    asked = config(tmp_path, language_model=url, language_model_sha256=digest.upper())
    assert language_model(asked).identify(["All human beings are born free and equal in dignity."])[0] == ["en"]
    # The content counts and not where it came from.
    assert signals_settings(asked) == signals_settings(config(tmp_path))
    server.shutdown()
    path = model_file(url, asked.directory, digest)
    assert path.parent == asked.directory / "models"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_another_file_is_refused_and_not_kept(served, tmp_path):
    _, url = served
    with pytest.raises(ValueError, match="has the sha256") as error:
        model_file(url, tmp_path / "run", "0" * 64)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "run" / "models").iterdir()) == []
    with pytest.raises(ValueError, match="HTTP status 404"):
        model_file(url + "x", tmp_path / "run")
    with pytest.raises(ValueError, match=r"'nowhere\.bin' is no file"):
        model_file("nowhere.bin", tmp_path / "run")


def test_extract_depends_on_the_model_s_content(tmp_path):
    model = tmp_path / "model.ftz"
    model.write_bytes(bundled_model().read_bytes())
    asked = config(tmp_path, language_model=str(model))
    before = signals_settings(asked)
    model.write_bytes(bundled_model().read_bytes() + b"more")
    assert signals_settings(asked) != before


def test_a_replaced_model_answers_in_the_same_process(tmp_path):
    model, other = tmp_path / "model.ftz", tmp_path / "other.ftz"
    model.write_bytes(bundled_model().read_bytes())
    asked = config(tmp_path, language_model=str(model))
    first = language_model(asked)
    assert language_model(asked) is first
    assert len(first.labels) == 176
    other.write_bytes(fasttext_models.model("softmax"))
    other.replace(model)
    assert len(language_model(asked).labels) == 6
    checked = config(tmp_path, language_model=str(model), language_model_sha256=hashlib.sha256(model.read_bytes()).hexdigest())
    language_model(checked)
    model.unlink()
    model.write_bytes(bundled_model().read_bytes())
    with pytest.raises(ValueError, match="has the sha256"):
        language_model(checked)
