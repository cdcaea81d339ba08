from __future__ import annotations

from opsagent.settings.surroundings import proxies, surroundings

ENVIRON = {
    "HOME": "/home/ada",
    "PATH": "/bin",
    "OPENAI_API_KEY": "sk-one",
    "AWS_SECRET_ACCESS_KEY": "two",
    "AWS_CONFIG_FILE": "/etc/aws",
    "https_proxy": "http://user:pass@Proxy.example:3128",
    "HTTPS_PROXY": "",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/etc/ca.pem",
}


def test_a_child_gets_the_way_out_and_no_key() -> None:
    kept = surroundings("openai", ENVIRON)
    assert set(kept) == {"https_proxy", "NO_PROXY", "SSL_CERT_FILE"}
    assert proxies(kept) == ("proxy.example",)


def test_bedrock_gets_what_awss_tools_look_for() -> None:
    kept = surroundings("bedrock", ENVIRON)
    assert kept["AWS_SECRET_ACCESS_KEY"] == "two"
    assert kept["AWS_CONFIG_FILE"] == "/etc/aws"
    assert kept["AWS_SHARED_CREDENTIALS_FILE"] == "/home/ada/.aws/credentials"
    assert "OPENAI_API_KEY" not in kept


def test_nothing_set_is_nothing_kept() -> None:
    assert surroundings("ollama", {}) == {}
    assert proxies({}) == ()
