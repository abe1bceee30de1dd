from __future__ import annotations

from tests.validation.conftest import Validate

BLOCK = """
    env:
      EMAIL_HOST: {host}
      EMAIL_PORT: {port}
      EMAIL_USE_TLS: true
      DEFAULT_FROM_EMAIL: noreply@example.fr
"""


def environments(**hosts: tuple[str, int]) -> dict[str, str]:
    return {
        f"values-{name}.yaml": BLOCK.format(host=host, port=port).replace("\n    env", "\n    env")
        for name, (host, port) in hosts.items()
    }


def test_one_environment_that_differs_is_noted(validate: Validate) -> None:
    usual = ("mail.example.org", 587)
    files = environments(staging=usual, preprod=usual, production=("mail.example.org", 25))
    assert [each for each in validate(files, notes=True) if each[0] == "HM210"] == [
        ("HM210", "note", "values-production.yaml:3:3")
    ]


def test_a_developers_mail_catcher_differs_rightly(validate: Validate) -> None:
    usual = ("mail.example.org", 587)
    files = environments(dev=("mailcatcher", 1025), staging=usual, preprod=usual, production=usual)
    assert [each for each in validate(files, notes=True) if each[0] == "HM210"] == []


def test_a_worker_that_stayed_at_the_old_server(validate: Validate) -> None:
    text = """
        backend:
          env:
            EMAIL_HOST: smtp.tem.scaleway.com
            EMAIL_PORT: 587
        worker:
          env:
            EMAIL_HOST: snap-mail.numerique.gouv.fr
            EMAIL_PORT: 465
            EMAIL_USE_SSL: true
    """
    found = validate({"values-production.yaml": text})
    assert ("HM221", "warning", "values-production.yaml:7:5") in found
    whole = text.replace("smtp.tem.scaleway.com", "snap-mail.numerique.gouv.fr")
    assert "HM221" not in {rule for rule, _, _ in validate({"values-production.yaml": whole})}
