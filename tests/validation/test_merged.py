from __future__ import annotations

from tests.validation.conftest import Validate

CHART = {
    "app/Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n",
    "app/values.yaml": "mail:\n  host: mail.example.org\n",
    "app/values.schema.json": """
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
         "properties": {"mail": {"required": ["host", "port"], "properties": {"port": {"type": "integer"}}}}}
    """,
}


def test_a_key_may_come_from_an_encrypted_file(validate: Validate) -> None:
    files = CHART | {"app/values-production.yaml": "replicas: 2\n"}
    assert validate(files) == [("HM301", "error", "app/values.yaml:1:1")]
    sealed = "mail:\n    port: ENC[AES256_GCM,data:x,type:int]\nsops:\n    mac: ENC[AES256_GCM,data:x,type:str]\n"
    values = ["-f", "app/values.yaml", "-f", "app/values-production.yaml", "-f", "app/secrets.yaml"]
    assert validate(files | {"app/secrets.yaml": sealed}, *values) == []
    wrong = files | {"app/values-production.yaml": "mail: {port: '587'}\n", "app/secrets.yaml": sealed}
    assert [each[0] for each in validate(wrong, *values)] == ["HM301"]


def test_the_users_schema_is_for_every_release(validate: Validate) -> None:
    schema = '{"type": "object", "properties": {"replicas": {"minimum": 2}}}'
    files = {"platform.schema.json": schema, "values-a.yaml": "replicas: 1\n", "values-b.yaml": "replicas: 2\n"}
    found = validate(files, "values-a.yaml", "values-b.yaml", "--schema", "platform.schema.json")
    assert found == [("HM302", "error", "values-a.yaml:1:11")]
