"""The report page: what stands in it, that all text stays text, and how it opens in a browser."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.viz.browser import opened
from tinygrad_hw import nn, viz
from tinygrad_hw.nn import functional as F
from tinygrad_hw.vision.models import LeNet
from tinygrad_hw.viz.canvas import BAD, FAINT, GOOD, INK, MUTED, PAPER
from tinygrad_hw.viz.page import figure_svg, table

EVIL = '<script>alert("1")</script>'
VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """Reads a page; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


def make_run(folder: Path) -> Path:
    """Make a run folder with everything in it."""
    folder.mkdir()
    (folder / "config.toml").write_text(f"model = \"lenet\"\nnote = '{EVIL}'\n# {'long ' * 60}\n", encoding="utf-8")
    (folder / "metrics.csv").write_text(
        "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,lr,seconds\n"
        "1,1.5,0.5,1.4,0.55,0.1,2.0\n2,1.0,0.7,1.1,0.65,0.1,2.5\n3,0.8,0.75,1.2,0.6,0.05,3.0\n",
        encoding="utf-8",
    )
    torch.save(LeNet(image_size=8).state_dict(), folder / "model.pt")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "a run")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, viz.RunMaterial]:
    """A page with every part in it, and what it was made from."""
    folder, material = make_run(tmp_path_factory.mktemp("report") / "a run"), full()
    return viz.write_report(folder, material), material


def full() -> viz.RunMaterial:
    """Return material for every part of the page."""
    model = LeNet(image_size=8)
    rng = np.random.default_rng(0)
    images, targets = torch.rand(30, 1, 8, 8), torch.tensor(rng.integers(0, 10, 30))
    with torch.no_grad():
        scores = model(images)
    return viz.RunMaterial(
        title=f"LeNet {EVIL}",
        facts={"machine": EVIL},
        model=model,
        images=images,
        targets=targets,
        scores=scores,
        class_names=[EVIL, *"abcdefghi"],
        loss=F.cross_entropy(model(images[:4]), targets[:4]),
        summary=f"{'=' * 120}\n{EVIL}",
        environment={"CPU": "some & other", "flags": EVIL},
    )


def cards(page: str) -> list[str]:
    """Return what the pictures of the page say of themselves."""
    return [attrs["aria-label"] or "" for tag, attrs in Page(page).tags if tag == "svg" and "aria-label" in attrs]


def test_everything_is_in_the_page(written: tuple[Path, viz.RunMaterial]) -> None:
    path, material = written
    assert path.name == "report.html"
    assert material.model is not None
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert cards(text) == [
        "Learning curves; in the last epoch train loss 0.8, train accuracy 0.75, validation loss 1.2, "
        "validation accuracy 0.6, lr 0.05",
        "Confusion matrix of the test set",
        "The wrongly classified images with the highest loss",
        "The filters of conv1.weight as small pictures",
        "What each layer makes of one image",
        "A histogram of the weights of each layer",
        "The size of each weight's gradient",
    ]
    words = page.words()
    right = int((material.scores.argmax(1) == material.targets).sum())
    assert f"test accuracy {100 * right / 30:.2f} % {30 - right} of 30 wrong" in words
    assert "best validation accuracy 65.00 % in epoch 2" in words
    assert "best validation loss 1.1 in epoch 2" in words
    assert "epochs 3 7.5 s in all" in words
    assert f"parameters {sum(p.numel() for p in material.model.parameters()):,}" in words
    assert 'model = "lenet"' in words
    assert "some & other" in words
    for name in ("ConvolutionBackward0", "conv1.weight", "|g|", "NllLossBackward0"):
        assert name in words
    assert "Not drawn" not in words and "Not complete" not in words
    assert re.findall(r"<td class=\"number\">([^<]*)</td>", text)[:3] == ["1.5", "50.00 %", "1.4"]
    assert all(p.grad is None for p in material.model.parameters()), "the gradients of the model are its own"


def test_all_text_stays_text(written: tuple[Path, viz.RunMaterial]) -> None:
    text = written[0].read_text(encoding="utf-8")
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags and "<script" not in text.lower()
    # The title twice, the fact, the configuration, the summary, the environment.
    assert page.words().count('<script>alert("1")</script>') >= 6
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on")]


def test_nothing_is_loaded_from_anywhere(written: tuple[Path, viz.RunMaterial]) -> None:
    text = written[0].read_text(encoding="utf-8")
    page = Page(text)
    links = [
        v or "" for _, attrs in page.tags for k, v in attrs.items() if k in ("src", "href", "xlink:href", "srcset")
    ]
    assert links and all(v.startswith(("data:", "#")) for v in links)
    assert not re.search(r"@import|url\((?!#)", text)
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags
    policy = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    identifiers = [a["id"] for _, a in page.tags if "id" in a]
    assert len(identifiers) == len(set(identifiers)) > 50
    assert {v[1:] for v in links if v.startswith("#")} <= set(identifiers)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(identifiers)


def test_the_same_material_gives_the_same_page(written: tuple[Path, viz.RunMaterial]) -> None:
    path, material = written
    again = viz.write_report(path.parent, material, path=path.parent / "again.html")
    assert again.read_bytes() == path.read_bytes()


def test_a_folder_alone_is_enough(run: Path) -> None:
    text = viz.write_report(run).read_text(encoding="utf-8")
    assert len(cards(text)) == 3, "curves, filters and histograms"
    words = Page(text).words()
    assert "a run" in words and "tinygrad_hw" in words
    count = sum(v.numel() for v in torch.load(run / "model.pt").values())
    assert f"numbers in the checkpoint {count:,}" in words


def test_an_empty_folder_and_none(tmp_path: Path) -> None:
    text = viz.write_report(tmp_path).read_text(encoding="utf-8")
    assert cards(text) == []
    assert "Environment" in text
    with pytest.raises(FileNotFoundError, match="nowhere"):
        viz.write_report(tmp_path / "nowhere")


def test_the_state_of_a_training_is_a_checkpoint_too(tmp_path: Path) -> None:
    model = nn.Linear(16, 3)
    torch.save({"format": "a training", "model": model.state_dict(), "epoch": 3}, tmp_path / "last.pt")
    text = viz.write_report(tmp_path).read_text(encoding="utf-8")
    assert "numbers in the checkpoint" in text and "<dd>51</dd>" in text
    (tmp_path / "last.pt").unlink()
    torch.save_npz(model.state_dict(), tmp_path / "model.npz")
    assert "<dd>51</dd>" in viz.write_report(tmp_path).read_text(encoding="utf-8")


def test_damaged_files_cost_their_own_part(run: Path) -> None:
    (run / "model.pt").write_bytes(b"no checkpoint")
    (run / "metrics.csv").write_text("epoch,train_loss\n1,<b>much</b>\n", encoding="utf-8")
    words = Page(viz.write_report(run).read_text(encoding="utf-8")).words()
    assert "metrics.csv could not be read: could not convert string to float: '<b>much</b>'" in words
    assert "model.pt could not be read" in words
    assert 'model = "lenet"' in words


def test_what_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    material = viz.RunMaterial(matrix=np.ones((2, 3)), loss=torch.ones(2), history={"train_loss": []})
    with pytest.raises(ValueError, match="square"):
        viz.confusion_matrix(material.matrix)
    words = Page(viz.write_report(tmp_path, material).read_text(encoding="utf-8")).words()
    assert "Not drawn: a confusion matrix is square" in words
    assert "Not drawn: the tensor of shape (2,) has no graph" in words
    assert "the history has no curves: there is no epoch to draw" in words


def test_gradients_of_a_freed_graph_are_those_of_the_model(tmp_path: Path) -> None:
    model = nn.Linear(4, 2)
    loss = F.cross_entropy(model(torch.rand(3, 4)), torch.tensor([0, 1, 1]))
    loss.backward()
    text = viz.write_report(tmp_path, viz.RunMaterial(model=model, loss=loss)).read_text(encoding="utf-8")
    assert "The size of each weight's gradient" in cards(text)
    assert f"|g| {float(model.weight.grad.norm()):.3g}" in Page(text).words()  # type: ignore[union-attr]


def test_without_matplotlib_the_page_has_its_text_and_the_graph(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    text = viz.write_report(run, full()).read_text(encoding="utf-8")
    words = Page(text).words()
    assert words.count('pictures need matplotlib: pip install "tinygrad-hw[plot]"') == 1
    assert cards(text) == []
    assert "ConvolutionBackward0" in words and "best validation loss" in words


def test_a_report_is_written_whole_or_not_at_all(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    viz.write_report(run)
    before = (run / "report.html").read_bytes()
    with pytest.raises(UnicodeEncodeError):
        viz.write_report(run, viz.RunMaterial(summary="\ud800"))
    assert (run / "report.html").read_bytes() == before
    assert sorted(p.name for p in run.iterdir()) == ["config.toml", "metrics.csv", "model.pt", "report.html"]


def test_figures_take_their_colours_from_the_page() -> None:
    figure = viz.learning_curves({"train_loss": [1.0, 0.5], "validation_loss": [1.0, 0.7]})
    text = figure_svg(figure, "f1", 'a "b" <c>')
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in text
    for color in (INK, MUTED, FAINT, GOOD, BAD, PAPER):
        assert color not in text
    assert "var(--good)" in text and "var(--bad)" in text
    head = text.split(">", 1)[0]
    assert "viewBox" in head and " width=" not in head


def test_table_escapes_and_heads() -> None:
    text = table(["a<"], [["<b>", "&"]], numbers=True)
    assert '<th scope="col" class="number">a&lt;</th>' in text
    assert '<th scope="row" class="number">&lt;b&gt;</th><td class="number">&amp;</td>' in text


@pytest.mark.browser
def test_the_page_in_a_browser(written: tuple[Path, viz.RunMaterial]) -> None:
    path = written[0]
    with opened() as browser:
        for width, dark in ((360, False), (360, True), (1280, False)):
            browser.show(path, width=width, dark=dark, mobile=width < 500)
            assert browser.evaluate("document.documentElement.scrollWidth") == width, "the page scrolls sideways"
            assert browser.evaluate("document.querySelectorAll('script').length") == 0
            shown = browser.evaluate(
                "[...document.querySelectorAll('figure > svg')]"
                ".map(s => s.getBoundingClientRect()).map(r => [r.width, r.height])"
            )
            assert len(shown) == 7 and all(0.8 * min(width, 500) < w <= width and h > 60 for w, h in shown)
            background, ink = (
                [int(v) for v in re.findall(r"\d+", browser.evaluate(f"getComputedStyle(document.body).{name}"))[:3]]
                for name in ("backgroundColor", "color")
            )
            assert (sum(background) < sum(ink)) is dark
            # A line of text in a picture is drawn in the page's colour.
            line = "getComputedStyle(document.querySelector('svg [style*=\"--ink\"]')).fill"
            assert [int(v) for v in re.findall(r"\d+", browser.evaluate(line))[:3]] == ink
            problems = [e for e in browser.events if e[0] in ("Log.entryAdded", "Runtime.exceptionThrown")]
            problems += [e for e in browser.events if e[0] in ("Runtime.consoleAPICalled", "Network.loadingFailed")]
            assert problems == []
            asked = [e[1]["request"]["url"] for e in browser.events if e[0] == "Network.requestWillBeSent"]
            assert asked[0] == path.resolve().as_uri()
            assert all(url.startswith("data:") for url in asked[1:])


@pytest.mark.browser
def test_the_browser_test_notices_what_is_wrong(tmp_path: Path) -> None:
    """A page with an error, a missing file and too wide a line, to see that the checks above can fail."""
    path = tmp_path / "bad.html"
    path.write_text(
        '<!DOCTYPE html><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<img src="missing.png"><script>console.error("no"); undefined_name()</script>'
        '<div style="width: 900px">wide</div>',
        encoding="utf-8",
    )
    with opened() as browser:
        browser.show(path, width=360, mobile=True)
        assert browser.evaluate("document.documentElement.scrollWidth") >= 900
        seen: dict[str, Any] = dict(browser.events)
        assert {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.loadingFailed"} <= set(seen)
