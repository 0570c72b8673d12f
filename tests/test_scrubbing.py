from __future__ import annotations

import pytest

from warehouse.scrubbing import MASK, is_secret_name, looks_secret, secrets_of


@pytest.mark.parametrize(
    "name",
    [
        *("DB_PASSWORD", "PGPASSWORD", "SLACK_TOKEN", "AWS_SECRET_ACCESS_KEY", "ACCESS_KEY", "OPENLINEAGE_API_KEY"),
        *("WAREHOUSE_NOTIFY_URLS", "SHOP_DSN", "basic_auth", "GOOGLE_CREDENTIALS", "TEAM_WEBHOOK"),
    ],
)
def test_names_that_speak_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["PATH", "HOME", "KEYBOARD", "AUTHOR", "COMPASS_DIR", "KEY", "TOKYO", "WAREHOUSE_LOG"])
def test_names_that_do_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("environment", "text", "scrubbed"),
    [
        ({"DB_PASSWORD": "hunter22"}, "login hunter22 failed", "login *** failed"),
        ({"DB_PASSWORD": "p@ss/wörd"}, "at p%40ss%2Fw%C3%B6rd, p@ss/wörd", "at ***, ***"),
        ({"DB_PASSWORD": 'a"b\\cd'}, '{"x": "a\\"b\\\\cd"}', '{"x": "***"}'),
        ({"URL": "postgres://me:hidden@db/x"}, "hidden in postgres://me:hidden@db/x", "*** in postgres://me:***@db/x"),
        ({}, "postgres://me:hidden@db:5432/x", "postgres://me:***@db:5432/x"),
        ({"MY_NOTIFY_URLS": "slack://T1JJ3T3L2/A1BRTD4JD/x"}, "token T1JJ3T3L2, A1BRTD4JD", "token ***, ***"),
        ({"TEAM_WEBHOOK": "https://hooks.example.com/services/T1JJ3T3L2"}, "hooks.example.com/services", None),
        ({"DB_PASSWORD": "abc"}, "abc is too short to be masked everywhere", None),
        ({"USE_TOKEN": "true"}, "it is true", None),
        ({"A_TOKEN": "secret-1", "B_TOKEN": "secret-1234"}, "secret-1234", "***"),
    ],
    ids=[
        *("a value", "within an address", "within JSON", "an address elsewhere", "an address of nobody", "slack"),
        *("a host and plain words", "short", "a plain word", "one within another"),
    ],
)
def test_what_is_secret_is_masked_and_nothing_else(
    environment: dict[str, str], text: str, scrubbed: str | None
) -> None:
    assert secrets_of(environment).scrub(text) == (text if scrubbed is None else scrubbed)


def test_values_within_json_and_its_keys_are_masked() -> None:
    secrets = secrets_of({"A_TOKEN": "planted-secret"})

    scrubbed = secrets.scrub_value({"planted-secret": ["x planted-secret", 1, None, {"a": "b"}]})

    assert scrubbed == {MASK: [f"x {MASK}", 1, None, {"a": "b"}]}


def test_named_variables_count_whatever_their_names() -> None:
    environment = {"TEAM": "planted-secret"}

    assert secrets_of(environment).scrub("planted-secret") == "planted-secret"
    assert secrets_of(environment, also=["TEAM"]).scrub("planted-secret") == MASK


def test_secrets_show_none_of_themselves() -> None:
    assert "planted" not in repr(secrets_of({"A_TOKEN": "planted-secret"}))


def test_documents_keep_words_that_are_somebodys_password() -> None:
    secrets = secrets_of({"PGPASSWORD": "test", "X_TOKEN": "Ab3dEf9h1j"})
    document = {"type": "test", "message": "the test failed", "list": ["Ab3dEf9h1j", 1, None], "Ab3dEf9h1j": "test"}

    assert secrets.scrub_document(document) == {
        "type": "test",
        "message": "the *** failed",
        "list": ["***", 1, None],
        "***": "test",
    }
    assert secrets.scrub_value(document)["type"] == "***"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("customer_id", False), ("postgres", False), ("services", False), ("Violet42lake", True), ("x" * 16, True)],
)
def test_what_looks_like_a_secret(text: str, expected: bool) -> None:
    assert looks_secret(text) is expected


def test_tokens_in_the_address_of_a_cluster_are_masked() -> None:
    secrets = secrets_of({"SPARK_REMOTE": "sc://host:443/;use_ssl=true;token=abcd1234"})

    assert secrets.scrub("refused: abcd1234") == "refused: ***"
    assert secrets_of({}).scrub("sc://host/;token=xyz;user_id=me") == "sc://host/;token=***;user_id=me"
