"""The workbench over HTTP, and in a real browser.

Both in one file, for one model: pytest gives the tests of a file to one process.
"""

from __future__ import annotations

import http.client
import json
import math
import shutil
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from eigenfit.problem import Problem, results
from eigenfit.workbench import RunningWorkbench

from .problem import FILE, TRUE, levels, matrix, table

NAN = math.nan
# Nothing here takes seconds, but on a machine that does other things too.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)
STEPS = np.diag(np.arange(5.0))


def get(workbench: RunningWorkbench, path: str, body: Any = None, method: str | None = None):
    """The status and the body of an answer; what is sent is JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{workbench.address}{path}", data, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def state_of(workbench: RunningWorkbench) -> dict[str, Any]:
    status, text = get(workbench, "state")
    assert status == 200, text
    return json.loads(text)


def change_of(state: dict[str, Any], **values: float) -> dict[str, Any]:
    """What the page sends, with these values of parameters."""
    kept = ("value", "held", "bounds", "prior")
    parameters = {one["name"]: {name: one[name] for name in kept} for one in state["parameters"]}
    for name, value in values.items():
        parameters[name]["value"] = value
    return {"parameters": parameters, "rows": state["rows"], "read": state["read"]}


def predict(workbench: RunningWorkbench, signature: str, **inputs: Any) -> Any:
    body = {"signature_name": signature, "inputs": inputs}
    status, text = get(workbench, "v1/models/problem:predict", body)
    assert status == 200, text
    return json.loads(text)["outputs"]


@pytest.mark.parametrize("path", ["", "state", "static/main.js", "v1/models/problem", "nothing"])
def test_without_the_token_nothing_is_said(workbench, path):
    base = workbench.address.rsplit("/", 2)[0]
    for wrong in ("", "x" * 32, workbench.address.rsplit("/", 2)[1][:-1]):
        for address in (f"{base}/{wrong}/{path}", f"{base}/{path}"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address)
            assert refused.value.code == 403
            assert "Take the whole address" in refused.value.read().decode()


def test_other_hosts_are_refused_and_no_other_site_may_read(workbench):
    """A name that another site makes point to this machine is another host."""
    place = urllib.parse.urlsplit(workbench.address)

    def status(method: str, target: str, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", place.port)
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        assert not any(name.startswith("Access-Control") for name, _ in answer.getheaders())
        connection.close()
        return answer.status

    assert status("GET", place.path, Host="evil.example") == 403
    assert status("GET", place.path, Host=f"evil.example:{place.port}") == 403
    assert status("OPTIONS", "*") == 403
    assert status("GET", place.path, Host="localhost:8000") == 200  # a forwarded port
    assert status("GET", f"{place.path}state", Origin="http://evil.example") == 200


def test_only_this_machine_is_served_and_tokens_are_long(workbench):
    assert workbench.address.startswith("http://127.0.0.1:")
    assert len(workbench.address.rsplit("/", 2)[1]) >= 32


def test_the_page_and_its_files(workbench):
    status, page = get(workbench, "")
    assert status == 200
    assert "http://" not in page
    assert "https://" not in page
    for name in ("main.js", "workbench.css", "icon.svg"):
        assert get(workbench, f"static/{name}")[0] == 200
    assert "Plotly" in get(workbench, "static/plotly.js")[1]
    for name in ("../server.py", "%2e%2e/server.py", "nothing.js", ""):
        assert get(workbench, f"static/{name}")[0] in (404, 405)
    with urllib.request.urlopen(workbench.address) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_state_is_that_of_the_file(fresh):
    state = state_of(fresh)
    assert state["title"] == "A ladder"
    named = {one.pop("name"): one for one in state["parameters"]}
    assert {name: one["held"] for name, one in named.items()} == {
        "offset": False,
        "step": False,
        "v": True,
    }
    assert [one["value"] for one in named.values()] == [0.8, 1.8, 0.3]
    assert named["step"]["bounds"] == [0.0, 10.0]
    assert all(one["reach"] > 0 for one in named.values())
    assert [one["name"] for one in state["targets"]] == ["0", "1", "2", "3", "4"]
    assert [row["labels"] for row in state["rows"]] == [["0"], ["1"], ["2"], ["4"]]
    assert state["text"].splitlines()[:2] == ["level,energy,sigma", "0,0.955,0.01"]
    assert state["faults"] == []


def test_the_model_answers_as_the_live_solver(fresh, folder, eagerly):
    """The page holds a parameter by equal bounds: the same as the fixed one of the file."""
    problem = Problem.read(folder / "ladder.toml", allow_python=True)
    live = problem.fit()
    infinite = [-math.inf, 0.0, 0.3], [math.inf, 10.0, 0.3]
    targets = problem.targets.tolist()
    found = predict(
        fresh,
        "fit",
        targets=targets,
        initial=[[0.8, 1.8, 0.3]],
        weights=[[100.0] * 5],
        tolerance=[NAN],
        max_steps=[0],
        lower=[infinite[0]],
        upper=[infinite[1]],
        prior_mean=[[0.0] * 3],
        prior_sigma=[[math.inf] * 3],
    )
    assert found["parameters"][0][:2] == pytest.approx(live.parameters[0].numpy(), rel=1e-9)
    assert found["parameters"][0][2] == 0.3
    errors = live.standard_errors[0].numpy()
    assert found["standard_errors"][0][:2] == pytest.approx(errors, rel=1e-6)
    assert found["status"] == live.status.numpy().tolist()
    spectrum = predict(fresh, "spectrum", parameters=[[1.5, 1.0, 0.2]])
    assert spectrum[0] == pytest.approx(levels(offset=1.5, step=1.0, v=0.2), abs=1e-12)


def test_an_unknown_path_of_the_model_is_an_error_of_the_rest_interface(workbench):
    assert get(workbench, "v1/models/other")[0] == 404
    status, text = get(workbench, "v1/models/problem:predict", {"inputs": {}})
    assert status == 400
    assert "missing" in json.loads(text)["error"]


def test_a_change_that_is_wrong_changes_nothing(fresh):
    state = state_of(fresh)
    good = change_of(state)
    wrong = [
        ({**good, "rows": [{}]}, "rows[0]"),
        ({**good, "parameters": {}}, "offset, step, v"),
        ({**good, "rows": None, "text": "level,energy\n9,1.0\n"}, "the table, line 2"),
        ({**good, "text": 3}, "text of a table"),
    ]
    swapped = json.loads(json.dumps(good))
    swapped["rows"][0]["labels"], swapped["rows"][1]["labels"] = ["1"], ["0"]
    wrong.append((swapped, "exchange the two"))
    for body, said in wrong:
        status, text = get(fresh, "change", body)
        assert status == 422, text
        assert said in " ".join(json.loads(text)["faults"])
    assert get(fresh, "change", method="POST")[0] == 400
    deep = urllib.request.Request(f"{fresh.address}change", b"[" * 100_000, method="POST")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(deep)
    assert state_of(fresh)["rows"] == state["rows"]


def test_save_writes_file_and_data(fresh, folder, eagerly, monkeypatch):
    """The report is read in the browser, below."""
    monkeypatch.setattr(results, "report_writer", lambda: None)
    state = state_of(fresh)
    assert get(fresh, "report")[0] == 404
    state["rows"][3]["labels"] = ["3"]
    state["rows"][0]["out"] = True
    status, text = get(fresh, "save", change_of(state, offset=1.1))
    assert status == 200, text
    answer = json.loads(text)
    assert answer.pop("read") != state["read"]
    assert answer == {
        "file": "ladder.toml",
        "data": "ladder_data.csv",
        "results": "ladder_results",
        "report": False,
    }
    saved = (folder / "ladder.toml").read_text()
    assert "offset = 1.1                               # a guess" in saved
    assert tomllib.loads(saved)["data"]["file"] == "ladder_data.csv"
    problem = Problem.read(folder / "ladder.toml", allow_python=True)
    observed = levels().round(3)
    expected = [NAN, observed[1], observed[2], observed[4], NAN]
    assert problem.targets[0] == pytest.approx(expected, nan_ok=True)
    assert "# left out: 0," in (folder / "ladder_data.csv").read_text()
    assert (folder / "ladder.csv").read_text() == table()
    assert (folder / "ladder_results" / "parameters.csv").exists()
    again = state_of(fresh)
    assert {row["labels"][0]: row["out"] for row in again["rows"]} == {
        "0": True,
        "1": False,
        "2": False,
        "3": False,
    }


def test_save_does_not_overwrite_what_another_program_wrote(fresh, folder):
    state = state_of(fresh)
    other = FILE.replace("a guess", "a better guess")
    (folder / "ladder.toml").write_text(other)
    status, text = get(fresh, "save", change_of(state))
    assert status == 422
    assert "changed by another program" in text
    assert (folder / "ladder.toml").read_text() == other
    assert not (folder / "ladder_results").exists()


# In a real browser.

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def tab() -> Iterator[Page]:
    """A tab of the Chromium of the system."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium or Chrome on this machine")
    with sync_playwright() as playwright:
        options = ["--disable-gpu", "--disable-extensions", "--no-first-run"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        opened = browser.new_page()
        opened.set_default_timeout(PATIENCE)
        yield opened
        browser.close()


@pytest.fixture
def page(tab, fresh) -> Iterator[Page]:
    """The page of the workbench, just loaded; errors of its scripts fail the test."""
    errors: list[str] = []

    def note(error: object) -> None:
        errors.append(str(error))

    tab.on("pageerror", note)
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.goto("about:blank")  # without asking for changes that were not saved
    tab.goto(fresh.address)
    expect(message(tab)).to_contain_text("Turn the parameters")
    yield tab
    tab.remove_listener("pageerror", note)
    assert errors == []


def message(page: Page) -> Locator:
    return page.locator("#message")


def field(page: Page, name: str) -> Locator:
    return page.get_by_role("textbox", name=name, exact=True)


def computed(page: Page) -> list[float]:
    """The computed values in the table of the data."""
    cells = page.locator("#data tbody tr td:nth-child(4)").all_inner_texts()
    return [float(cell.replace("−", "-")) for cell in cells]


def test_a_drag_moves_the_levels(page):
    slider = page.get_by_role("slider", name="offset, slider")
    box = slider.bounding_box()
    assert box is not None
    line = page.locator("#levels line.computed").first
    before = float(line.get_attribute("y1") or "nan")
    assert computed(page) == pytest.approx(levels(offset=0.8, step=1.8), abs=1e-5)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.55, middle, steps=5)
    # While the mouse is down.
    expect(line).not_to_have_attribute("y1", str(before))
    page.mouse.up()
    value = float(field(page, "offset").input_value())
    assert value > 0.8
    step = float(slider.get_attribute("step") or "nan")
    assert value / step == pytest.approx(round(value / step), abs=1e-6)
    expect(page.locator("#data tbody tr").first).to_contain_text(
        f"{levels(offset=value, step=1.8)[0]:.4f}"[:5]
    )
    assert computed(page) == pytest.approx(levels(offset=value, step=1.8), rel=1e-6)
    page.get_by_role("button", name="Undo").click()
    expect(field(page, "offset")).to_have_value("0.8")


def test_fit_release_and_search(page):
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Loss")
    assert float(field(page, "offset").input_value()) == pytest.approx(1.0, abs=0.01)
    assert float(field(page, "step").input_value()) == pytest.approx(2.0, abs=0.01)
    assert float(field(page, "v").input_value()) == 0.3
    panel = page.locator(".parameter")
    expect(panel.nth(0).locator("output")).to_contain_text("±")
    expect(panel.nth(2).locator("output")).to_have_text("held")
    # Two correlations by the normal equations of the two fitted parameters, by NumPy.
    rows = [0, 1, 2, 4]
    vectors = np.linalg.eigh(matrix(**TRUE))[1]
    slopes = np.stack([(vectors**2).T @ np.diag(one) for one in (np.eye(5), STEPS)], axis=1)[rows]
    covariance = np.linalg.inv(slopes.T @ slopes)
    expected = covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1])
    shown = f"{expected:.2f}".replace("-", "−")
    expect(page.locator("#correlations td").nth(1)).to_have_text(shown)
    page.get_by_role("checkbox", name="v: held").uncheck()
    expect(page.locator("#correlations")).to_be_hidden()
    page.get_by_role("button", name="Search").click()
    expect(message(page)).to_contain_text("Loss")
    # The sign of the coupling is not determined by the levels: there are two solutions.
    solutions = page.locator("#solutions")
    expect(solutions).to_contain_text("solution 2")
    before = float(field(page, "v").input_value())
    page.get_by_role("button", name="Use solution 2").click()
    expect(page.locator("#undo")).to_be_enabled()
    expect(field(page, "v")).not_to_have_value(str(before))
    assert float(field(page, "v").input_value()) == pytest.approx(-before, rel=1e-3)
    assert abs(before) == pytest.approx(0.3, abs=0.02)


def test_a_prior_counts_in_the_fit_and_the_model_says_that_it_has_none(page):
    """A prior at 3 with the error 0.001 outweighs the levels, which say 2 with about 0.003."""
    page.get_by_text("Bounds and prior").nth(1).click()
    field(page, "step: prior mean").fill("3")
    field(page, "step: prior error").fill("0.001")
    field(page, "step: prior error").press("Enter")
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Loss")
    assert 2.5 < float(field(page, "step").input_value()) < 3.0
    expect(page.locator("#correlations-note")).to_contain_text("knows only the priors")
    expect(page.get_by_role("button", name="Make the model anew")).to_be_visible()
    field(page, "step: highest").fill("2.5")
    field(page, "step: highest").press("Enter")
    expect(field(page, "step")).to_have_value("2.5")
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Loss")
    expect(page.locator(".parameter").nth(1).locator("output")).to_have_text("at its bound")


def test_numbers_are_typed_as_people_write_them(page):
    """A field of type "number" would make 15 of 1,5, and 2 of a pasted −2 with a long minus."""
    for typed, value in (("1,5", "1.5"), ("−2", "-2"), ("1e3", "1000"), (" .5 ", "0.5")):
        field(page, "offset").fill("")
        field(page, "offset").press_sequentially(typed)
        field(page, "offset").press("Enter")
        expect(field(page, "offset")).to_have_value(value)
    for wrong in ("1,234.5", "x", "1e999", "0x10", "Infinity"):
        field(page, "offset").fill(wrong)
        field(page, "offset").press("Enter")
        expect(message(page)).to_contain_text("offset must be a number")
        expect(field(page, "offset")).to_have_value("0.5")
        say_something_else(page)


def test_bounds_and_priors_that_are_wrong_are_not_shown_as_if_they_held(page):
    page.get_by_text("Bounds and prior").nth(1).click()
    for name, wrong, said in (
        ("step: lowest", "20", "must be below"),
        ("step: highest", "x", "must be numbers"),
        ("step: prior error", "-1", "must be positive"),
    ):
        before = field(page, name).input_value()
        field(page, name).fill(wrong)
        field(page, name).press("Enter")
        expect(message(page)).to_contain_text(said)
        expect(field(page, name)).to_have_value(before)
    field(page, "step: prior mean").fill("3")
    field(page, "step: prior mean").press("Tab")
    expect(message(page)).to_contain_text("there is none until both are given")
    # Half a prior neither hinders a bound nor is it lost.
    field(page, "step: highest").fill("1,5")
    field(page, "step: highest").press("Tab")
    expect(field(page, "step")).to_have_value("1.5")
    expect(field(page, "step: prior mean")).to_have_value("3")
    field(page, "step: prior error").fill("0.1")
    field(page, "step: prior error").press("Tab")
    say_something_else(page)
    field(page, "step: prior mean").fill("")
    field(page, "step: prior mean").press("Tab")
    expect(message(page)).to_contain_text("there is none until both are given")
    page.get_by_role("button", name="Undo").click()
    expect(field(page, "step: prior mean")).to_have_value("3")


def say_something_else(page: Page) -> None:
    """Empty the message, so that the next one is a new one."""
    message(page).evaluate("one => { one.textContent = ''; }")


def test_errors_are_shown_to_two_digits(page):
    """A tiny error is not shown as zero."""
    shown = page.evaluate(
        """async () => {
          const { shown, withError } = await import("./static/numbers.js");
          return [withError(12.3456, 0.5555), withError(-1250.4, 31.2), withError(3.25, 1.24e-15),
            withError(2, 0), shown(-3.55e-15)];
        }"""
    )
    assert shown == ["12.35 ± 0.56", "−1250 ± 31", "3.25 ± 1.2e−15", "2", "−3.55e−15"]


def test_values_that_are_not_finite_are_said_and_not_drawn(page):
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Loss")
    field(page, "step").fill("10")
    field(page, "step").press("Enter")
    expect(message(page)).to_have_text("")  # what was said of the fit no longer holds
    page.route(
        "**/*:predict",
        lambda route: route.fulfill(body='{"outputs": {"values": [[NaN, Infinity, 1, 2, 3]]}}'),
    )
    field(page, "offset").fill("7")
    field(page, "offset").press("Enter")
    expect(page.locator("#rms")).to_contain_text("no finite values")
    lines = page.locator("#levels line.computed")
    found = [line.get_attribute("visibility") for line in lines.all()]
    assert found == ["hidden", "hidden", "visible", "visible", "visible"]
    page.unroute("**/*:predict")


def test_nothing_can_be_changed_while_a_fit_runs(page):
    page.evaluate(
        """() => {
          const own = window.fetch;
          const allowed = new Promise((done) => { window.goOn = done; });
          window.fetch = async (...given) => { await allowed; return own(...given); };
        }"""
    )
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_have_text("Fitting.")
    assert page.evaluate("[...document.querySelectorAll('[inert]')].map((one) => one.id)") == [
        "bar",
        "page",
    ]
    page.keyboard.press("Control+z")
    expect(message(page)).to_have_text("Fitting.")
    page.evaluate("window.goOn()")
    expect(message(page)).to_contain_text("Loss")
    assert page.locator("[inert]").count() == 0


def test_a_model_that_another_page_replaced_is_not_asked(page, workbench):
    """Its values would be those of other lines."""
    version = state_of(workbench)["version"]
    body = {"signature_name": "spectrum", "inputs": {"parameters": [[1.0, 2.0, 0.3]]}}
    for number, status in ((int(version), 200), (int(version) + 1, 404)):
        path = f"v1/models/problem/versions/{number}:predict"
        assert get(workbench, path, body)[0] == status
    old = f"/versions/{version}:"
    page.route(
        "**/*:predict",
        lambda route: route.continue_(url=route.request.url.replace(old, "/versions/999:")),
    )
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Another page of this workbench has made another model")
    page.unroute("**/*:predict")


def test_what_a_page_says_when_the_workbench_is_gone_or_another(page, workbench):
    token = workbench.address.rsplit("/", 2)[1]
    page.route(
        "**/*:predict",
        lambda route: route.continue_(url=route.request.url.replace(token, "another")),
    )
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Take the whole address")
    page.unroute("**/*:predict")
    page.route("**/*:predict", lambda route: route.abort())
    page.get_by_role("slider", name="offset, slider").press("ArrowRight")
    expect(message(page)).to_contain_text("The workbench does not answer")
    page.unroute("**/*:predict")


def test_reassign_leave_out_undo_save_reload(page, folder, eagerly):
    # The observed level 4 is clicked and becomes level 3.
    page.locator('#levels [data-target="4"]').click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("4: observed 9.045")
    dialog.get_by_role("combobox").select_option("3")
    dialog.get_by_role("button", name="Reassign").click()
    expect(message(page)).to_contain_text("The data were changed")
    expect(page.get_by_role("row", name="3 9.045")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("row", name="4 9.045")).to_be_visible()
    page.get_by_role("button", name="Leave out 1").click()
    expect(page.locator("tr.out")).to_contain_text("1")
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Loss")
    page.get_by_role("button", name="Save").click()
    expect(message(page)).to_contain_text("Saved: ladder.toml, ladder_data.csv")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Report").click()
    expect(opened.value.get_by_role("heading", name="A ladder")).to_be_visible()
    opened.value.close()
    problem = Problem.read(folder / "ladder.toml", allow_python=True)
    assert np.isnan(problem.targets[0]).tolist() == [False, True, False, True, False]
    offset = field(page, "offset").input_value()
    assert problem.starts["offset"] == pytest.approx(float(offset), rel=1e-9)
    page.reload()
    expect(message(page)).to_contain_text("Turn the parameters")
    expect(field(page, "offset")).to_have_value(offset)
    expect(page.locator("tr.out")).to_contain_text("1")


def test_a_table_is_pasted(page):
    page.get_by_text("Edit the table, or paste another").click()
    page.get_by_role("textbox", name="The table").fill(
        "level\tenergy\n0\t0,955\n1\t3,0\n2\t5,000\n3\t7,000\n"
    )
    page.get_by_role("button", name="Take this table").click()
    expect(message(page)).to_contain_text("The data were changed")
    expect(page.get_by_role("button", name="Leave out 3")).to_be_visible()
    page.get_by_role("textbox", name="The table").fill("level,energy\n0,abc\n")
    page.get_by_role("button", name="Take this table").click()
    expect(message(page)).to_contain_text("the table, line 2")
    expect(page.get_by_role("button", name="Leave out 3")).to_be_visible()
    # Many faults do not cover the page.
    bad = "\n".join(f"{k},x" for k in range(300))
    page.get_by_role("textbox", name="The table").fill(f"level,energy\n{bad}\n")
    page.get_by_role("button", name="Take this table").click()
    expect(message(page)).to_contain_text("line 200")
    box = message(page).bounding_box()
    assert box is not None
    assert box["height"] < 200
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Leave out 4")).to_be_visible()
    page.get_by_text("Observed minus computed").click()
    expect(page.locator("#figure .plotly").first).to_be_visible()


def test_the_keyboard_alone_suffices(page):
    """Everything is reached by Tab, and done by arrows, Space and Enter."""

    def tab_to(label: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            found = page.evaluate(
                "(document.activeElement.getAttribute('aria-label') ?? "
                "document.activeElement.textContent).trim()"
            )
            if found == label:
                return
        raise AssertionError(f"Tab does not reach {label!r}")

    tab_to("offset, slider")
    page.keyboard.press("ArrowRight")
    expect(field(page, "offset")).not_to_have_value("0.8")
    page.keyboard.press("Control+z")
    expect(field(page, "offset")).to_have_value("0.8")
    tab_to("offset: held")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="offset: held")).to_be_checked()
    tab_to("Leave out 2")
    page.keyboard.press("Enter")
    expect(page.locator("tr.out")).to_contain_text("2")
    # The table is another one, but the focus is where it was.
    expect(page.get_by_role("button", name="Take in 2")).to_be_focused()
    tab_to("Reassign 4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("ArrowUp")  # the select has the focus: level 3
    tab_to("Reassign")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="3 9.045")).to_be_visible()
    tab_to("Fit")
    page.keyboard.press("Enter")
    expect(message(page)).to_contain_text("Loss")
    assert float(field(page, "offset").input_value()) == 0.8


def test_the_page_fits_400_pixels(page):
    page.set_viewport_size({"width": 400, "height": 800})
    page.get_by_role("button", name="Fit").click()
    expect(message(page)).to_contain_text("Loss")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    for name in ("offset", "step", "v"):
        box = field(page, name).bounding_box()
        assert box is not None
        assert box["width"] > 80
        assert box["x"] + box["width"] <= 400


def test_a_fault_of_the_server_is_said_on_the_page(page, folder):
    (folder / "ladder.toml").write_text(FILE.replace("title", "titel"))
    page.reload()
    expect(message(page)).to_contain_text("did you mean 'title'?")
