# SPDX-License-Identifier: Apache-2.0
"""The kinds of keys that are known, and what replaces each.

A key that has a form of its own is found by that form alone.  One that has none is found by the name that it is given
to.  The order matters: of two kinds that fit one place, the first is taken.
"""

import re
from typing import Final

from smartagent.cli.scan.model import Binding, KeyKind, Means

_ALONE: Final = rb"(?<![A-Za-z0-9_-])(?P<key>%s)(?![A-Za-z0-9_-])"
_NAMED: Final = rb"(?i:%s)[\"'`]?\s{0,8}[:=]{1,2}\s{0,8}[\"'`]?(?P<key>%s)(?![A-Za-z0-9_/+=-])"
_IN_URL: Final = rb"(?:%s)(?:\+[a-z0-9]+)?://[^\s:/@'\"<>]{0,64}:(?P<key>[^\s:/@'\"<>${}*]{4,200})@"

_LEASE_DATABASE: Final = "Lease a login for each session: docs/how-to/lease-a-database-login.md."
_LEASE_MARIADB: Final = "Lease a login for each session: docs/how-to/lease-a-mariadb-login.md."
_LEASE_AWS: Final = "Lease keys for each session: docs/how-to/lease-aws-credentials.md."
_LEASE_SSH: Final = "For SSH, lease a certificate for each session: docs/how-to/lease-an-ssh-certificate.md."
_CLOUDS: Final = "Use workload federation: docs/how-to/lease-google-cloud-and-azure-tokens.md."
_TWILIO: Final = "Put ACCOUNT-SID:TOKEN into the vault, for https://api.twilio.com with --place basic."
_JWT: Final = "Whoever issued it can verify agents' own tokens instead: docs/how-to/verify-tokens.md."
_PUBLISHING: Final = "Let the job that publishes prove itself: its registry calls this trusted publishing."
_KEEP: Final = (
    "Put it into the vault and lease it to programs: docs/how-to/run-a-program-with-credentials.md."
)
_LOGIN_IN_URL: Final = "Put USER:PASSWORD into the vault, for that host with --place basic."
UNKNOWN_ADVICE: Final = (
    "Put it into the vault, and say which upstream it is for: docs/how-to/put-a-secret-in-its-place.md."
)


def _alone(title: str, prefix: str, rest: str, binding: Binding, hint: str = "") -> KeyKind:
    """Return a kind that is known by its beginning; `rest` is what follows it."""
    pattern = re.compile(_ALONE % (re.escape(prefix) + rest).encode())
    return KeyKind(title, prefix, (hint or prefix).lower().encode(), pattern, Means.GATEWAY, binding)


def _named(title: str, names: str, form: str, binding: Binding, hint: str) -> KeyKind:
    """Return a kind that is known by the name that it is given to."""
    pattern = re.compile(_NAMED % (names.encode(), form.encode()))
    return KeyKind(title, "", hint.encode(), pattern, Means.GATEWAY, binding)


def _by_hand(title: str, hint: str, pattern: bytes, means: Means, advice: str, prefix: str = "") -> KeyKind:
    """Return a kind whose replacement needs a person's decision."""
    return KeyKind(title, prefix, hint.encode(), re.compile(pattern), means, None, advice)


_API_KEYS: Final = (
    _alone(
        "Anthropic API key",
        "sk-ant-",
        "api[0-9]{2}-[A-Za-z0-9_-]{80,120}",
        Binding("anthropic", "https://api.anthropic.com", "header:x-api-key"),
    ),
    _alone(
        "OpenRouter API key",
        "sk-or-v1-",
        "[0-9a-f]{64}",
        Binding("openrouter", "https://openrouter.ai", "bearer"),
    ),
    _alone(
        "OpenAI API key",
        "sk-",
        "[A-Za-z0-9_-]{20,120}T3BlbkFJ[A-Za-z0-9_-]{20,120}",
        Binding("openai", "https://api.openai.com", "bearer"),
        "t3blbkfj",
    ),
    _alone(
        "GitHub token",
        "gh",
        "[pousr]_[A-Za-z0-9]{36,251}",
        Binding("github", "https://api.github.com", "bearer"),
    ),
    _alone(
        "GitHub fine-grained token",
        "github_pat_",
        "[A-Za-z0-9_]{82}",
        Binding("github", "https://api.github.com", "bearer"),
    ),
    _alone(
        "GitLab token",
        "glpat-",
        "[A-Za-z0-9_.-]{20,300}",
        Binding("gitlab", "https://gitlab.com", "header:PRIVATE-TOKEN"),
    ),
    _alone(
        "Slack token", "xox", "[abp]-[0-9A-Za-z-]{20,250}", Binding("slack", "https://slack.com", "bearer")
    ),
    _alone(
        "Stripe secret key",
        "sk_",
        "(?:live|test)_[A-Za-z0-9]{20,250}",
        Binding("stripe", "https://api.stripe.com", "bearer"),
    ),
    _alone(
        "Stripe restricted key",
        "rk_",
        "(?:live|test)_[A-Za-z0-9]{20,250}",
        Binding("stripe", "https://api.stripe.com", "bearer"),
    ),
    _alone(
        "Google API key",
        "AIza",
        "[A-Za-z0-9_-]{35}",
        Binding("gemini", "https://generativelanguage.googleapis.com", "header:x-goog-api-key"),
    ),
    _alone(
        "Hugging Face token",
        "hf_",
        "[A-Za-z0-9]{34}",
        Binding("huggingface", "https://huggingface.co", "bearer"),
    ),
    _alone(
        "SendGrid API key",
        "SG.",
        "[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}",
        Binding("sendgrid", "https://api.sendgrid.com", "bearer"),
    ),
    _alone("Groq API key", "gsk_", "[A-Za-z0-9]{52}", Binding("groq", "https://api.groq.com", "bearer")),
    _alone("xAI API key", "xai-", "[A-Za-z0-9]{80}", Binding("xai", "https://api.x.ai", "bearer")),
    _alone(
        "Replicate token",
        "r8_",
        "[A-Za-z0-9]{37}",
        Binding("replicate", "https://api.replicate.com", "bearer"),
    ),
    _alone(
        "Perplexity API key",
        "pplx-",
        "[A-Za-z0-9]{48}",
        Binding("perplexity", "https://api.perplexity.ai", "bearer"),
    ),
    _alone(
        "Notion token", "ntn_", "[A-Za-z0-9]{40,60}", Binding("notion", "https://api.notion.com", "bearer")
    ),
    _alone(
        "Tavily API key",
        "tvly-",
        "[A-Za-z0-9-]{20,60}",
        Binding("tavily", "https://api.tavily.com", "bearer"),
    ),
    _alone(
        "Pinecone API key",
        "pcsk_",
        "[A-Za-z0-9]{4,6}_[A-Za-z0-9]{60,66}",
        Binding("pinecone", "https://api.pinecone.io", "header:Api-Key"),
    ),
    _alone(
        "DigitalOcean token",
        "dop_v1_",
        "[0-9a-f]{64}",
        Binding("digitalocean", "https://api.digitalocean.com", "bearer"),
    ),
    _alone(
        "LangSmith API key",
        "lsv2_",
        "(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}",
        Binding("langsmith", "https://api.smith.langchain.com", "header:x-api-key"),
    ),
    _named(
        "Datadog API key",
        "(?:dd|datadog)[_-]?api[_-]?key",
        "[0-9a-f]{32}",
        Binding("datadog", "https://api.datadoghq.com", "header:DD-API-KEY"),
        "api",
    ),
    _named(
        "Mistral API key",
        "mistral[_-]?api[_-]?key",
        "[A-Za-z0-9]{32}",
        Binding("mistral", "https://api.mistral.ai", "bearer"),
        "mistral",
    ),
    _named(
        "DeepSeek API key",
        "deepseek[_-]?api[_-]?key",
        "sk-[0-9a-f]{32}",
        Binding("deepseek", "https://api.deepseek.com", "bearer"),
        "deepseek",
    ),
)

_BY_HAND: Final = (
    _by_hand("npm token", "npm_", _ALONE % rb"npm_[A-Za-z0-9]{36}", Means.WORKLOAD, _PUBLISHING, "npm_"),
    _by_hand(
        "PyPI token",
        "pypi-",
        _ALONE % rb"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,400}",
        Means.WORKLOAD,
        _PUBLISHING,
        "pypi-",
    ),
    _by_hand(
        "AWS access key id",
        "akia",
        rb"(?<![A-Za-z0-9])(?P<key>AKIA[A-Z2-7]{16})(?![A-Za-z0-9])",
        Means.LEASE,
        _LEASE_AWS,
        "AKIA",
    ),
    _by_hand(
        "AWS secret access key",
        "secret",
        _NAMED % (rb"aws[a-z_-]{0,20}secret[a-z_-]{0,20}", rb"[A-Za-z0-9/+]{40}"),
        Means.LEASE,
        _LEASE_AWS,
    ),
    _by_hand(
        "Twilio auth token",
        "twilio",
        _NAMED % (rb"twilio[a-z_-]{0,20}token", rb"[0-9a-f]{32}"),
        Means.GATEWAY,
        _TWILIO,
    ),
    _by_hand(
        "Azure client secret",
        "q~",
        rb"(?<![A-Za-z0-9_.~-])(?P<key>[A-Za-z0-9_~.]{3}[78]Q~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~.-])",
        Means.WORKLOAD,
        _CLOUDS,
    ),
    _by_hand(
        "Azure storage key",
        "accountkey",
        rb"AccountKey=(?P<key>[A-Za-z0-9+/]{86}==)",
        Means.WORKLOAD,
        _CLOUDS,
    ),
    _by_hand(
        "Google service account key",
        "private_key",
        rb'"private_key"\s*:\s*"(?P<key>-----BEGIN PRIVATE KEY-----[A-Za-z0-9+/=\\]{40,8000}-----END PRIVATE KEY-----)',
        Means.WORKLOAD,
        _CLOUDS,
    ),
    _by_hand(
        "private key",
        "private key-----",
        rb"(?P<key>-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY-----[^-]{40,8000}-----END (?:[A-Z]{2,9} )?PRIVATE KEY-----)",
        Means.LEASE,
        _LEASE_SSH,
        "-----BEGIN",
    ),
    _by_hand("PostgreSQL password", "postgres", _IN_URL % rb"postgres(?:ql)?", Means.LEASE, _LEASE_DATABASE),
    _by_hand("MySQL password", "://", _IN_URL % rb"mysql|mariadb", Means.LEASE, _LEASE_MARIADB),
    _by_hand(
        "password in an address", "://", _IN_URL % rb"mongodb|rediss?|amqps?|smtps?", Means.VAULT, _KEEP
    ),
    _by_hand("password in a web address", "://", _IN_URL % rb"https?", Means.GATEWAY, _LOGIN_IN_URL),
    _by_hand(
        "JWT",
        "eyj",
        _ALONE % rb"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,1000}",
        Means.WORKLOAD,
        _JWT,
        "eyJ",
    ),
)

BY_NAME: Final = KeyKind(
    "secret by its name",
    "",
    b"",
    re.compile(
        rb"(?i:password|passwd|secret|token|api_?key|access_?key|private_?key)[\"'`]?\s{0,8}[:=]\s{0,8}[\"'`]?"
        rb"(?P<key>(?!https?:)(?=[^\s\"'`$<>{},;]{0,200}[0-9])(?=[^\s\"'`$<>{},;]{0,200}[A-Za-z])[^\s\"'`$<>{},;]{12,200})"
    ),
    Means.VAULT,
    None,
    _KEEP,
)
"""What no form tells: a variable in a file of settings that is called like one, with letters and digits in it."""

KINDS: Final = (*_API_KEYS, *_BY_HAND)
