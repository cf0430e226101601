# SPDX-License-Identifier: Apache-2.0
"""Keys that look real and open nothing.  They are made of parts when a test runs, so that none is ever committed."""

import hashlib
import string

from smartagent.cli.scan.detecting import findings_in
from smartagent.cli.scan.model import Text

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"


def chars(label, count, alphabet=LETTERS):
    """Return characters that are the same for each label, and look like chance."""
    raw = hashlib.shake_256(label.encode()).digest(count)
    return "".join(alphabet[byte % len(alphabet)] for byte in raw)


def openai(label="o"):
    return "sk-" + "proj-" + chars(label, 74) + "T3Blbk" + "FJ" + chars(label + "2", 74)


def planted(label="a"):
    """Return one key of each kind that can be moved: its variable, itself, and its upstream."""
    return {
        "ANTHROPIC_API_KEY": ("sk-" + "ant-api03-" + chars(label + "an", 93) + "AA", "anthropic"),
        "OPENROUTER_API_KEY": ("sk-" + "or-v1-" + chars(label + "or", 64, HEX), "openrouter"),
        "OPENAI_API_KEY": (openai(label), "openai"),
        "GITHUB_TOKEN": ("gh" + "p_" + chars(label + "gh", 36), "github"),
        "GITLAB_TOKEN": ("glp" + "at-" + chars(label + "gl", 20), "gitlab"),
        "SLACK_BOT_TOKEN": (
            "xo" + "xb-" + chars(label + "sl", 12, "123456789") + "-" + chars(label, 24),
            "slack",
        ),
        "STRIPE_KEY": ("sk_" + "live_" + chars(label + "st", 24), "stripe"),
        "GEMINI_API_KEY": ("AI" + "za" + chars(label + "go", 35), "gemini"),
        "HF_TOKEN": ("h" + "f_" + chars(label + "hf", 34), "huggingface"),
        "SENDGRID_API_KEY": (
            "S" + "G." + chars(label + "sg", 22) + "." + chars(label + "s2", 43),
            "sendgrid",
        ),
        "GROQ_API_KEY": ("gs" + "k_" + chars(label + "gr", 52), "groq"),
        "XAI_API_KEY": ("xa" + "i-" + chars(label + "xa", 80), "xai"),
        "REPLICATE_API_TOKEN": ("r" + "8_" + chars(label + "re", 37), "replicate"),
        "PPLX_API_KEY": ("pp" + "lx-" + chars(label + "pp", 48), "perplexity"),
        "NOTION_TOKEN": ("nt" + "n_" + chars(label + "no", 46), "notion"),
        "TAVILY_API_KEY": ("tv" + "ly-dev-" + chars(label + "tv", 32), "tavily"),
        "PINECONE_API_KEY": ("pc" + "sk_" + chars(label, 5) + "_" + chars(label + "pc", 63), "pinecone"),
        "DO_TOKEN": ("dop" + "_v1_" + chars(label + "do", 64, HEX), "digitalocean"),
        "LANGSMITH_API_KEY": (
            "lsv2" + "_pt_" + chars(label + "ls", 32, HEX) + "_" + chars(label + "l2", 10, HEX),
            "langsmith",
        ),
        "DD_API_KEY": (chars(label + "dd", 32, HEX), "datadog"),
        "MISTRAL_API_KEY": (chars(label + "mi", 32), "mistral"),
        "DEEPSEEK_API_KEY": ("sk" + "-" + chars(label + "de", 32, HEX), "deepseek"),
    }


def for_people(label="a"):
    """Return keys that a person decides about: what a file says, the key in it, and what it is called."""
    pem = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n"
    pem += chars(label + "pem", 200) + "\n-----END OPENSSH " + "PRIVATE KEY-----"
    service = (
        "-----BEGIN " + "PRIVATE KEY-----\\n" + chars(label + "sa", 90) + "\\n-----END " + "PRIVATE KEY-----"
    )
    password = chars(label + "pw", 16)
    jwt = "ey" + "JhbGciOiJIUzI1NiJ9" + ".ey" + "J" + chars(label + "jw", 60) + "." + chars(label + "j2", 43)
    azure = chars(label + "az", 3) + "8" + "Q~" + chars(label + "a2", 34)
    aws = "AK" + "IA" + chars(label + "aw", 16, BASE32)
    secret = chars(label + "as", 40, LETTERS + "/+")
    twilio = chars(label + "tw", 32, HEX)
    npm, pypi = "np" + "m_" + chars(label + "np", 36), "py" + "pi-AgEIcHlwaS5vcmc" + chars(label + "py", 120)
    return [
        (f"//registry/:_authToken={npm}", npm, "npm token"),
        (f"password = {pypi}", pypi, "PyPI token"),
        (f"AWS_ACCESS_KEY_ID={aws}", aws, "AWS access key id"),
        (f"aws_secret_access_key = {secret}", secret, "AWS secret access key"),
        (f"TWILIO_AUTH_TOKEN='{twilio}'", twilio, "Twilio auth token"),
        (f'AZURE_CLIENT_SECRET="{azure}"', azure, "Azure client secret"),
        (f'"private_key": "{service}\\n"', service, "Google service account key"),
        (pem, pem, "private key"),
        (f"postgresql+asyncpg://app:{password}@db.acme.io/x", password, "PostgreSQL password"),
        (f"mysql://app:{password}@db.acme.io/x", password, "MySQL password"),
        (f"redis://:{password}@cache.acme.io/0", password, "password in an address"),
        (f"url = https://x-token:{password}@git.acme.io/x", password, "password in a web address"),
        (f"Authorization: Bearer {jwt}", jwt, "JWT"),
    ]


def nothing(raw):
    """Stand for a detector library that finds nothing."""
    return []


def found(name, raw, detect=nothing):
    return findings_in(Text(name, raw.encode() if isinstance(raw, str) else raw), detect)
