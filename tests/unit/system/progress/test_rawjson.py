import base64
import io
import json

from brewhouse.system.progress.log import Progress
from brewhouse.system.progress.rawjson import RawJson


def test_each_event_is_a_line_of_json_as_buildkits_clients_read_it() -> None:
    out = io.StringIO()
    with Progress(RawJson(out)).step("[app 1/1] RUN make") as step:
        step.output(b"made\n")
        step.advance(1, 2)
        step.cached()
    began, log, status, ended = [json.loads(line) for line in out.getvalue().splitlines()]
    (first,), (last,) = began["vertexes"], ended["vertexes"]
    assert (first["name"], "completed" in first) == ("[app 1/1] RUN make", False)
    assert base64.b64decode(log["logs"][0]["data"]) == b"made\n"
    assert (status["statuses"][0]["current"], status["statuses"][0]["total"]) == (1, 2)
    assert (last["cached"], last["started"]) == (True, first["started"])
    vertexes = {first["digest"], log["logs"][0]["vertex"], status["statuses"][0]["vertex"], last["digest"]}
    assert len(vertexes) == 1
    assert last["completed"].endswith("Z")
