"""Notebooks and Git: opening and running one is no change; a person's own copies; what `make lint` refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from jupyter_server.services.contents.filemanager import FileContentsManager
from traitlets.config import Config

from devops_lab.cli import cli
from devops_lab.errors import QuestionError, UserError
from devops_lab.reports import clean, copying, lookup, saving

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUN = {  # a notebook as JupyterLab leaves it after a run, but for its layout
    "cells": [
        {"cell_type": "markdown", "id": "words", "metadata": {}, "source": ["# Words\n", "and more"]},
        {
            "cell_type": "code",
            "execution_count": 7,
            "id": "sum",
            "metadata": {
                "collapsed": True,
                "execution": {"iopub.execute_input": "2026-10-01T08:00:00Z"},
                "jupyter": {"outputs_hidden": True, "source_hidden": True},
                "scrolled": True,
                "tags": ["parameters"],
            },
            "outputs": [
                {"data": {"text/plain": ["2"]}, "execution_count": 7, "metadata": {}, "output_type": "execute_result"}
            ],
            "source": ["1 + 1"],
        },
    ],
    "metadata": {
        "kernelspec": {"display_name": "lab (3.11.2)", "language": "python", "name": "lab-venv"},
        "language_info": {"file_extension": ".py", "name": "python", "version": "3.11.2"},
        "title": "said by a person",
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}
CLEAN = {
    "cells": [
        RUN["cells"][0],
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "sum",
            "metadata": {"jupyter": {"source_hidden": True}, "tags": ["parameters"]},
            "outputs": [],
            "source": ["1 + 1"],
        },
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "title": "said by a person",
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


def text(notebook) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def said(*arguments: str):
    return CliRunner().invoke(cli, ["notebooks", *arguments], standalone_mode=False)


# ---------------------------------------------------------------- clean


def test_a_worked_example():
    assert json.loads(clean.cleaned(text(RUN))) == CLEAN
    assert clean.found(text(RUN)) == ["outputs", "execution counts", "the metadata of a run or machine"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_shipped_ones_are_clean(path):
    given = path.read_text("utf-8")
    assert clean.found(given) == []
    assert clean.cleaned(given) == given


@pytest.mark.parametrize("given", [text(RUN), json.dumps(RUN), json.dumps(RUN, indent=4), "\ufeff" + text(RUN)])
def test_cleaning_twice_is_cleaning_once_whatever_wrote_it(given):
    once = clean.cleaned(given)
    assert clean.cleaned(once) == once == clean.cleaned(text(RUN))
    nbformat.validate(nbformat.reads(once, as_version=4))


def test_a_text_as_source_and_lacking_or_double_ids_are_put_right_the_same_each_time():
    cells = [{"cell_type": "code", "metadata": {"id": "of-colab"}, "outputs": [], "source": "a\nb"}]
    cells += [{"cell_type": "markdown", "id": "x", "metadata": {}, "source": []}] * 2
    given = {"cells": cells, "metadata": {"colab": {"provenance": []}}, "nbformat": 4, "nbformat_minor": 0}
    found = json.loads(clean.cleaned(json.dumps(given)))
    assert [cell["id"] for cell in found["cells"]] == ["of-colab", "x", "cell-02"]
    assert found["cells"][0]["source"] == ["a\n", "b"] and found["nbformat_minor"] == 5
    nbformat.validate(nbformat.from_dict(found))
    assert "no ids of cells" in clean.found(json.dumps(given))


def test_a_notebook_of_another_language_keeps_its_kernel():
    kernel = {"display_name": "R", "language": "R", "name": "ir"}
    given = {**RUN, "metadata": {"kernelspec": kernel, "language_info": {"name": "R", "version": "4.5"}}}
    assert json.loads(clean.cleaned(text(given)))["metadata"] == {"kernelspec": kernel, "language_info": {"name": "R"}}


@pytest.mark.parametrize(
    ("given", "why"),
    [("<<<<<<< HEAD\n", "it is not JSON"), ("[]", "it has no cells"), ('{"worksheets": []}', "format")],
)
def test_what_is_no_notebook_is_named_and_left(tmp_path, given, why):
    path = tmp_path / "broken.ipynb"
    path.write_text(given)
    with pytest.raises(QuestionError, match=f"broken.ipynb is no notebook.*{why}"):
        clean.clean(path)
    assert path.read_text() == given


def test_the_command_cleans_checks_and_names_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks" / "mine.ipynb"
    path.write_text(text(RUN), "utf-8")
    checked = said("clean", "--check", "notebooks")
    assert checked.return_value == 1
    assert "notebooks/mine.ipynb: outputs, execution counts, the metadata of a run or machine" in checked.output
    assert path.read_text("utf-8") == text(RUN)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")  # the notebooks beside lab.toml are meant from below as well
    assert said("clean").return_value == 0
    assert json.loads(path.read_text("utf-8")) == CLEAN
    assert said("clean", "--check").return_value == 0
    assert "name a notebook" in str(said("clean", "nowhere").exception)


def test_make_lint_checks_the_shipped_ones():
    lint = re.search(r"^lint:.*?(?=^\S)", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL).group()
    assert ".venv/bin/devops-lab notebooks clean --check notebooks\n" in lint


# ---------------------------------------------------------------- open and save


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_jupyters_server_reads_and_saves_is_the_same_file(path, tmp_path):
    (tmp_path / path.name).write_bytes(path.read_bytes())
    contents = FileContentsManager(root_dir=str(tmp_path))
    model = json.loads(json.dumps(contents.get(path.name, type="notebook"), default=str))  # over HTTP and back
    contents.save({"type": "notebook", "format": "json", "content": model["content"]}, path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


# ---------------------------------------------------------------- Git


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with the shipped notebooks, as `make setup` leaves it; Jupyter's hooks are for this test alone."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    folder = tmp_path / "clone"
    (folder / "notebooks").mkdir(parents=True)
    for path in (*NOTEBOOKS, ROOT / ".gitignore", ROOT / "lab.toml"):
        (folder / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    git(tmp_path, "init", "-q", "clone")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "notebooks")
    monkeypatch.chdir(folder)
    assert "is no change for Git in this clone" in said("clean", "--install", "notebooks").output
    return folder


@pytest.fixture
def jupyter(clone):
    """Jupyter's file server with the settings that were installed."""
    place = clone.parent / "environment/etc/jupyter/jupyter_server_config.json"
    return FileContentsManager(root_dir=str(clone), config=Config(json.loads(place.read_text())))


def git(folder, *arguments):
    settings = ("-c", "user.name=mona", "-c", "user.email=mona@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def saved(jupyter, name, change):
    """Open a notebook, let `change` do with it what JupyterLab does, and save it; return the file's text."""
    content = json.loads(json.dumps(jupyter.get(f"notebooks/{name}", type="notebook")["content"]))
    change(content)
    jupyter.save({"type": "notebook", "format": "json", "content": content}, f"notebooks/{name}")
    return Path(jupyter.root_dir, "notebooks", name).read_text("utf-8")


def opened(content):
    """What JupyterLab 4 does to a notebook that it opens, as soon as the kernel has said who it is."""
    content["metadata"] |= RUN["metadata"] | {"title": "said by a person"}
    del content["metadata"]["title"], content["metadata"]["widgets"]


def ran(content):
    opened(content)
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    cell |= {"execution_count": 7, "outputs": RUN["cells"][1]["outputs"]}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_opening_and_saving_changes_no_byte(jupyter, clone, path):
    assert saved(jupyter, path.name, opened) == path.read_text("utf-8")
    assert git(clone, "status", "--porcelain") == ""


def test_running_and_saving_keeps_the_outputs_and_is_no_change(jupyter, clone):
    assert '"execution_count": 7' in saved(jupyter, "12_build.ipynb", ran)
    assert git(clone, "status", "--porcelain") == "" == git(clone, "diff", "HEAD")


def test_without_hooks_a_run_is_nothing_to_commit(clone):
    path = clone / "notebooks" / "00_start_here.ipynb"
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", path]
    subprocess.run(command, cwd=clone, check=True, capture_output=True, timeout=300)
    assert "lab-tile" in path.read_text("utf-8") and '"version"' in path.read_text("utf-8")
    assert git(clone, "diff", "HEAD") == ""
    assert git(clone, "status", "--porcelain") == " M notebooks/00_start_here.ipynb\n"  # by its size; see `saving`
    git(clone, "add", ".")
    assert git(clone, "status", "--porcelain") == ""


def test_what_was_staged_meanwhile_stays_staged(jupyter, clone):
    path = clone / "notebooks" / "12_build.ipynb"
    path.write_text(path.read_text("utf-8").replace("The numbers", "Staged"), "utf-8")
    git(clone, "add", ".")
    assert "Staged" in saved(jupyter, path.name, ran)
    assert git(clone, "status", "--porcelain") == "M  notebooks/12_build.ipynb\n"
    saved(jupyter, path.name, lambda content: content["cells"].pop())
    assert git(clone, "status", "--porcelain") == "MM notebooks/12_build.ipynb\n"


def test_other_notebooks_are_saved_as_they_are(jupyter, clone):
    (clone / "mine.ipynb").write_text(text(RUN), "utf-8")
    content = jupyter.get("mine.ipynb", type="notebook")["content"]
    jupyter.save({"type": "notebook", "format": "json", "content": content}, "mine.ipynb")
    assert json.loads((clone / "mine.ipynb").read_text("utf-8"))["metadata"] == RUN["metadata"]
    git(clone, "config", "--remove-section", "filter.devops-lab-notebooks")
    assert "3.11.2" in saved(jupyter, "12_build.ipynb", opened)


def test_what_a_person_changes_is_a_change_and_only_that(clone):
    path = clone / "notebooks" / "12_build.ipynb"
    notebook = json.loads(path.read_text("utf-8"))
    notebook["cells"][1]["source"].append("\n# mine")
    notebook["cells"][1]["outputs"] = RUN["cells"][1]["outputs"]
    path.write_text(json.dumps(notebook), "utf-8")
    lines = git(clone, "diff").splitlines()
    changed = [line for line in lines if re.match(r"[+-](?![+-])", line)]
    assert any("# mine" in line for line in changed) and len(changed) == 3
    path.write_text("<<<<<<< half merged\n")  # goes through as it is
    assert "half merged" in git(clone, "diff")


def test_installing_twice_writes_one_line_and_other_notebooks_are_left_alone(clone):
    said("clean", "--install", "notebooks")
    attributes = (clone / ".git" / "info" / "attributes").read_text().splitlines()
    assert attributes == ["/notebooks/*.ipynb filter=devops-lab-notebooks"]
    (clone / "other.ipynb").write_text(text(RUN), "utf-8")
    git(clone, "add", "other.ipynb")
    assert git(clone, "show", ":other.ipynb") == text(RUN)


def test_other_settings_of_jupyter_stay(clone):
    place = clone.parent / "environment/etc/jupyter/jupyter_server_config.json"
    place.write_text('{"ServerApp": {"port": 9999}, "FileContentsManager": {"post_save_hook": "mine.hook"}}')
    said("clean", "--install", "notebooks")
    assert json.loads(place.read_text()) == {
        "ServerApp": {"port": 9999},
        "FileContentsManager": {
            "pre_save_hook": "devops_lab.reports.saving.before_saving", "post_save_hook": "mine.hook",
        },
    }  # fmt: skip
    place.write_text("{")
    assert "is no JSON" in str(said("clean", "--install", "notebooks").exception)


def test_outside_a_clone_git_is_not_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="is in no clone"):
        saving.install(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        saving.install(tmp_path / "nowhere")


# ---------------------------------------------------------------- copies


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder with lab.toml; the working folder is one below."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "lab" / "deep").mkdir(parents=True)
    (tmp_path / "lab" / "lab.toml").write_text("")
    monkeypatch.chdir(tmp_path / "lab" / "deep")
    return tmp_path / "lab"


def test_a_copy_lies_beside_lab_toml_and_wins(beside):
    done = said("copy", "dora")
    own = beside / "notebooks" / "report_dora.ipynb"
    assert done.output.splitlines()[0] == str(own)
    assert own.read_bytes() == lookup.shipped("report_dora").read_bytes()
    assert lookup.notebook_path("dora") == lookup.notebook_path("report_dora") == own
    assert lookup.notebook_path("report_loop") == lookup.shipped("report_loop")


def test_the_settings_that_are_named_say_whose_copies_are_meant(beside, tmp_path, monkeypatch):
    said("copy", "dora")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert lookup.notebook_path("dora") == lookup.shipped("dora")
    assert lookup.notebook_path("dora", beside) == beside / "notebooks" / "report_dora.ipynb"


def test_a_copy_is_not_written_over_but_with_force(beside):
    path = copying.copy("12_build")
    path.write_text("mine")
    with pytest.raises(UserError, match=r"12_build\.ipynb is there already; change it, or write over it with --force"):
        copying.copy("12_build")
    assert path.read_text() == "mine"
    assert copying.copy("12_build", force=True).read_bytes() == lookup.shipped("12_build").read_bytes()


def test_a_copy_elsewhere_and_one_of_nothing(beside):
    assert copying.copy("12_build", to="some/where") == Path("some/where/12_build.ipynb")
    with pytest.raises(QuestionError, match="there is no notebook '12_biuld'; did you mean 12_build"):
        copying.copy("12_biuld")
    with pytest.raises(QuestionError, match="did you mean report_dora"):
        lookup.notebook_path("report_doar")
    with pytest.raises(UserError, match="cannot be written"):
        copying.copy("12_build", to=beside / "lab.toml" / "x")


def test_the_labs_own_notebook_is_not_copied_onto_itself(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match="is the lab's own notebook"):
        copying.copy("12_build", force=True)


def test_the_list_says_whose_each_is(beside):
    names = [one.name for one in copying.listed()]
    assert names == [path.stem for path in NOTEBOOKS] and {one.whose for one in copying.listed()} == {"the lab's"}
    copying.copy("12_build").write_text(text(RUN), "utf-8")
    run = json.loads(copying.copy("11_code").read_text("utf-8"))
    run["cells"][1]["execution_count"] = 3
    (beside / "notebooks" / "11_code.ipynb").write_text(text(run), "utf-8")
    copying.copy("13_test").rename(beside / "notebooks" / "mine.ipynb")
    found = {one.name: one.whose for one in copying.listed()}
    assert found["12_build"] == "yours, changed" and found["11_code"] == "yours, unchanged"
    assert found["mine"] == "yours" and found["13_test"] == "the lab's"
    lines = said("list").output.splitlines()
    assert any(re.match(r"12_build +yours, changed +Words +.*12_build\.ipynb$", line) for line in lines)
    assert any(re.match(r"00_start_here +the lab's +Start here$", line) for line in lines)
