# SPDX-License-Identifier: Apache-2.0
"""Where settings come from, and what is refused."""

import msgspec
import pytest

from smartagent.server.config import ConfigError, load
from smartagent.server.settings import Settings, derived, shown


def write(tmp_path, text):
    path = tmp_path / "smartagent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_beat_the_environment_which_beats_the_file(tmp_path):
    file = write(tmp_path, "port = 1001\nworkers = 2\nlisten = '::1'\n")
    environ = {"SMARTAGENT_PORT": "1002", "SMARTAGENT_WORKERS": "3", "HOME": "/x"}

    config = load({"port": 1003, "workers": None}, environ, file)

    assert (config.settings.port, config.settings.workers, config.settings.listen) == (1003, 3, "::1")
    assert config.origins["port"] == "flag"
    assert config.origins["workers"] == "environment SMARTAGENT_WORKERS"
    assert config.origins["listen"] == str(file)


def test_what_nobody_set_is_the_default_or_derived():
    config = load({"port": 9000}, {}, None)

    assert config.settings.issuer == "http://127.0.0.1:9000"
    assert config.settings.gateway_url == "http://127.0.0.1:8701"
    rows = {row.name: row for row in config.explain()}
    assert rows["issuer"].origin == "derived"
    assert rows["gateway_port"].origin == "default"
    assert set(rows) == set(Settings.__struct_fields__)


def test_every_setting_is_explained():
    rows = load({}, {}, None).explain()

    assert all(row.description for row in rows)
    assert {row.unit for row in rows if row.name.endswith("_seconds")} == {"s"}


def test_the_file_can_be_named_by_the_environment(tmp_path):
    file = write(tmp_path, "port = 1001\n")

    assert load({}, {"SMARTAGENT_CONFIG": str(file)}).settings.port == 1001


@pytest.mark.parametrize(
    ("flags", "environ", "text", "words"),
    [
        ({}, {"SMARTAGENT_PROT": "1"}, "", "did you mean SMARTAGENT_PORT?"),
        ({"worker": "1"}, {}, "", "did you mean --workers?"),
        ({}, {}, "prot = 1", "did you mean port?"),
        ({}, {}, "qqqq = 1", "which does not exist"),
        ({}, {"SMARTAGENT_PORT": "abc"}, "", "SMARTAGENT_PORT from environment"),
        ({}, {}, "port = '8700'", None),
        ({}, {}, "port = true", "port from"),
        ({}, {}, "port = 70000", "port from"),
        ({}, {}, "log_format = 'xml'", "log_format from"),
        ({}, {}, "port = ", "is not TOML"),
        ({"workers": "0"}, {}, "", "--workers from flag"),
    ],
)
def test_a_setting_that_is_unknown_or_wrong_is_refused_where_it_stands(tmp_path, flags, environ, text, words):
    file = write(tmp_path, text)

    if words is None:
        assert load(flags, environ, file).settings.port == 8700
        return
    with pytest.raises(ConfigError) as refused:
        load(flags, environ, file)
    assert words in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError) as refused:
        load({}, {}, tmp_path / "nowhere.toml")

    assert "nowhere.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("postgresql://app:s3cret@db:5432/smart", "postgresql://app:***@db:5432/smart"),
        ("postgresql://app@db/smart", "postgresql://app@db/smart"),
        ("postgresql://db/smart?user=a&password=s3cret", "postgresql://db/smart?user=a&password=***"),
        ("/var/lib/smartagent.db", "/var/lib/smartagent.db"),
    ],
)
def test_a_password_is_never_shown(value, printed):
    assert shown("store", value) == printed
    settings = derived(msgspec.structs.replace(Settings(), store=value))
    assert settings.store == value


def test_settings_travel_to_the_workers_as_json():
    settings = derived(Settings(port=9000))

    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings


def test_the_other_commands_variables_are_not_settings():
    environ = {"SMARTAGENT_PROFILE": "x", "SMARTAGENT_SERVER": "y", "SMARTAGENT_CI_MUST_RUN": "1"}

    assert load({}, environ).origins.keys() <= {"store", "root_key", "issuer", "gateway_url"}
