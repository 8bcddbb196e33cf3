"""What a file may say is judged once, at the border: everything at once, each with its line, its key and its remedy."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from host.config import Config, ConfigError, load
from host.config.errors import Fault

ROOT = Path(__file__).resolve().parents[4]
LIBRARY = re.compile(
    r"input should|pydantic|validation|expected|got |invalid|NoneType|traceback|value error|unterminated|"
    r"field required|permitted|valid (string|number|integer|boolean|list|dictionary)|at line|column",
    re.IGNORECASE,
)


def faults(tmp_path: Path, text: str) -> tuple[Fault, ...]:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert not LIBRARY.search(str(caught.value).replace(str(file), "")), caught.value
    return caught.value.faults


TASK = "[[tasks]]\nname = 'a'\nprompt = 'p'\n"
TO_SLACK = "to = { platform = 'slack', workspace = 'T1', channel = 'C1' }\n"
PROMPT = "{ title = 'a', message = 'b' }, "
HOOK = "[webhooks.ci]\nsecret_env = 'S'\nplatform = 'slack'\nworkspace = 'T1'\nchannel = 'C1'\n"


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        # keys
        ("\n[runner]\nlauncer = 'docker'\n", 3, "runner.launcer", 'Did you mean "launcher"?'),
        ("datta = 'x'\n", 1, "datta", 'Did you mean "data"?'),
        (
            "[host]\nbudget_usd_per_day = 3\n",
            2,
            "host.budget_usd_per_day",
            r"It belongs to \[agents.NAME\] or .* or \[model\]",
        ),
        ('[budgets.channels."general"]\n', 1, "budgets.channels.general", "slack/T012AB3CD/C012AB3CD"),
        ("[budgets.people.U012AB3CD]\n", 1, "budgets.people.U012AB3CD", 'Write "slack:U012AB3CD"'),
        (
            "[slack]\nbot_token = 'xoxb-12'\n",
            2,
            "slack.bot_token",
            "Secrets stand in .env, never here: SLACK_BOT_TOKEN",
        ),
        ("[model]\napi_key = 'sk-12'\n", 2, "model.api_key", "ANTHROPIC_API_KEY"),
        (f"{HOOK}styl = 'github'\n", 6, "webhooks.ci.styl", 'Did you mean "style"?'),
        ("[webhooks]\nprot = 1\n", 2, "webhooks.prot", 'Did you mean "port"?'),
        (
            "[agents.default]\nneeds = ['gpu']\n",
            2,
            "agents.default.needs",
            r"Remove it, or name \[cluster\] workspaces",
        ),
        (
            "[cluster]\ndatabase = 'postgresql://d@db/d'\nlabels = ['gpu']\n",
            3,
            "cluster.labels",
            "one machine serves all",
        ),
        ("[agents.Default]\n", 1, "agents.Default", "small letters, digits and hyphens"),
        ("[runner.limits]\nmemory = 5\n", 2, "runner.limits.memory", 'Did you mean "memory_mb"?'),
        # values
        ("[voice]\ncommand = 'hear \"it'\n", 2, "voice.command", "Close each quote"),
        (
            "[voice]\ncommand = '  '\n",
            2,
            "voice.command",
            "Write one such as 'python3 /agent/hear.py', or nothing",
        ),
        ("[voice]\ntimeout = 301\n", 2, "voice.timeout", "300"),
        ("[host]\nbells = 'maybe'\n", 2, "host.bells", "must be true or false"),
        ("[host]\nsweep_every = 'often'\n", 2, "host.sweep_every", "must be a number"),
        ("[cluster]\ndatabase = 'mysql://db/dovecote'\n", 2, "cluster.database", "postgresql://dovecote@db"),
        (
            "[cluster]\ndatabase = 'postgresql://d:hush@db/d'\n",
            2,
            "cluster.database",
            "Put it into .env as PGPASSWORD",
        ),
        ("[cluster]\ndatabase = 'postgresql://db/d?password='\n", 2, "cluster.database", "PGPASSWORD"),
        ("[cluster]\n", 1, "cluster.database", "is missing"),
        ("[runner]\nidle_exit = -1\n", 2, "runner.idle_exit", "must be more than 0"),
        ("[slack]\nsockets = 11\n", 2, "slack.sockets", "must be at most 10"),
        ("[runner]\nconcurrent = 1.5\n", 2, "runner.concurrent", "must be a whole number"),
        ("[access]\nowners = 'slack:U1'\n", 2, "access.owners", "must be a list"),
        ("runner = 5\n", 1, "runner", "must be a table"),
        ("[access]\nunknown = 'alow'\n", 2, "access.unknown", 'Did you mean "allow"?'),
        (
            "[agents.default]\nprovider = 'gpt'\n",
            2,
            "agents.default.provider",
            'one of "auto", "mock", "claude"',
        ),
        ("[[tasks]]\nname = 'a'\ncron = '@daily'\n" + TO_SLACK, 1, "tasks[0].prompt", "is missing"),
        (
            "[[agents.default.prompts]]\ntitle = ''\nmessage = 'x'\n",
            2,
            "agents.default.prompts[0].title",
            "must not be empty",
        ),
        (f"[agents.default]\nprompts = [{PROMPT * 5}]\n", 2, "agents.default.prompts", "4 of them at most"),
        ("[commands.aliases]\n'a b' = 'help'\n", 2, "commands.aliases.a b", "An alias is one word"),
        ("[commands.aliases]\nhelp = 'stop'\n", 1, "commands", "'help' is a command itself"),
        ("[commands.aliases]\nhilfe = 'hepl'\n", 2, "commands.aliases.hilfe", 'Did you mean "help"?'),
        # zones, times, patterns
        ("[host]\nzone = 'Europe/Berln'\n", 2, "host.zone", 'Did you mean "Europe/Berlin"?'),
        (f"{TASK}cron = '@daily'\nzone = 'CEST'\n{TO_SLACK}", 5, "tasks[0].zone", "no IANA time zone"),
        (f"{TASK}cron = '0 9 * *'\n{TO_SLACK}", 4, "tasks[0].cron", "five fields"),
        (f"{TASK}cron = '*/90 * * * *'\n{TO_SLACK}", 4, "tasks[0].cron", "two tasks"),
        (f"{TASK}cron = '0 0 30 2 *'\n{TO_SLACK}", 4, "tasks[0].cron", "day-of-month"),
        (f"{TASK}at = 'tomorrow'\n{TO_SLACK}", 4, "tasks[0].at", "2026-12-31 18:00"),
        (f"{TASK}{TO_SLACK}", 1, "tasks[0]", "nothing that begins it"),
        (f"{TASK}cron = '@daily'\nat = '2030-01-01 10:00'\n{TO_SLACK}", 1, "tasks[0]", "has cron and at"),
        (f"{TASK}reaction = 'two words'\n{TO_SLACK}", 4, "tasks[0].reaction", "not one emoji"),
        ("[[routes]]\nengage = 'pattern'\npattern = '(a'\n", 3, "routes[0].pattern", "no regular expression"),
        (
            "[[routes]]\nengage = 'pattern'\npattern = '(?=a)'\n",
            3,
            "routes[0].pattern",
            "without looking ahead or behind",
        ),
        ("[[routes]]\nengage = 'pattern'\n", 1, "routes[0]", "go together"),
        # names that lead nowhere
        ("[[routes]]\nagent = 'nobody'\n", 2, "routes[0].agent", r"write \[agents.nobody\]"),
        ("[agents.pigeon]\n[[routes]]\nagent = 'pigon'\n", 3, "routes[0].agent", 'Did you mean "pigeon"?'),
        ("[agents.pigeon]\n[[routes]]\nchannel = 'C1'\n", 2, "routes[0]", r"no \[agents.default\]"),
        (
            f"{TASK}cron = '@daily'\nagent = 'x'\n{TO_SLACK}",
            5,
            "tasks[0].agent",
            "'x' is no agent of this file",
        ),
        (f"{HOOK}agent = 'nobody'\n", 6, "webhooks.ci.agent", "'nobody' is no agent of this file"),
        (
            f"{TASK}cron = '@daily'\n{TO_SLACK}{TASK}cron = '@daily'\n{TO_SLACK}",
            7,
            "tasks[1].name",
            "another name",
        ),
        ("[[routes]]\n[[routes]]\nplatform = 'slack'\n", 2, "routes[1]", r"Put it before routes\[0\]"),
        ("[[routes]]\nplatform = 'slak'\n", 2, "routes[0].platform", 'Did you mean "slack"?'),
        ("[[routes]]\nplatform = 'irc'\n", 2, "routes[0].platform", 'one of "slack", "discord", "console"'),
        # ids
        ("[access]\nowners = ['U012AB3CD']\n", 2, "access.owners[0]", 'Write "slack:U012AB3CD"'),
        (
            "[access]\nusers = [\n 'slack:U1',\n '80351110224678912']\n",
            2,
            "access.users[1]",
            'Write "discord:80351110224678912"',
        ),
        ("[access]\nowners = ['slack:@ada']\n", 2, "access.owners[0]", "Copy member ID"),
        ("[access]\nchannels = ['slack:general']\n", 2, "access.channels[0]", "slack:C012AB3CD"),
        ("[access]\ngroups = ['discord:Keepers']\n", 2, "access.groups[0]", "Copy Role ID"),
        ("[[routes]]\nplatform = 'slack'\nchannel = '#general'\n", 3, "routes[0].channel", "C012AB3CD"),
        (
            "[[routes]]\nplatform = 'discord'\nchannel = 'general'\n",
            3,
            "routes[0].channel",
            "Copy Channel ID",
        ),
        (
            f"{TASK}cron = '@daily'\nto = {{ platform = 'slack', channel = 'C1' }}\n",
            5,
            "tasks[0].to.workspace",
            "begins with T",
        ),
        (
            f"{TASK}cron = '@daily'\nmentions = ['U1']\n{TO_SLACK}",
            5,
            "tasks[0].mentions[0]",
            'Write "slack:U1"',
        ),
        (
            "[agents.default.destinations.news]\nplatform = 'slack'\nworkspace = 'acme'\nchannel = 'C1'\n",
            3,
            "agents.default.destinations.news.workspace",
            "T012AB3CD",
        ),
        # addresses, hosts, models, options
        ("[slack]\napi_url = 'slack.com'\n", 2, "slack.api_url", "https://slack.com/api/"),
        ("[discord]\ngateway_url = 'https://x'\n", 2, "discord.gateway_url", "wss://"),
        ("[model]\nbase_url = 'localhost:4000'\n", 2, "model.base_url", "https://api.anthropic.com"),
        ("[credentials]\nonecli_url = '127.0.0.1'\n", 2, "credentials.onecli_url", "http://127.0.0.1:10254"),
        ("[runner]\nengine = '/var/run/docker.sock'\n", 2, "runner.engine", "unix:///var/run/docker.sock"),
        (
            "[agents.default.network]\nallow = ['https://a.com']\n",
            2,
            "agents.default.network.allow[0]",
            "api.github.com",
        ),
        (
            "[agents.default]\nmodel = 'claud-sonnet-5-5'\n",
            2,
            "agents.default.model",
            'Did you mean "claude-sonnet-5-5"?',
        ),
        ("[agents.default]\nmodel = 'Claude Sonnet'\n", 2, "agents.default.model", "claude-sonnet-5-5"),
        (
            "[agents.default]\nmodels = ['gpt-5']\n",
            2,
            "agents.default.models",
            "no model's name of Anthropic's API",
        ),
        (
            "[agents.default]\nfallback_model = 'gpt-5'\nfallback_url = 'localhost:4000'\n",
            3,
            "agents.default.fallback_url",
            "https://api.anthropic.com",
        ),
        (
            "[agents.default]\nfallback_url = 'http://litellm:4000'\n",
            2,
            "agents.default.fallback_url",
            "Set fallback_model",
        ),
        (
            "[agents.default]\nfallback_model = 'claude-haiku-5-5'\nfallback_key_env = 'OTHERS_KEY'\n",
            3,
            "agents.default.fallback_key_env",
            "Set fallback_url",
        ),
        ("[agents.default.options]\nmax_token = 5\n", 2, "agents.default.options.max_token", '"max_tokens"'),
        (
            "[agents.default]\noptions = { effort = 'hight' }\n",
            2,
            "agents.default.options.effort",
            'Did you mean "high"?',
        ),
        (
            "[agents.default.options]\napprovers = ['U1']\n",
            2,
            "agents.default.options.approvers[0]",
            "slack:U1",
        ),
        (
            "[agents.default.options.mcp.github]\nurl = 'x'\n",
            2,
            "agents.default.options.mcp.github.url",
            "https://",
        ),
        ("[webhooks.ci]\nsecret_env = 's3cret!'\n", 2, "webhooks.ci.secret_env", "Put the secret into .env"),
    ],
)
def test_a_fault_is_told_with_its_line_its_key_and_what_to_do(
    tmp_path: Path, text: str, line: int, key: str, words: str
) -> None:
    found = [fault for fault in faults(tmp_path, text) if fault.key == key]
    assert found, faults(tmp_path, text)
    assert found[0].line == line
    assert re.search(words, f"{found[0].problem}. {found[0].remedy}")


def test_a_secret_in_the_file_is_not_shown_again(tmp_path: Path) -> None:
    text = "[slack]\nbot_token = 'xoxb-12'\n[model]\napi_key = 5\n[webhooks.ci]\nsecret_env = 's3cret!'\n"
    told = "".join(f"{fault.problem}{fault.remedy}" for fault in faults(tmp_path, text))
    assert not {"xoxb-12", "s3cret!"} & set(re.findall(r"[\w!-]+", told))


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "dta = 'x'\n[host]\nzone = 'Nowhere'\n[runner]\nlauncher = 'dokcer'\n[access]\nowners = ['U1']\n"
        "[agents.default.options]\neffort = 'hi'\ntools = ['bassh']\n[[routes]]\nagent = 'x'\n[[routes]]\n"
        f"{TASK}cron = 'x'\nzone = 'y'\n{TO_SLACK}"
    )
    found = faults(tmp_path, text)
    assert [fault.line for fault in found] == [1, 3, 5, 7, 9, 10, 12, 13, 17, 18]
    with pytest.raises(ConfigError, match=r"mine.toml has 10 faults:\n.*mine.toml:1: dta: unknown key"):
        load(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[host]\nzone = UTC\n", 2, "Text stands between quotes"),
        ("[host]\nbells = True\n", 2, "Write true instead of True"),
        ("[host]\nbells = yes\n", 2, "Write true instead of yes"),
        ("data = “here”\n", 1, "straight quotes"),
        ("[host\n", 1, "A section is written as"),
        ("launcher docker\n", 1, "Write key = value"),
        ("data =\n", 1, "Write a value"),
        ("data = 'a'\ndata = 'b'\n", 2, "there twice"),
        ("[host]\n[slack]\n[host]\n", 3, "there twice"),
        ('data = "C:\\data"\n', 1, "backslash"),
        ("data = 'a\n", 1, "close every quote"),
        ("[access]\nowners = ['slack:U1',\n", 2, "close every quote"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line_and_a_guess(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    (found,) = faults(tmp_path, text)
    assert (found.line, words in f"{found.problem}. {found.remedy}") == (line, True), found


def switched_on() -> str:
    return re.sub(r"(?m)^#(?=[\[a-z])", "", (ROOT / "dovecote.example.toml").read_text("utf-8"))


SETTINGS = [number for number, line in enumerate(switched_on().split("\n")) if re.match(r"\w+ = ", line)]


@pytest.mark.parametrize(
    "value", ['"?!"', "-7", "true", '["?!"]', "{ surely_unknown = 1 }", "2026-01-01", "nan", '""']
)
def test_no_wrong_value_of_any_key_meets_the_libraries_words_or_another_line(
    tmp_path: Path, value: str
) -> None:
    file = tmp_path / "mine.toml"
    refused = 0
    for number in SETTINGS:
        lines = switched_on().split("\n")
        lines[number] = f"{lines[number].partition(' = ')[0]} = {value}"
        file.write_text("\n".join(lines), "utf-8")
        if (error := refusal(file)) is not None:
            refused += 1
            assert not LIBRARY.search(str(error).replace(str(file), "")), error
            assert number + 1 in [fault.line for fault in error.faults] or "[" in error.faults[0].key, error
    assert refused > 10


def refusal(file: Path) -> ConfigError | None:
    try:
        load(file)
    except ConfigError as error:
        return error
    return None


def test_models_of_another_server_may_be_called_anything(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[model]\nbase_url = 'http://litellm:4000/v1'\n[agents.default]\nmodel = 'openai/gpt-5'\n"
    )
    assert load(file).agents["default"].model == "openai/gpt-5"
    file.write_text(
        "[agents.default]\nfallback_model = 'openai/gpt-5'\nfallback_url = 'http://litellm:4000/v1'\n"
    )
    assert load(file).agents["default"].fallback_url == "http://litellm:4000"


def test_the_console_and_other_ids_of_people_are_taken_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[access]\nowners = ['console:you', 'slack:W1', 'discord:1']\ngroups = ['slack:S1']\n")
    assert load(file).access.owners == ("console:you", "slack:W1", "discord:1")


def test_a_single_time_that_is_past_is_no_fault_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"{TASK}at = '2001-01-01 10:00'\n{TO_SLACK}")
    assert load(file).tasks[0].at == "2001-01-01 10:00"


def test_addresses_are_kept_in_the_shape_that_their_libraries_want(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[slack]\napi_url = 'http://127.0.0.1:1/api'\n[discord]\napi_url = 'http://127.0.0.1:2/api/v10/'\n"
    )
    found = load(file)
    assert found.slack is not None
    assert (found.slack.api_url, found.discord.api_url) == (
        "http://127.0.0.1:1/api/",
        "http://127.0.0.1:2/api/v10",
    )
    assert Config().discord.gateway_url == "wss://gateway.discord.gg/"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[budgets.person]\nbudget_usd_per_day = 1e308\n", "more than can be counted"),
        ("[model]\nbudget_usd_per_month = 1e13\n", "more than can be counted"),
        (
            "[model.prices.mine]\ninput = inf\noutput = 1\ncache_write = 1\ncache_read = 1\n",
            "must be at most 100000.",
        ),
    ],
)
def test_money_that_cannot_be_counted_is_refused_and_no_limit_is_inf(
    tmp_path: Path, text: str, problem: str
) -> None:
    (found,) = faults(tmp_path, text)
    assert (found.line, problem in f"{found.problem}.") == (2, True), found
    (tmp_path / "mine.toml").write_text("[model]\nbudget_usd_per_month = inf\n", "utf-8")
    assert load(tmp_path / "mine.toml").model.budget_usd_per_month == math.inf


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[access]\nowners = ['slack:T1/U1', 'slack:U2']\n", "access.owners[1]"),
        ("[access]\nusers = ['slack:U2']\n", "access.users[0]"),
        ("[access]\ngroups = ['slack:S2']\n", "access.groups[0]"),
        ("[access]\nchannels = ['slack:C2']\n", "access.channels[0]"),
        ("[agents.a.options]\napprovers = ['slack:U2']\n", "agents.a.options.approvers[0]"),
    ],
)
def test_where_workspaces_install_the_app_who_may_is_said_of_one_of_them(
    tmp_path: Path, text: str, key: str
) -> None:
    [fault] = faults(tmp_path, f"{text}[slack]\ninstalls = ['T1ABC']\n")
    assert key in str(fault)
    assert "names somebody else in each workspace" in str(fault)
    (tmp_path / "one.toml").write_text(text, "utf-8")
    assert load(tmp_path / "one.toml").slack is None
    with_discord = "[access]\nowners = ['slack:T1/U1', 'discord:2']\n[slack]\ninstalls = ['T1ABC']\n"
    (tmp_path / "both.toml").write_text(with_discord, "utf-8")
    assert load(tmp_path / "both.toml").slack is not None


def test_a_workspace_that_may_install_the_app_is_named_by_its_id(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, "[slack]\ninstalls = ['acme.slack.com']\n")
    assert "slack.installs" in str(fault)
    assert "begins with T" in str(fault)


def test_who_may_can_be_said_of_one_workspace_of_slack_and_of_none_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[access]\nowners = ['slack:T1/U1']\ngroups = ['slack:E1/S1']\nchannels = ['slack:T1/C1']\n"
        "[agents.default.options]\napprovers = ['slack:T1/W1']\n"
    )
    assert load(file).access.owners == ("slack:T1/U1",)
    for wrong, told in (
        ("[access]\nowners = ['slack:X1/U1']\n", "'X1' is no workspace's id of Slack"),
        ("[access]\nowners = ['slack:T1/C1']\n", "'C1' is no person's id of Slack"),
        ("[access]\nowners = ['slack:T1/T1/U1']\n", "'T1/T1' is no workspace's id of Slack"),
        ("[access]\nowners = ['slack:/U1']\n", "'' is no workspace's id of Slack"),
        ("[access]\nowners = ['discord:1/2']\n", "'1/2' is no person's id of Discord"),
        (
            f"{TASK}cron = '@daily'\nmentions = ['slack:T1/U1']\n{TO_SLACK}",
            "'T1/U1' is no person's id of Slack",
        ),
    ):
        file.write_text(wrong)
        assert (error := refusal(file)) is not None
        assert told in str(error)
