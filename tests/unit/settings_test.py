"""Settings from the environment and from a file: what is right is read, what is wrong is named."""

from datetime import UTC, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pbxcrm.settings import Settings, WrongSetting, hours, load, table


def test_nothing_set_is_the_demo() -> None:
    assert load({"HOME": "/root"}) == Settings()
    assert Settings().demo


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "pbxcrm.toml"
    file.write_text('http_port = 9000\ndefault_region = "ir"\ndial_prefixes = ["+49", "+43"]\nami_tls = true\n')
    found = load({"PBXCRM_CONFIG": str(file), "PBXCRM_HTTP_PORT": "9001"})
    assert (found.http_port, found.region, found.dial_prefixes, found.ami_tls) == (9001, "IR", ("+49", "+43"), True)


def test_a_secret_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("canary-7Q\n")
    found = load({"PBXCRM_AMI_HOST": "pbx", "PBXCRM_AMI_SECRET_FILE": str(file)})
    assert found.ami_secret == "canary-7Q"
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("NONSENSE", "1", "PBXCRM_NONSENSE is no setting"),
        ("AMI_PORT", "0", "PBXCRM_AMI_PORT must be a whole number from 1 to 65535"),
        ("AMI_PORT", "5038.5", "PBXCRM_AMI_PORT must be a whole number"),
        ("AMI_TLS", "perhaps", "PBXCRM_AMI_TLS must be yes or no"),
        ("DEAL_OWNER", "middle", "PBXCRM_DEAL_OWNER must be one of FIRST, LAST"),
        ("DEFAULT_REGION", "XX", "PBXCRM_DEFAULT_REGION must be a country's two letters"),
        ("CURRENCY", "XYZW", "PBXCRM_CURRENCY must be a currency's three letters"),
        ("DIAL_HOURS", "08:00", "PBXCRM_DIAL_HOURS must be like"),
        ("DIAL_HOURS", "08:00-08:00", "PBXCRM_DIAL_HOURS must be like"),
        ("DIAL_HOURS", "08:00-25:00", "PBXCRM_DIAL_HOURS must be like"),
        ("DIAL_HOURS", "08:00-20:00 Europe/Nowhere", "PBXCRM_DIAL_HOURS must be like"),
        ("DIAL_HOURS", "08:00-20:00 ../../etc/passwd", "PBXCRM_DIAL_HOURS must be like"),
        ("DIAL_DENIED", "+48,x", "PBXCRM_DIAL_DENIED names 'x'"),
        ("AGI_PEERS", "127.0.0.1,pbx", "PBXCRM_AGI_PEERS names 'pbx'"),
        ("RECORDINGS", "/nowhere", "PBXCRM_RECORDINGS names /nowhere"),
        ("AMI_TLS_CA", "/nowhere.pem", "PBXCRM_AMI_TLS_CA names /nowhere.pem, which is no file"),
        ("AMI_HOST", "pbx", "PBXCRM_AMI_HOST is set, but no PBXCRM_AMI_SECRET"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(WrongSetting, match=says) as refused:
        load({f"PBXCRM_{name}": value})
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    file = tmp_path / "pbxcrm.toml"
    file.write_text("http_port: 9000")
    with pytest.raises(WrongSetting, match="is no TOML"):
        load({"PBXCRM_CONFIG": str(file)})


def test_every_setting_says_what_it_is() -> None:
    assert all(name.startswith("PBXCRM_") and text for name, _, text in table())


def test_hours_have_a_clock() -> None:
    assert hours("") == (None, UTC)
    assert hours("08:00-20:00") == ((time(8), time(20)), UTC)
    assert hours("22:30-06:00 Europe/Warsaw") == ((time(22, 30), time(6)), ZoneInfo("Europe/Warsaw"))
