"""lab.toml is found from any working folder: by modules, by a kernel started elsewhere, and by what VS Code tells."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from jupyter_client.manager import KernelManager
from made_lab import lab

import devops_lab as dl
from devops_lab.cli import cli
from devops_lab.config.place import VSCODE, nearest, settings_path
from devops_lab.errors import ConfigError
from devops_lab.reports import question, report
from devops_lab.reports.pipeline_parameters import wanted

TEXT = '[lab]\nstore = "facts"\n[[service]]\nname = "{name}"\nclone = "."\ndeployment = {{ from = "merges" }}\n'


def written(folder: Path, name: str = "checkout") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lab.toml").write_text(TEXT.format(name=name), "utf-8")
    return folder / "lab.toml"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder; the working folder is below it."""
    (tmp_path / "home" / "work" / "lab" / "notebooks").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home" / "work" / "lab" / "notebooks")
    return tmp_path / "home"


def test_a_worked_example(home):
    # home/work/lab/lab.toml, asked for in home/work/lab/notebooks: one folder up; its store lies beside it
    there = written(home / "work" / "lab")
    settings = dl.load()
    assert settings.path == there
    assert settings.store == str(home / "work" / "lab" / "facts")
    assert settings.corrections == home / "work" / "lab" / "corrections.toml"


def test_the_nearest_wins(home):
    written(home), written(home / "work", "further"), written(home / "work" / "lab", "nearer")
    assert [one.name for one in dl.load().service] == ["nearer"]
    here = written(Path.cwd(), "here")
    assert dl.load("lab.toml").path == here


def test_the_home_folder_is_the_last_one(home):
    written(home.parent, "of-somebody-else")
    assert nearest() is None
    there = written(home)
    assert nearest() == there


def test_nothing_is_taken_from_a_folder_that_everybody_may_write_to(tmp_path, monkeypatch):
    shared, mine = tmp_path / "shared", tmp_path / "shared" / "mine"
    written(shared, "of-a-stranger")
    mine.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(mine)
    assert nearest() == shared / "lab.toml"
    shared.chmod(0o1777)
    assert nearest() is None
    monkeypatch.chdir(shared)  # who works in it means it
    assert nearest() == shared / "lab.toml"


def test_a_user_without_a_home_searches_up_to_the_root(tmp_path, monkeypatch):
    def nowhere():
        raise RuntimeError("no home")

    there = written(tmp_path / "lab")
    (tmp_path / "lab" / "deep" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "lab" / "deep" / "deeper")
    monkeypatch.setattr(Path, "home", nowhere)
    assert nearest() == there


@pytest.mark.parametrize("given", ["./lab.toml", "notebooks/lab.toml", "../none/lab.toml"])
def test_a_path_is_taken_as_it_is(home, given):
    written(home / "work" / "lab")
    assert settings_path(given) == Path(given).absolute()
    with pytest.raises(ConfigError, match="there is no such file; `devops-lab init` writes one"):
        dl.load(given)


def test_the_tilde_is_the_home_folder(home):
    there = written(home / "mine")
    assert dl.load("~/mine/lab.toml").path == there


def test_another_name_is_looked_for_as_well(home):
    there = written(home / "work").rename(home / "work" / "staging.toml")
    assert dl.load("staging.toml").path == there


def test_the_error_says_where_was_looked_and_the_way_out(home):
    with pytest.raises(ConfigError) as problem:
        dl.load()
    said = str(problem.value)
    assert str(Path.cwd() / "lab.toml") in said
    assert f"nor in the folders above it up to {home};" in said
    assert "`devops-lab init` writes one, or name the path" in said


def test_questions_pipelines_and_commands_find_it(home, monkeypatch):
    there = written(home / "work" / "lab")
    assert question.ask().settings.path == there
    run = wanted("lab.toml", "", "acme/checkout", "deploy.yml", "main", "", "", "60", "", "fail", "", "")
    assert run.settings.path == there
    said = CliRunner().invoke(cli, ["config", "show", "checkout"])
    assert said.exit_code == 0 and "merges" in said.output


def test_without_one_a_question_goes_without(home):
    assert question.ask().settings is None


def test_a_report_from_the_notebooks_folder_is_of_the_lab_above(home):
    folder = home / "work" / "lab"
    lab(folder, weeks=8)
    page = report("report_dora", last="8 weeks")
    assert page == Path("reports/report_dora.html") and "checkout" in page.read_text("utf-8")


# ---------------------------------------------------------------- kernels, as editors start them


def asked_in_a_kernel(cwd: Path, source: str) -> str:
    """What a kernel that was started in `cwd` says to `source`."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(cwd), extra_arguments=["--HistoryManager.enabled=False"])
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said: list[str] = []
        client.execute_interactive(
            source, timeout=120, output_hook=lambda one: said.append(str(one["content"].get("text", one["content"])))
        )
        return "".join(said)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


FIND = "import devops_lab as dl; from devops_lab.reports import question, phases\n"
TELL = "print('FOUND', dl.load().path, question.ask().settings.path, phases.ask().settings.path)"


@pytest.mark.parametrize("cwd", ["work/lab/notebooks", "work/lab", "work/lab/deep/er"])
def test_a_kernel_in_the_notebooks_folder_in_the_root_or_deeper_finds_it(home, cwd):
    there = written(home / "work" / "lab")
    (home / cwd).mkdir(parents=True, exist_ok=True)
    assert f"FOUND {there} {there} {there}" in asked_in_a_kernel(home / cwd, FIND + TELL)


def test_a_kernel_in_a_workspace_above_it_finds_it_by_what_vs_code_tells(home):
    there = written(home / "work" / "lab")
    tells = f"{VSCODE} = {str(home / 'work/lab/notebooks/12_build.ipynb')!r}\n"  # as VS Code does before the first cell
    assert f"FOUND {there} {there} {there}" in asked_in_a_kernel(home / "work", tells + FIND + TELL)
    assert "there is no such file" in asked_in_a_kernel(home / "work", FIND + TELL)


def test_a_report_from_such_a_notebook_is_told_the_path(home, monkeypatch):
    lab(home / "work" / "lab", weeks=8)
    monkeypatch.chdir(home / "work")
    monkeypatch.setattr(sys.modules["__main__"], VSCODE, str(home / "work/lab/notebooks/mine.ipynb"), raising=False)
    page = report("report_dora", last="8 weeks")
    assert "checkout" in page.read_text("utf-8")
    sealed = page.with_name("report_dora.seal.json").read_text("utf-8")
    assert "lab/lab.toml" in sealed and str(home) not in sealed
